/** Metrics over features: cosines of unit vectors, mean over all pairs. What has no direction is an error, never a number. */
import { UserError } from '../errors.ts';

/** A feature at length 1. Throws a UserError that names what it came from where it holds NaN or infinity, or is zero. */
export function unit(feature: Float32Array, of: string, by: string): Float32Array {
  let square = 0;
  for (const x of feature) square += x * x;
  if (!Number.isFinite(square))
    throw new UserError(`${of}: the features of ${by} are not finite numbers: leave it out, or check the weights of ${by}`, 1);
  if (square === 0) throw new UserError(`${of}: the features of ${by} are all zero: leave it out, or check the weights of ${by}`, 1);
  const length = Math.sqrt(square);
  return feature.map((x) => x / length);
}

/** Of unit vectors. */
export function cosine(a: Float32Array, b: Float32Array): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i]! * b[i]!;
  return total;
}

/** Mean cosine of one unit vector to each of several. */
export const meanCosine = (one: Float32Array, others: readonly Float32Array[]): number =>
  others.reduce((total, other) => total + cosine(one, other), 0) / others.length;
