/** Learning-rate schedules: step → factor of the base rate. Steps count from 0. */
export type ScheduleName = 'constant' | 'cosine';

/** Linear warm-up over `warmup` steps, then constant or a half cosine down to zero at `steps`. */
export function schedule(name: ScheduleName, steps: number, warmup = 0): (step: number) => number {
  return (step) => {
    if (step < warmup) return (step + 1) / warmup;
    if (name === 'constant') return 1;
    return 0.5 * (1 + Math.cos((Math.PI * (step - warmup)) / Math.max(1, steps - warmup)));
  };
}
