import { expect, test } from 'vitest';
import { schedule } from '../../src/optim/schedule.ts';

test('the rate rises over the warm-up, stays, or falls to zero by half a cosine', () => {
  const rates = (...given: Parameters<typeof schedule>): number[] => Array.from({ length: 8 }, (_, step) => schedule(...given)(step));
  expect(rates('constant', 8)).toEqual([1, 1, 1, 1, 1, 1, 1, 1]);
  expect(rates('constant', 8, 4)).toEqual([0.25, 0.5, 0.75, 1, 1, 1, 1, 1]);
  const half = (x: number): number => 0.5 * (1 + Math.cos(Math.PI * x));
  expect(rates('cosine', 8, 4)).toEqual([0.25, 0.5, 0.75, 1, half(0), half(0.25), half(0.5), half(0.75)]);
});
