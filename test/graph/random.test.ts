import { expect, test } from 'vitest';
import { Random, threefry } from '../../src/graph/random.ts';

// Known answers of Threefry-2x32, 20 rounds: Random123's kat_vectors.
test.each([
  [0, 0, 0, 0, 0x6b200159, 0x99ba4efe],
  [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x1cb996fc, 0xbb002be7],
  [0x13198a2e, 0x03707344, 0x243f6a88, 0x85a308d3, 0xc4923a9c, 0x483df7a0],
])('threefry under key %i %i', (key0, key1, counter0, counter1, first, second) => {
  const out = new Uint32Array(2);
  threefry(key0, key1, counter0, counter1, out);
  expect([...out]).toEqual([first, second]);
});

test('streams are functions of seed and path', () => {
  const draw = (random: Random): number[] => Array.from({ length: 4 }, () => random.uniform());
  expect(draw(new Random(7).fork('a', 3))).toEqual(draw(new Random(7).fork('a', 3)));
  expect(draw(new Random(7).fork('a', 3))).not.toEqual(draw(new Random(7).fork('a', 4)));
  expect(draw(new Random(7).fork('a'))).not.toEqual(draw(new Random(8).fork('a')));
});

test.each([0, 2 ** 31, 2 ** 32 - 2, 2 ** 32, 2 ** 33 - 2, 2 ** 33, 2 ** 34 + 2])(
  'words %d and the next are a block of their own',
  (position) => {
    const random = new Random(7);
    Object.assign(random, { counter: position });
    const block = new Uint32Array(2);
    threefry(7, 0, (position / 2) % 2 ** 32, Math.floor(position / 2 ** 33), block);
    expect([random.uniform(), random.uniform()]).toEqual([...block].map((word) => word / 2 ** 32));
  },
);

test('normals have mean 0 and deviation 1', () => {
  const values = new Random(1).normals(20_000);
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
  expect(Math.abs(mean)).toBeLessThan(0.03);
  expect(Math.abs(variance - 1)).toBeLessThan(0.03);
});

test('a permutation holds every index once', () => {
  expect([...new Random(2).permutation(50)].toSorted((a, b) => a - b)).toEqual([...Array(50).keys()]);
});
