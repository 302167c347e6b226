/** Paired comparisons. */
import { Random } from '../graph/random.ts';

export const average = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

export interface Interval {
  mean: number;
  low: number;
  high: number;
}

/** Mean of the differences and a percentile bootstrap interval over them. */
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
  const at = (share: number): number => means[Math.min(resamples - 1, Math.max(0, Math.round(share * (resamples - 1))))]!;
  return { mean: average(differences), low: at((1 - level) / 2), high: at((1 + level) / 2) };
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
 * Mean of all values and a percentile bootstrap interval that resamples whole groups: pictures of one prompt, or of one
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
  const at = (share: number): number => means[Math.round(share * (resamples - 1))]!;
  const n = sums.reduce((count, group) => count + group.n, 0);
  return { mean: sums.reduce((total, { sum }) => total + sum, 0) / n, lo: at((1 - level) / 2), hi: at((1 + level) / 2), n };
}
