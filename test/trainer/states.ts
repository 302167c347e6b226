import type { Weights } from '../../src/methods/method.ts';
import type { TrainingStep } from '../../src/trainer/step.ts';

/** All states of a training at once. */
export async function statesOf(training: TrainingStep): Promise<Weights> {
  const out: Weights = {};
  for (const [name, { shape, read }] of Object.entries(training.state())) out[name] = { data: await read(), shape };
  return out;
}
