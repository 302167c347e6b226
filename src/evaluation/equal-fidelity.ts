/**
 * CLIP-T at equal DINO-FG. Training for fewer steps alone raises CLIP-T and lowers DINO-FG: what an objective gains is what
 * it gains over the curve of shorter plain runs, at the identity that it has itself.
 */
import { Random } from '../graph/random.ts';
import { average, bounds } from './statistics.ts';
import type { Interval } from './statistics.ts';

export interface FidelityPoint {
  clipT: number;
  dinoFg: number;
}

/**
 * CLIP-T of a training's course at some DINO-FG, linear between neighbouring checkpoints. Where the course passes it more
 * than once the highest CLIP-T counts, in favour of the plain training; where it never does, that of the nearest checkpoint,
 * and `outside` says so.
 */
export function clipTAt(course: readonly FidelityPoint[], dinoFg: number): { clipT: number; outside: boolean } {
  const crossings = course.flatMap((point, i) => {
    if (point.dinoFg === dinoFg) return [point.clipT];
    const next = course[i + 1];
    if (next === undefined || (point.dinoFg - dinoFg) * (next.dinoFg - dinoFg) >= 0) return [];
    const share = (dinoFg - point.dinoFg) / (next.dinoFg - point.dinoFg);
    return [point.clipT + share * (next.clipT - point.clipT)];
  });
  if (crossings.length > 0) return { clipT: Math.max(...crossings), outside: false };
  const nearest = course.reduce((a, b) => (Math.abs(b.dinoFg - dinoFg) < Math.abs(a.dinoFg - dinoFg) ? b : a));
  return { clipT: nearest.clipT, outside: true };
}

/** One subject: a plain training's course, and the point that is held against it. */
export interface FidelityPair {
  course: readonly FidelityPoint[];
  point: FidelityPoint;
}

/** CLIP-T of the mean point minus that of the mean course at the same DINO-FG; the interval resamples subjects. */
export interface EqualFidelity extends Interval {
  /** Whether the mean course has no such DINO-FG, and the share of resamples in which it has none. */
  outside: boolean;
  outsideShare: number;
}

const meanPoint = (points: readonly FidelityPoint[]): FidelityPoint => ({
  clipT: average(points.map(({ clipT }) => clipT)),
  dinoFg: average(points.map(({ dinoFg }) => dinoFg)),
});

function gain(pairs: readonly FidelityPair[]): { clipT: number; outside: boolean } {
  const course = pairs[0]!.course.map((_, i) => meanPoint(pairs.map((pair) => pair.course[i]!)));
  const point = meanPoint(pairs.map((pair) => pair.point));
  const { clipT, outside } = clipTAt(course, point.dinoFg);
  return { clipT: point.clipT - clipT, outside };
}

/** The comparison over subjects; all courses have the same checkpoints. */
export function equalFidelity(
  pairs: readonly FidelityPair[],
  options: { seed?: number; resamples?: number; level?: number } = {},
): EqualFidelity {
  const { seed = 0, resamples = 10_000, level = 0.95 } = options;
  const random = new Random(seed).fork('bootstrap');
  const whole = gain(pairs);
  let outside = 0;
  const means = Float64Array.from({ length: resamples }, () => {
    const one = gain(pairs.map(() => pairs[random.integer(pairs.length)]!));
    if (one.outside) outside++;
    return one.clipT;
  }).toSorted();
  const [low, high] = bounds(means, level, pairs.length);
  return {
    mean: whole.clipT,
    low,
    high,
    outside: whole.outside,
    outsideShare: outside / resamples,
  };
}
