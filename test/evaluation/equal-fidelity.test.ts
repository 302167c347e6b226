import { expect, test } from 'vitest';
import { clipTAt, equalFidelity } from '../../src/evaluation/equal-fidelity.ts';
import type { FidelityPoint } from '../../src/evaluation/equal-fidelity.ts';

const course = (...points: [dinoFg: number, clipT: number][]): FidelityPoint[] => points.map(([dinoFg, clipT]) => ({ dinoFg, clipT }));

test('between checkpoints the course is a line', () => {
  expect(clipTAt(course([0.2, 0.9], [0.6, 0.7]), 0.5)).toEqual({ clipT: expect.closeTo(0.75, 12) as number, outside: false });
  expect(clipTAt(course([0.2, 0.9], [0.6, 0.7]), 0.6)).toEqual({ clipT: 0.7, outside: false });
});

test('of several crossings the highest counts, in favour of plain training', () => {
  const there = course([0.2, 0.9], [0.6, 0.7], [0.4, 0.72], [0.8, 0.6]);
  // 0.5 is passed at 0.75, 0.71 and 0.69.
  expect(clipTAt(there, 0.5).clipT).toBeCloseTo(0.75, 12);
  expect(clipTAt(there.toReversed(), 0.5).clipT).toBeCloseTo(0.75, 12);
});

test('off the course its nearest checkpoint stands in, and that is told', () => {
  const there = course([0.3, 0.9], [0.6, 0.7], [0.55, 0.71]);
  expect(clipTAt(there, 0.7)).toEqual({ clipT: 0.7, outside: true });
  expect(clipTAt(there, 0.1)).toEqual({ clipT: 0.9, outside: true });
});

test('a point on the mean course gains nothing, one above it gains its distance; the interval is over subjects', () => {
  const apart = [-0.02, 0, 0.01, 0.05];
  const pairs = (gain: (i: number) => number) =>
    apart.map((shift, i) => ({
      course: course([0.2 + shift, 0.9 + shift], [0.6 + shift, 0.7 + shift]),
      point: { dinoFg: 0.5 + shift, clipT: 0.75 + shift + gain(i) },
    }));
  const none = equalFidelity(pairs(() => 0));
  expect(none.mean).toBeCloseTo(0, 12);
  expect(none).toMatchObject({ outside: false, outsideShare: 0 });
  const some = equalFidelity(pairs((i) => 0.01 * (i + 1)));
  expect(some.mean).toBeCloseTo(0.025, 12);
  // Subjects differ by more than the gain does: resampling whole subjects keeps courses and points together.
  expect(some.low).toBeGreaterThan(0.009);
  expect(some.high).toBeLessThan(0.041);
  expect(some.low).toBeLessThan(some.mean);
});

test('how often a resample leaves the course is told', () => {
  const { outside, outsideShare } = equalFidelity([
    { course: course([0.2, 0.9], [0.5, 0.8]), point: { dinoFg: 0.4, clipT: 0.9 } },
    { course: course([0.2, 0.9], [0.5, 0.8]), point: { dinoFg: 0.7, clipT: 0.9 } },
  ]);
  // Means of 0.4, 0.55, 0.55 and 0.7: three of four lie past 0.5.
  expect(outside).toBe(true);
  expect(outsideShare).toBeCloseTo(0.75, 1);
});
