/** What the operations and their shape rules refuse, and axes that are counted from the end. */
import { expect, test } from 'vitest';
import * as ops from '../../src/graph/ops.ts';
import { input } from '../../src/graph/ops.ts';
import type { Shape, Tensor } from '../../src/graph/tensor.ts';

const ints = (shape: Shape): Tensor => input('ints', shape, 'int32');
const kernel = input('kernel', [1, 1, 3, 3]);

test.each<[string, () => Tensor]>([
  ['cannot reshape [6] to [-1, 4]', () => ops.reshape(input('x', [6]), [-1, 4])],
  ['cannot reshape [6] to [-2, -3]', () => ops.reshape(input('x', [6]), [-2, -3])],
  ['a kernel of [3, 3] is larger than [1, 1] with padding [0, 0, 0, 0]', () => ops.conv2d(input('x', [1, 1, 1, 1]), kernel)],
  [
    'a kernel of [3, 3] is larger than [4, 1] with padding [0, 0, 1, 0]',
    () => ops.conv2d(input('x', [1, 1, 4, 1]), kernel, { padding: [0, 0, 1, 0] }),
  ],
  ['matmul takes float32, got int32, int32', () => ops.matmul(ints([2, 2]), ints([2, 2]))],
  ['conv2d takes float32, got int32, float32', () => ops.conv2d(ints([1, 1, 4, 4]), kernel)],
  ['attention takes float32, got int32, int32, int32', () => ops.attention(ints([1, 2, 2]), ints([1, 2, 2]), ints([1, 2, 2]), 1)],
  ['scatterAdd of int32 [2, 3] at int32 [2]', () => ops.scatterAdd(ints([2, 3]), ints([2]), 4)],
  ['axis 2 of [2, 3]', () => ops.sliceAxis(input('x', [2, 3]), 2, 0, 1)],
  ['axis -3 of [2, 3]', () => ops.sum(input('x', [2, 3]), [-3])],
  ['axis 2 of [2, 3]', () => ops.concat([input('x', [2, 3]), input('y', [2, 3])], 2)],
  ['slice [0, 1] + [2, 3] of [2, 3]', () => ops.sliceAxis(input('x', [2, 3]), 1, 1, 3)],
  ['permutation [0] of [2, 3]', () => ops.transpose(input('x', [2, 3]), [0])],
  ['padding [1], [0] of [2, 3]', () => ops.pad(input('x', [2, 3]), [1], [0])],
])('%s', (message, build) => {
  expect(build).toThrow(new Error(`internal: ${message}`));
});

test('axes may be counted from the end', () => {
  const [x, y] = [input('x', [2, 3]), input('y', [2, 3])];
  expect(ops.sliceAxis(x, -1, 1, 2).attributes).toEqual({ starts: [0, 1], sizes: [2, 2] });
  expect(ops.concat([x, y], -2).shape).toEqual([4, 3]);
  expect(ops.sum(x, [-1]).shape).toEqual([2]);
});
