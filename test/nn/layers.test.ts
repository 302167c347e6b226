/** Layers that take another way than they say, and what they are lowered to. */
import { afterAll, expect, test } from 'vitest';
import { Engine } from '../../src/graph/engine.ts';
import { flopsOf } from '../../src/graph/flops.ts';
import { gradients } from '../../src/graph/gradient.ts';
import { interpret } from '../../src/graph/interpreter.ts';
import { lower } from '../../src/graph/lower.ts';
import { phases } from '../../src/graph/lower-convolution.ts';
import { add, concat, constant, input, multiply, sliceAxis, sum, transposedConv2d } from '../../src/graph/ops.ts';
import { sizeOf } from '../../src/graph/tensor.ts';
import type { Shape, Tensor } from '../../src/graph/tensor.ts';
import { convolution, groupNorm, linear, linearParts, upsample2, upsampledConvolution } from '../../src/nn/layers.ts';
import { Parameters } from '../../src/nn/parameters.ts';
import { agrees } from '../graph/agreement.ts';

const engine = new Engine({ threads: 1 });
afterAll(() => engine.close());

const numbers = (shape: Shape): Float32Array => Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(1 + 3 * i));

test('a convolution of what is up-sampled: the same values and gradients with less than half of the arithmetic', () => {
  const leaves: Record<string, Tensor> = { x: input('x', [2, 3, 4, 6]), weight: input('weight', [5, 3, 3, 3]), bias: input('bias', [5]) };
  const [x, w, b] = Object.values(leaves) as [Tensor, Tensor, Tensor];
  const p = new Parameters((name) => leaves[name]!);
  const plain = convolution(p, upsample2(x), 5, 3, { padding: 1 });
  const summed = upsampledConvolution(p, x, 5);
  const feeds = Object.fromEntries(Object.entries(leaves).map(([name, t]) => [name, numbers(t.shape)]));
  const [expected, got] = [plain, summed].map((y) => {
    const loss = sum(multiply(y, constant(numbers(y.shape), y.shape)));
    return interpret([y, ...gradients(loss, [x, w, b])], feeds);
  }) as [Float64Array[], Float64Array[]];
  expected.forEach((values, i) => values.forEach((value, k) => expect(got[i]![k]).toBeCloseTo(value, 9)));
  const still = new Parameters((_, shape) => constant(numbers(shape), shape));
  const cost = (y: Tensor): number => flopsOf([y]);
  expect(cost(upsampledConvolution(still, x, 5))).toBeCloseTo((4 / 9) * cost(convolution(still, upsample2(x), 5, 3, { padding: 1 })), 3);
});

test('a kernel of many channels, which Winograd’s filtering takes, is not summed', () => {
  const still = new Parameters((_, shape) => constant(new Float32Array(sizeOf(shape)), shape));
  expect(upsampledConvolution(still, input('x', [1, 1280, 16, 16]), 1280).inputs[0]!.op).toBe('conv2d');
  expect(upsampledConvolution(still, input('x', [1, 1280, 16, 16]), 255).inputs[0]!.op).toBe('conv2dInputGradient');
});

test.each([
  { kernel: 4, stride: 2, padding: 1, outputSize: [8, 12] },
  { kernel: 3, stride: 2, padding: 1, outputSize: [8, 12] },
  { kernel: 5, stride: 2, padding: 2, outputSize: [8, 12] },
  { kernel: 3, stride: 3, padding: 0, outputSize: [12, 18] },
  { kernel: 5, stride: 3, padding: 1, outputSize: [12, 18] },
] as const)('a transposed convolution by phases: %j', async ({ kernel, outputSize, ...rest }) => {
  const shapes = [
    [2, 3, 4, 6],
    [3, 2, kernel, kernel],
  ];
  const build = (x: Tensor, w: Tensor): Tensor => transposedConv2d(x, w, { ...rest, outputSize });
  const y = build(input('x', shapes[0]!), input('w', shapes[1]!)) as Tensor<'conv2dInputGradient'>;
  expect(phases(y, false)).toBeDefined();
  await agrees(engine, { shapes, build: (x, w) => build(x!, w!) });
  await agrees(engine, { shapes: [shapes[0]!], build: (x) => build(x!, constant(numbers(shapes[1]!), shapes[1]!)) });
});

test('a kernel that is smaller than the stride leaves gaps, and goes no such way', () => {
  const y = transposedConv2d(input('x', [1, 1, 3, 3]), input('w', [1, 1, 2, 2]), { stride: 3, padding: 0, outputSize: [9, 9] });
  expect(phases(y as Tensor<'conv2dInputGradient'>, false)).toBeUndefined();
});

test('parts of a linear map: of frozen weights as they lie, of others and of adapted ones as slices of the whole', async () => {
  const still = new Parameters((_, shape) => constant(numbers(shape), shape));
  const x = input('x', [2, 3, 4]);
  const whole = linear(still, x, 6);
  const parts = linearParts(still, x, 6, 2);
  expect(parts.map((part) => part.shape)).toEqual([
    [2, 3, 3],
    [2, 3, 3],
  ]);
  expect(parts.every((part) => part.op === 'add')).toBe(true);
  const expected = [0, 3].map((start) => sliceAxis(whole, 2, start, 3));
  const feeds = { x: numbers(x.shape) };
  const [got, right] = [parts, expected].map((roots) =>
    interpret([...roots, ...gradients(sum(multiply(roots[0]!, roots[1]!)), [x])], feeds),
  );
  got!.forEach((values, i) => values.forEach((value, k) => expect(value).toBeCloseTo(right![i]![k]!, 9)));
  await agrees(engine, { shapes: [x.shape], build: (y) => concat(linearParts(still, y!, 6, 2), 2) });
  const adapted = still.withAdapter((_module, _x, y) => multiply(y, 2));
  expect(linearParts(adapted, x, 6, 2).every((part) => part.op === 'slice')).toBe(true);
  const elsewhere = still.withAdapter((_module, _x, y) => y);
  expect(linearParts(elsewhere, x, 6, 2).every((part) => part.op === 'add')).toBe(true);
  const trained = new Parameters((name, shape) => input(name, shape));
  expect(linearParts(trained, x, 6, 2).every((part) => part.op === 'slice')).toBe(true);
});

test('scale and shift of channels in one pass, where they are fixed; the product may be read elsewhere too', async () => {
  const still = new Parameters((_, shape) => constant(numbers(shape), shape));
  const shape = [2, 4, 3, 5];
  await agrees(engine, { shapes: [shape], build: (x) => groupNorm(still, x!, 2) });
  const [scale, shift] = [numbers([1, 4, 1, 1]), numbers([1, 4, 1, 1]).reverse()].map((data) => constant(data, [1, 4, 1, 1])) as [
    Tensor,
    Tensor,
  ];
  const both = (x: Tensor): Tensor => concat([add(multiply(x, scale), shift), multiply(x, scale), add(x, shift)], 1);
  await agrees(engine, { shapes: [shape], build: (x) => both(x!) });
  const twice = (x: Tensor): Tensor => {
    const product = multiply(x, scale);
    return multiply(add(product, shift), product);
  };
  await agrees(engine, { shapes: [shape], build: (x) => twice(x!) });
  const { bytes } = lower({ y: add(multiply(input('x', shape), scale), shift) });
  const text = Buffer.from(bytes).toString('latin1');
  expect([text.includes('BatchNormalization'), text.includes('Mul')]).toEqual([true, false]);
});
