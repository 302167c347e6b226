import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Random } from '../../src/graph/random.ts';
import { lowRank } from '../../src/methods/low-rank.ts';
import type { LowRank } from '../../src/methods/low-rank.ts';

const product = ({ up, down }: LowRank): Float32Array => {
  const [rows, rank] = up.shape as [number, number];
  const columns = down.shape[1]!;
  return Float32Array.from({ length: rows * columns }, (_, i) => {
    let sum = 0;
    for (let k = 0; k < rank; k++) sum += up.data[Math.floor(i / columns) * rank + k]! * down.data[k * columns + (i % columns)]!;
    return sum;
  });
};
const squared = (x: Float32Array): number => x.reduce((sum, value) => sum + value * value, 0);

test('a matrix of rank r is kept whole, whatever its shape', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 24 }), fc.integer({ min: 1, max: 24 }), fc.integer({ min: 1, max: 4 }), (rows, columns, rank) => {
      const random = new Random(rows * 100 + columns);
      const [u, v] = [random.fork('u').normals(rows * rank), random.fork('v').normals(rank * columns)];
      const data = product({ up: { data: u, shape: [rows, rank] }, down: { data: v, shape: [rank, columns] }, energy: 1 });
      const found = lowRank({ data, shape: [rows, columns] }, rank);
      expect(squared(product(found).map((x, i) => x - data[i]!))).toBeLessThan(1e-9 * squared(data) + 1e-12);
      expect(found.energy).toBeCloseTo(1, 5);
    }),
    { numRuns: 40 },
  );
});

test('what is left out is what `energy` says, and no product of that rank does better on a diagonal matrix', () => {
  const size = 40;
  const data = new Float32Array(size * size);
  for (let i = 0; i < size; i++) data[i * size + i] = 0.8 ** i;
  const found = lowRank({ data, shape: [size, size] }, 5);
  const best = Array.from({ length: size }, (_, i) => (i < 5 ? 0 : 0.64 ** i)).reduce((a, b) => a + b);
  const left = squared(product(found).map((x, i) => x - data[i]!));
  expect(left / best).toBeCloseTo(1, 3);
  expect(found.energy).toBeCloseTo(1 - left / squared(data), 5);
});

test('a matrix of zeros', () => {
  const found = lowRank({ data: new Float32Array(12), shape: [3, 4] }, 2);
  expect(product(found).every((x) => x === 0)).toBe(true);
  expect(found.energy).toBe(1);
});
