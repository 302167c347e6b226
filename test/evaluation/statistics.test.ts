import { expect, test } from 'vitest';
import { areaUnderCurve, pairedBootstrap } from '../../src/evaluation/statistics.ts';

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
