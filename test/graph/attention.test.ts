import { afterAll, expect, test } from 'vitest';
import { Engine, evaluate } from '../../src/graph/engine.ts';
import { gradients } from '../../src/graph/gradient.ts';
import {
  add,
  attention,
  constant,
  conv2d,
  input,
  matmul,
  multiply,
  reshape,
  sigmoid,
  softmax,
  standardize,
  sum,
  swapLast,
  transpose,
} from '../../src/graph/ops.ts';
import { Random } from '../../src/graph/random.ts';
import { topologicalOrder } from '../../src/graph/tensor.ts';
import type { Tensor } from '../../src/graph/tensor.ts';

const engine = new Engine({ threads: 1 });
afterAll(() => engine.close());

test('attention over several blocks of queries is softmax attention, and so are its gradients', async () => {
  const [batch, length, count, heads, width] = [2, 3072, 1024, 2, 16];
  const shapes = { q: [batch, length, width], k: [batch, count, width], v: [batch, count, width], g: [batch, length, width] };
  const [q, k, v, g] = Object.entries(shapes).map(([name, shape]) => input(name, shape)) as [Tensor, Tensor, Tensor, Tensor];
  const split = (x: Tensor): Tensor => transpose(reshape(x, [batch, x.shape[1]!, heads, width / heads]), [0, 2, 1, 3]);
  const weights = softmax(multiply(matmul(split(q), swapLast(split(k))), (width / heads) ** -0.5));
  const plain = reshape(transpose(matmul(weights, split(v)), [0, 2, 1, 3]), q.shape);
  const fused = attention(q, k, v, heads);
  const outputs: Record<string, Tensor> = {};
  for (const [name, y] of Object.entries({ plain, fused })) {
    outputs[name] = y;
    gradients(sum(multiply(y, g)), [q, k, v]).forEach((d, i) => (outputs[`${name}${i}`] = d));
  }
  const random = new Random(3);
  const feeds = Object.fromEntries(Object.entries(shapes).map(([name, [b, t, d]]) => [name, random.fork(name).normals(b! * t! * d!)]));
  const out = await evaluate(engine, outputs, feeds);
  for (const part of ['', '0', '1', '2']) {
    const [expected, got] = [out[`plain${part}`]!, out[`fused${part}`]!];
    const scale = Math.max(...expected.map(Math.abs));
    expect(Math.max(...expected.map((x, i) => Math.abs(x - got[i]!))) / scale).toBeLessThan(1e-5);
  }
});

test('a lean program computes what another does', async () => {
  const random = new Random(4);
  const x = input('x', [1, 4, 8, 8]);
  const filters = constant(random.normals(4 * 4 * 9), [4, 4, 3, 3]);
  const mixing = constant(random.normals(16), [4, 4, 1, 1]);
  const matrix = constant(random.normals(8 * 6), [6, 8]);
  const h = standardize(conv2d(x, filters, { padding: 1 }), 1e-5);
  const gated = conv2d(multiply(h, sigmoid(add(h, 1))), mixing);
  const y = matmul(gated, swapLast(matrix));
  const loss = sum(multiply(y, y));
  const outputs = { loss, gradient: gradients(loss, [x])[0]! };
  const feeds = { x: random.normals(256) };
  const results = await Promise.all(
    [true, false].map(async (lean) => {
      const program = await engine.compile({ outputs, lean });
      const out = await program.run(feeds);
      await program.release();
      return out;
    }),
  );
  const [a, b] = results.map(({ gradient }) => [...gradient!]) as [number[], number[]];
  expect(Math.max(...a.map((value, i) => Math.abs(value - b[i]!)))).toBeLessThan(1e-4 * Math.max(...b.map(Math.abs)));
});

test('where memory is spared, a wide product of frozen weights is made again for the backward pass if little arithmetic makes much', () => {
  const products = (depth: number, width: number, sparing = true): number => {
    const x = input('x', [1, 4096, depth]);
    const weight = constant(new Float32Array(width * depth), [width, depth]);
    const y = matmul(standardize(x, 1e-5), swapLast(weight));
    const loss = sum(multiply(y, sigmoid(y)));
    const forward = ({ op, shape, inputs }: Tensor): boolean => op === 'matmul' && shape.at(-1) === width && inputs[1]!.op === 'transpose';
    return topologicalOrder([loss, gradients(loss, [x], { sparing })[0]!]).filter(forward).length;
  };
  expect(products(320, 1280)).toBe(2);
  expect(products(320, 1280, false)).toBe(1);
  expect(products(640, 1280)).toBe(1);
  expect(products(320, 320)).toBe(1);
});
