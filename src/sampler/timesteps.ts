/** Which timesteps and noise levels σ = √((1 − ᾱ)/ᾱ) a sampler visits, spaced as diffusers spaces them. */
import type { SchedulerConfig } from '../diffusion/schedule.ts';

export type Spacing = NonNullable<SchedulerConfig['timestep_spacing']>;

/** To the nearest integer, halves to the even one, as numpy does. */
export const rint = (x: number): number => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));

/** Descending timesteps. Those of "linspace" may be fractions. */
export function spacedTimesteps(config: SchedulerConfig, steps: number, spacing: Spacing): number[] {
  const { num_train_timesteps: count, steps_offset: offset } = config;
  const last = count - 1;
  const stride = Math.floor(count / steps);
  const at: Record<Spacing, (i: number) => number> = {
    leading: (i) => Math.min((steps - 1 - i) * stride + offset, last),
    linspace: (i) => (steps === 1 ? 0 : last - (last * i) / (steps - 1)),
    trailing: (i) => rint(count - (i * count) / steps) - 1,
  };
  return Array.from({ length: steps }, (_, i) => at[spacing](i));
}
export const wholeTimesteps = (...args: Parameters<typeof spacedTimesteps>): number[] => spacedTimesteps(...args).map(rint);

const logSigma = (alpha: number): number => 0.5 * Math.log((1 - alpha) / alpha);

/** σ at a timestep; between two whole ones, linear in σ. */
export function sigmaAt(alphas: Float64Array, timestep: number): number {
  const below = Math.floor(timestep);
  const share = timestep - below;
  const low = Math.exp(logSigma(alphas[below]!));
  return share === 0 ? low : (1 - share) * low + share * Math.exp(logSigma(alphas[below + 1]!));
}

/** The timestep whose noise level is σ: between two whole ones, linear in log σ. */
export function timestepOf(alphas: Float64Array, sigma: number): number {
  const wanted = Math.log(Math.max(sigma, 1e-10));
  let below = 0;
  while (below < alphas.length - 2 && logSigma(alphas[below + 1]!) <= wanted) below++;
  const [low, high] = [logSigma(alphas[below]!), logSigma(alphas[below + 1]!)];
  return below + Math.min(1, Math.max(0, (wanted - low) / (high - low)));
}

/** Descending noise levels, evenly spaced in σ^(1/7) (Karras et al., 2022, equation 5). */
export function karrasSigmas(highest: number, lowest: number, steps: number): number[] {
  const [from, to] = [highest ** (1 / 7), lowest ** (1 / 7)];
  return Array.from({ length: steps }, (_, i) => (from + (steps === 1 ? 0 : i / (steps - 1)) * (to - from)) ** 7);
}
