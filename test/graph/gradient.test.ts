/** Gradients of parts of a tensor: neighbours are joined, all others are added up. */
import { expect, it } from 'vitest';
import { gradients } from '../../src/graph/gradient.ts';
import { interpret } from '../../src/graph/interpreter.ts';
import { add, constant, input, multiply, slice, sum } from '../../src/graph/ops.ts';
import { topologicalOrder } from '../../src/graph/tensor.ts';

type Part = readonly [row: number, column: number, rows: number, columns: number];

it.each<{ parts: Part[]; joined: boolean }>([
  {
    parts: [
      [0, 0, 4, 3],
      [0, 3, 4, 3],
    ],
    joined: true,
  },
  {
    parts: [
      [0, 3, 4, 3],
      [0, 0, 4, 3],
    ],
    joined: true,
  },
  {
    parts: [
      [0, 2, 4, 2],
      [0, 0, 4, 2],
      [0, 4, 4, 2],
    ],
    joined: false,
  },
  {
    parts: [
      [0, 1, 4, 1],
      [0, 2, 4, 2],
      [0, 4, 4, 1],
    ],
    joined: true,
  },
  {
    parts: [
      [0, 0, 4, 3],
      [0, 4, 4, 2],
    ],
    joined: false,
  },
  {
    parts: [
      [0, 0, 4, 3],
      [0, 2, 4, 4],
    ],
    joined: false,
  },
  {
    parts: [
      [0, 0, 2, 6],
      [2, 0, 2, 6],
    ],
    joined: true,
  },
  {
    parts: [
      [0, 0, 2, 3],
      [0, 3, 2, 3],
    ],
    joined: false,
  },
  {
    parts: [
      [0, 0, 2, 6],
      [0, 0, 4, 3],
    ],
    joined: false,
  },
])('$parts', ({ parts, joined }) => {
  const x = input('x', [4, 6]);
  const expected = new Float64Array(24);
  const terms = parts.map(([row, column, rows, columns], k) => {
    const weights = Float32Array.from({ length: rows * columns }, (_, i) => i + 1 + 100 * k);
    weights.forEach((w, i) => (expected[(row + Math.floor(i / columns)) * 6 + column + (i % columns)]! += w));
    return sum(multiply(slice(x, [row, column], [rows, columns]), constant(weights, [rows, columns])));
  });
  const gradient = gradients(terms.reduce(add), [x])[0]!;
  expect(interpret([gradient], { x: new Float64Array(24) })[0]).toEqual(expected);
  expect(topologicalOrder([gradient]).every(({ op }) => op !== 'add')).toBe(joined);
});
