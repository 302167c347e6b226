/** Samplers as functions: a denoiser and first noise in, clean latents out. */
import { alphasCumprod, splitPrediction } from '../diffusion/schedule.ts';
import type { SchedulerConfig } from '../diffusion/schedule.ts';

/** Predicts, for latents at one timestep, what the schedule's parametrisation asks for; guidance included. */
export type Denoise = (latents: Float32Array, timestep: number) => Promise<Float32Array>;

export interface SamplerOptions {
  steps: number;
  /** Told after each step: the latents as they would be, were all noise taken away now. */
  onStep?: (step: number, clean: Float32Array) => void;
}
export type Sampler = (denoise: Denoise, noise: Float32Array, schedule: SchedulerConfig, options: SamplerOptions) => Promise<Float32Array>;

/** Descending timesteps, spaced as diffusers' "leading". */
export function leadingTimesteps(schedule: SchedulerConfig, steps: number): number[] {
  const stride = Math.floor(schedule.num_train_timesteps / steps);
  return Array.from({ length: steps }, (_, i) =>
    Math.min((steps - 1 - i) * stride + schedule.steps_offset, schedule.num_train_timesteps - 1),
  );
}

/** DDIM with η = 0 (Song et al., 2021, equation 12). */
export const ddim: Sampler = async (denoise, noise, schedule, { steps, onStep }) => {
  const alphas = alphasCumprod(schedule);
  const stride = Math.floor(schedule.num_train_timesteps / steps);
  let sample = noise.slice();
  for (const [i, t] of leadingTimesteps(schedule, steps).entries()) {
    const prediction = await denoise(sample, t);
    const before = t - stride;
    const next = before >= 0 ? alphas[before]! : schedule.set_alpha_to_one ? 1 : alphas[0]!;
    const clean = new Float32Array(sample.length);
    sample = sample.map((x, j) => {
      const split = splitPrediction(schedule.prediction_type, x, prediction[j]!, alphas[t]!);
      clean[j] = split.clean;
      return Math.sqrt(next) * split.clean + Math.sqrt(1 - next) * split.noise;
    });
    onStep?.(i + 1, clean);
  }
  return sample;
};

/** DPM-Solver++(2M) (Lu et al., 2022, algorithm 2), timesteps linearly spaced, the last step first-order. */
export const dpmSolver: Sampler = async (denoise, noise, schedule, { steps, onStep }) => {
  const alphas = alphasCumprod(schedule);
  const last = schedule.num_train_timesteps - 1;
  const times = Array.from({ length: steps }, (_, i) => Math.round(last - (last * i) / steps));
  const logSnr = (alpha: number): number => 0.5 * Math.log(alpha / (1 - alpha));
  let sample = noise.slice();
  let previous: { clean: Float32Array; lambda: number } | undefined;
  for (const [i, t] of times.entries()) {
    const prediction = await denoise(sample, t);
    const alpha = alphas[t]!;
    const clean = sample.map((x, j) => splitPrediction(schedule.prediction_type, x, prediction[j]!, alpha).clean);
    onStep?.(i + 1, clean);
    const lambda = logSnr(alpha);
    const lastStep = i === steps - 1;
    if (lastStep) return clean;
    const next = alphas[times[i + 1]!]!;
    const h = logSnr(next) - lambda;
    const sigmaRatio = Math.sqrt((1 - next) / (1 - alpha));
    const gain = -Math.sqrt(next) * Math.expm1(-h);
    const ratio = previous === undefined ? 0 : h / (lambda - previous.lambda);
    const memory = previous?.clean;
    sample = sample.map((x, j) => {
      const direction = memory === undefined ? clean[j]! : clean[j]! + 0.5 * ratio * (clean[j]! - memory[j]!);
      return sigmaRatio * x + gain * direction;
    });
    previous = { clean, lambda };
  }
  return sample;
};

export const samplers = { ddim, 'dpm++': dpmSolver } as const;
export type SamplerName = keyof typeof samplers;
