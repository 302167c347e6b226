/** Samplers as functions: a denoiser and first noise in, clean latents out. */
import { alphasCumprod, splitPrediction } from '../diffusion/schedule.ts';
import type { SchedulerConfig } from '../diffusion/schedule.ts';
import { internal } from '../errors.ts';
import { karrasSigmas, sigmaAt, spacedTimesteps, timestepOf, wholeTimesteps } from './timesteps.ts';

/** Predicts, for latents at one timestep, what the schedule's parametrisation asks for; guidance included. */
export type Denoise = (latents: Float32Array, timestep: number) => Promise<Float32Array>;

export interface SamplerOptions {
  steps: number;
  /** Noise levels as Karras et al. space them, where the sampler knows that: Euler and DPM-Solver++. */
  karras?: boolean;
  /** Fresh unit noise of a step, as long as the latents; samplers that add noise ask for it. */
  noiseOf?: (step: number) => Float32Array;
  /** Told after each step: the latents as they would be, were all noise taken away now. */
  onStep?: (step: number, clean: Float32Array) => void;
}
export type Sampler = (denoise: Denoise, noise: Float32Array, schedule: SchedulerConfig, options: SamplerOptions) => Promise<Float32Array>;

/** ᾱ at the timestep that a step arrives at, which may lie before the first. */
const alphaAfter = (alphas: Float64Array, timestep: number, schedule: SchedulerConfig): number =>
  timestep >= 0 ? alphas[timestep]! : schedule.set_alpha_to_one ? 1 : alphas[0]!;

