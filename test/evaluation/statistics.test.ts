import { expect, test } from 'vitest';
import { Random } from '../../src/graph/random.ts';
import { areaUnderCurve, clusterBootstrap, pairedBootstrap, studentQuantile } from '../../src/evaluation/statistics.ts';

test('an interval holds the mean, and shrinks with more data', () => {
  const few = pairedBootstrap([0.1, 0.3, -0.1, 0.2]);
  const many = pairedBootstrap(Array.from({ length: 40 }, () => [0.1, 0.3, -0.1, 0.2]).flat());
  expect(few.mean).toBeCloseTo(0.125);
  expect(few.low).toBeLessThan(0.125);
  expect(few.high).toBeGreaterThan(0.125);
  expect(many.high - many.low).toBeLessThan(few.high - few.low);
  expect(many.low).toBeGreaterThan(0);
});

test('area under the curve', () => {
  expect(areaUnderCurve([3, 4], [1, 2])).toBe(1);
  expect(areaUnderCurve([1, 3], [1, 2])).toBe(0.625);
});

test('Student’s quantiles, as tables have them', () => {
  const table: [number, number, number][] = [
    [0.95, 1, 12.706],
    [0.95, 4, 2.776],
    [0.95, 14, 2.145],
    [0.99, 14, 2.977],
    [0.95, 1000, 1.962],
  ];
  for (const [level, degrees, quantile] of table) expect(studentQuantile(level, degrees)).toBeCloseTo(quantile, 3);
});

test('an interval over few values holds their mean about as often as it says', () => {
  const n = 8;
  const random = new Random(1);
  const draws = Array.from({ length: 200 }, (_, i) => [...random.fork(i).normals(n)]);
  const share = (interval: (values: number[]) => readonly [number, number]): number =>
    draws.filter((values) => {
      const [low, high] = interval(values);
      return low <= 0 && high >= 0;
    }).length / draws.length;
  const paired = share((values) => {
    const { low, high } = pairedBootstrap(values, { resamples: 300 });
    return [low, high];
  });
  const clustered = share((values) => {
    const { lo, hi } = clusterBootstrap(
      values.map((x) => [x, x]),
      { resamples: 300 },
    );
    return [lo, hi];
  });
  for (const covered of [paired, clustered]) {
    expect(covered).toBeGreaterThan(0.92);
    expect(covered).toBeLessThan(0.98);
  }
});
