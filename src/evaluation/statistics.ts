/** Paired comparisons. */
import { Random } from '../graph/random.ts';

export const average = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

export interface Interval {
  mean: number;
  low: number;
  high: number;
}

/** ∫ f from 0 to `to`, by Simpson's rule. */
function integral(f: (x: number) => number, to: number): number {
  const n = 2000;
  let total = f(0) + f(to);
  for (let i = 1; i < n; i++) total += (i % 2 === 1 ? 4 : 2) * f((i * to) / n);
  return (total * to) / (3 * n);
}

/** The number that a variable with Student's distribution lies within, on both sides of 0, with a probability of `level`. */
export function studentQuantile(level: number, degrees: number): number {
  // x = √ν tan θ makes the density a power of the cosine.
  const density = (angle: number): number => Math.cos(angle) ** (degrees - 1);
  const all = integral(density, Math.PI / 2);
  let [low, high] = [0, Math.PI / 2];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (integral(density, middle) < level * all) low = middle;
    else high = middle;
  }
  return Math.sqrt(degrees) * Math.tan(low);
}

/**
 * The share of resamples on each side of an interval over n independent values. The plain percentile interval is too
 * narrow where they are few (of fifteen, 95 % are 91.5); widened as Student's is beside the normal's, it keeps its level
 * (Hesterberg, 2015, "What teachers should know about the bootstrap", section 5.3).
 */
function tail(level: number, n: number): number {
  if (n < 2) return 0;
  const z = studentQuantile(level, n - 1) * Math.sqrt(n / (n - 1));
  return Math.max(0, 0.5 - integral((x) => Math.exp(-0.5 * x * x), Math.min(z, 40)) / Math.sqrt(2 * Math.PI));
}

/** The interval that sorted means of resamples give, over n independent values. */
export function bounds(means: Float64Array, level: number, n: number): [low: number, high: number] {
  const at = (share: number): number => means[Math.round(share * (means.length - 1))]!;
  const outside = tail(level, n);
  return [at(outside), at(1 - outside)];
}

/** Subjects below which an interval over them is no more than their spread: n signs are alike once in 2ⁿ⁻¹ times by chance. */
export const fewestForInterval = 6;

/** Mean of the differences and an expanded percentile bootstrap interval over them. */
export function pairedBootstrap(
  differences: readonly number[],
  options: { seed?: number; resamples?: number; level?: number } = {},
): Interval {
  const { seed = 0, resamples = 10_000, level = 0.95 } = options;
  const random = new Random(seed).fork('bootstrap');
  const means = Float64Array.from({ length: resamples }, () => {
    let total = 0;
    for (let i = 0; i < differences.length; i++) total += differences[random.integer(differences.length)]!;
    return total / differences.length;
  }).toSorted();
  const [low, high] = bounds(means, level, differences.length);
  return { mean: average(differences), low, high };
}

/** Probability that a positive scores above a negative, ties counted half. */
export function areaUnderCurve(positives: readonly number[], negatives: readonly number[]): number {
  let wins = 0;
  for (const p of positives) for (const n of negatives) wins += p > n ? 1 : p === n ? 0.5 : 0;
  return wins / (positives.length * negatives.length);
}

export interface Estimate {
  mean: number;
  lo: number;
  hi: number;
  /** Values that the mean is over. */
  n: number;
}

/**
 * Mean of all values and an expanded percentile bootstrap interval that resamples whole groups: pictures of one prompt, or of one
 * subject, are not independent.
 */
export function clusterBootstrap(
  groups: readonly (readonly number[])[],
  options: { seed?: number; resamples?: number; level?: number } = {},
): Estimate {
  const { seed = 0, resamples = 2000, level = 0.95 } = options;
  const sums = groups.filter((group) => group.length > 0).map((group) => ({ sum: group.reduce((a, b) => a + b, 0), n: group.length }));
  const random = new Random(seed).fork('bootstrap');
  const means = Float64Array.from({ length: resamples }, () => {
    let [total, count] = [0, 0];
    for (let i = 0; i < sums.length; i++) {
      const { sum, n } = sums[random.integer(sums.length)]!;
      total += sum;
      count += n;
    }
    return total / count;
  }).toSorted();
  const [lo, hi] = bounds(means, level, sums.length);
  const n = sums.reduce((count, group) => count + group.n, 0);
  return { mean: sums.reduce((total, { sum }) => total + sum, 0) / n, lo, hi, n };
}