/** DDIM with η = 0 (Song et al., 2021, equation 12). */
const ddim: Sampler = async (denoise, noise, schedule, { steps, onStep }) => {
  const alphas = alphasCumprod(schedule);
  const stride = Math.floor(schedule.num_train_timesteps / steps);
  let sample: Float32Array = noise.slice();
  for (const [i, t] of wholeTimesteps(schedule, steps, schedule.timestep_spacing ?? 'leading').entries()) {
    const prediction = await denoise(sample, t);
    const next = alphaAfter(alphas, t - stride, schedule);
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

/** PNDM's pseudo linear multi-step method (Liu et al., 2022), which starts with an improved Euler step in place of Runge-Kutta's. */
const plms: Sampler = async (denoise, noise, schedule, { steps, onStep }) => {
  const alphas = alphasCumprod(schedule);
  const stride = Math.floor(schedule.num_train_timesteps / steps);
  const times = wholeTimesteps(schedule, steps, schedule.timestep_spacing ?? 'leading');
  const weights = [[1], [3 / 2, -1 / 2], [23 / 12, -16 / 12, 5 / 12], [55 / 24, -59 / 24, 37 / 24, -9 / 24]];
  const history: Float32Array[] = []; // newest first
  const move = (sample: Float32Array, prediction: Float32Array, from: number, to: number): Float32Array => {
    const [now, next] = [alphas[from]!, alphaAfter(alphas, to, schedule)];
    const denominator = now * Math.sqrt(1 - next) + Math.sqrt(now * (1 - now) * next);
    return sample.map((x, j) => {
      const { noise: direction } = splitPrediction(schedule.prediction_type, x, prediction[j]!, now);
      return Math.sqrt(next / now) * x - ((next - now) * direction) / denominator;
    });
  };
  let sample: Float32Array = noise.slice();
  for (const [i, t] of times.entries()) {
    const prediction = await denoise(sample, t);
    history.unshift(prediction);
    history.splice(4);
    let direction: Float32Array = prediction.map((_, j) =>
      weights[history.length - 1]!.reduce((sum, w, k) => sum + w * history[k]![j]!, 0),
    );
    let [from, to] = [t, t - stride];
    const second = times[1];
    if (i === 0 && second !== undefined) {
      const ahead = await denoise(move(sample, prediction, from, to), second);
      direction = prediction.map((x, j) => (x + ahead[j]!) / 2);
      [from, to] = [Math.min(second + stride, alphas.length - 1), second];
    }
    onStep?.(
      i + 1,
      sample.map((x, j) => splitPrediction(schedule.prediction_type, x, direction[j]!, alphas[from]!).clean),
    );
    sample = move(sample, direction, from, to);
  }
  return sample;
};

/** Euler steps of the probability-flow equation in σ (Karras et al., 2022), or, ancestral, with part of the noise drawn anew. */
const euler =
  (ancestral: boolean): Sampler =>
  async (denoise, noise, schedule, { steps, karras = false, noiseOf, onStep }) => {
    const alphas = alphasCumprod(schedule);
    const spacing = schedule.timestep_spacing ?? 'linspace';
    let times = spacedTimesteps(schedule, steps, spacing);
    let sigmas = times.map((t) => sigmaAt(alphas, t));
    if (karras && !ancestral) {
      sigmas = karrasSigmas(sigmas[0]!, sigmas.at(-1)!, steps);
      times = sigmas.map((sigma) => timestepOf(alphas, sigma));
    }
    const first = spacing === 'leading' ? Math.hypot(sigmas[0]!, 1) : sigmas[0]!;
    let sample: Float32Array = noise.map((x) => x * first);
    for (const [i, sigma] of sigmas.entries()) {
      const scale = Math.hypot(sigma, 1);
      const scaled = sample.map((x) => x / scale);
      const prediction = await denoise(scaled, times[i]!);
      const clean = scaled.map((x, j) => splitPrediction(schedule.prediction_type, x, prediction[j]!, 1 / scale ** 2).clean);
      const next = sigmas[i + 1] ?? 0;
      const up = ancestral ? Math.sqrt((next ** 2 * (sigma ** 2 - next ** 2)) / sigma ** 2) : 0;
      const share = (Math.sqrt(next ** 2 - up ** 2) - sigma) / sigma;
      sample = sample.map((x, j) => x + (x - clean[j]!) * share);
      if (up > 0) {
        if (noiseOf === undefined) throw internal('an ancestral sampler needs noise for each step');
        const fresh = noiseOf(i);
        sample = sample.map((x, j) => x + up * fresh[j]!);
      }
      onStep?.(i + 1, clean);
    }
    return sample;
  };

/** DPM-Solver++(2M) (Lu et al., 2022, algorithm 2), the last step first-order. */
const dpmSolver: Sampler = async (denoise, noise, schedule, { steps, karras = false, onStep }) => {
  const alphas = alphasCumprod(schedule);
  const spacing = schedule.timestep_spacing ?? 'linspace';
  // The last of one point more is time 0, which is not visited.
  let times = spacing === 'trailing' ? wholeTimesteps(schedule, steps, spacing) : wholeTimesteps(schedule, steps + 1, spacing).slice(0, -1);
  let sigmas = times.map((t) => sigmaAt(alphas, t));
  if (karras) {
    sigmas = karrasSigmas(sigmaAt(alphas, alphas.length - 1), sigmaAt(alphas, 0), steps);
    times = sigmas.map((sigma) => Math.round(timestepOf(alphas, sigma)));
  }
  let sample: Float32Array = noise.slice();
  let previous: { clean: Float32Array; lambda: number } | undefined;
  for (const [i, sigma] of sigmas.entries()) {
    const prediction = await denoise(sample, times[i]!);
    const alpha = 1 / (1 + sigma ** 2);
    const clean = sample.map((x, j) => splitPrediction(schedule.prediction_type, x, prediction[j]!, alpha).clean);
    onStep?.(i + 1, clean);
    const nextSigma = sigmas[i + 1];
    if (nextSigma === undefined) return clean;
    const lambda = -Math.log(sigma);
    const next = 1 / (1 + nextSigma ** 2);
    const h = -Math.log(nextSigma) - lambda;
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

export const samplers = { ddim, pndm: plms, euler: euler(false), 'euler-a': euler(true), 'dpm++': dpmSolver } as const;
export type SamplerName = keyof typeof samplers;
