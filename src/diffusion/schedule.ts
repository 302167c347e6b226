/** The forward process and its parametrisation: the one owner of scalings, targets and their inverses. */
import * as z from 'zod';
import { add, multiply, reshape, subtract } from '../graph/ops.ts';
import type { Tensor } from '../graph/tensor.ts';

/** Fields of diffusers' scheduler_config.json that this project reads. */
export const schedulerConfig = z.object({
  num_train_timesteps: z.int().positive().default(1000),
  beta_start: z.number().positive().default(0.00085),
  beta_end: z.number().positive().default(0.012),
  beta_schedule: z.enum(['linear', 'scaled_linear']).default('scaled_linear'),
  prediction_type: z.enum(['epsilon', 'v_prediction']).default('epsilon'),
  set_alpha_to_one: z.boolean().default(false),
  steps_offset: z.int().nonnegative().default(1),
  clip_sample: z.boolean().default(false),
  // Where it is absent, each sampler has the default of its diffusers namesake.
  timestep_spacing: z.enum(['leading', 'linspace', 'trailing']).optional(),
});
export type SchedulerConfig = z.infer<typeof schedulerConfig>;
export type Prediction = SchedulerConfig['prediction_type'];

/** ᾱ_t for t = 0 … T − 1. */
export function alphasCumprod(config: SchedulerConfig): Float64Array {
  const { num_train_timesteps: count, beta_start: first, beta_end: last } = config;
  const out = new Float64Array(count);
  let product = 1;
  for (let t = 0; t < count; t++) {
    const share = t / (count - 1);
    const beta =
      config.beta_schedule === 'linear'
        ? first + share * (last - first)
        : (Math.sqrt(first) + share * (Math.sqrt(last) - Math.sqrt(first))) ** 2;
    out[t] = product *= 1 - beta;
  }
  return out;
}

/** What a training step feeds for its timesteps: the time, √ᾱ_t and √(1 − ᾱ_t), [B] each. */
export function diffusionFeeds(
  alphas: Float64Array,
  timesteps: readonly number[],
): Record<'timesteps' | 'signal' | 'deviation', Float32Array> {
  return {
    timesteps: Float32Array.from(timesteps),
    signal: Float32Array.from(timesteps, (t) => Math.sqrt(alphas[t]!)),
    deviation: Float32Array.from(timesteps, (t) => Math.sqrt(1 - alphas[t]!)),
  };
}

const perSample = (x: Tensor): Tensor => reshape(x, [-1, 1, 1, 1]);

/** z_t = √ᾱ_t z + √(1 − ᾱ_t) ε. Latents and noise [B, C, H, W]; signal and deviation [B]. */
export function addNoise(latents: Tensor, noise: Tensor, signal: Tensor, deviation: Tensor): Tensor {
  return add(multiply(latents, perSample(signal)), multiply(noise, perSample(deviation)));
}

/** What the denoiser is to predict: ε, or v = √ᾱ_t ε − √(1 − ᾱ_t) z (Salimans & Ho, 2022). */
export function predictionTarget(kind: Prediction, latents: Tensor, noise: Tensor, signal: Tensor, deviation: Tensor): Tensor {
  if (kind === 'epsilon') return noise;
  return subtract(multiply(noise, perSample(signal)), multiply(latents, perSample(deviation)));
}

/** A prediction split into the clean latents and the noise that it implies, element by element. */
export function splitPrediction(kind: Prediction, sample: number, prediction: number, alpha: number): { clean: number; noise: number } {
  const signal = Math.sqrt(alpha);
  const deviation = Math.sqrt(1 - alpha);
  if (kind === 'epsilon') return { clean: (sample - deviation * prediction) / signal, noise: prediction };
  return { clean: signal * sample - deviation * prediction, noise: signal * prediction + deviation * sample };
}
