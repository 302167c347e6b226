/** The models that are made for WebGPU, run on the CPU: no GPU is needed to see that they compute what they should. */
import { expect, test } from 'vitest';
import { gradients } from '../../src/graph/gradient.ts';
import { interpret } from '../../src/graph/interpreter.ts';
import { lower } from '../../src/graph/lower.ts';
import {
  attention,
  cos,
  fileConstant,
  constant,
  gather,
  input,
  matmul,
  multiply,
  scatterAdd,
  sin,
  sum,
  swapLast,
} from '../../src/graph/ops.ts';
import { InferenceSession, OrtTensor } from '../../src/graph/ort.ts';
import { Random } from '../../src/graph/random.ts';
import { sizeOf, topologicalOrder } from '../../src/graph/tensor.ts';
import type { Tensor } from '../../src/graph/tensor.ts';

const limit = 128 * 2 ** 20;
const count = (bytes: Uint8Array, text: string): number => Buffer.from(bytes).toString('latin1').split(text).length - 1;

/** Lowers for WebGPU under a limit, runs the model on the CPU and holds it against the interpreter. Returns the model. */
async function agrees(outputs: Record<string, Tensor>, ids: Record<string, Int32Array>, bindingLimit?: number): Promise<Uint8Array> {
  const { bytes } = lower(outputs, { device: 'webgpu', ...(bindingLimit !== undefined && { bindingLimit }) });
  const inputs = topologicalOrder(Object.values(outputs)).filter((t): t is Tensor<'input'> => t.op === 'input');
  const feeds = Object.fromEntries(
    inputs.map(({ attributes: { name, shape } }) => [name, ids[name] ?? new Random(1).fork(name).normals(sizeOf(shape))]),
  );
  const session = await InferenceSession.create(bytes, { intraOpNumThreads: 1 });
  const out = await session.run(
    Object.fromEntries(
      inputs.map((t) => [t.attributes.name, new OrtTensor(t.dtype as 'float32', feeds[t.attributes.name] as Float32Array, t.shape)]),
    ),
  );
  const expected = interpret(Object.values(outputs), feeds);
  Object.keys(outputs).forEach((name, i) =>
    expected[i]!.forEach((value, k) =>
      expect(Math.abs((out[name]!.data as Float32Array)[k]! - value), `${name}[${k}]`).toBeLessThan(2e-5 * (1 + Math.abs(value))),
    ),
  );
  await session.release();
  return bytes;
}

test('a table past the limit is asked in blocks of rows, and so is the product with it', async () => {
  const table = constant(new Random(2).normals(10 * 4), [10, 4]);
  const x = input('x', [2, 3, 4]);
  const ids = input('ids', [2, 6], 'int32');
  const outputs = { rows: gather(table, ids), logits: matmul(x, swapLast(table)) };
  const feeds = { ids: Int32Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 0) };
  const whole = await agrees(outputs, feeds);
  expect([count(whole, 'Gather'), count(whole, 'MatMul')]).toEqual([1, 1]);
  // Four rows to a block.
  const parts = await agrees(outputs, feeds, 4 * 4 * 4);
  expect([count(parts, 'Gather'), count(parts, 'MatMul')]).toEqual([3, 3]);
});

test('rows are added up in blocks of rows', async () => {
  const values = input('values', [3, 2, 5]);
  const ids = input('ids', [3, 2], 'int32');
  const bytes = await agrees({ y: scatterAdd(values, ids, 7) }, { ids: Int32Array.of(6, 0, 3, 3, 6, 1) }, 4 * 6 * 3);
  expect(count(bytes, 'MatMul')).toBe(3);
});

test('attention and its gradients take queries in blocks whose scores stay within the limit', async () => {
  const [q, k, v] = ['q', 'k', 'v'].map((name) => input(name, [2, name === 'q' ? 10 : 6, 8])) as [Tensor, Tensor, Tensor];
  const y = attention(q, k, v, 2);
  const loss = sum(multiply(y, input('g', [2, 10, 8])));
  const [dq, dk, dv] = gradients(loss, [q, k, v]) as [Tensor, Tensor, Tensor];
  // Scores of four queries: 2 pictures, 2 heads, 6 keys.
  const bytes = await agrees({ y, dq, dk, dv }, {}, 4 * 2 * 2 * 6 * 4);
  expect(count(bytes, 'Softmax')).toBe(2 * 3);
});

test('sine and cosine of any angle', async () => {
  const x = constant(
    Float32Array.from({ length: 4001 }, (_, i) => (i - 2000) / 2),
    [4001],
  );
  await agrees({ sin: sin(x), cos: cos(x) }, {});
});

test('nothing of Stable Diffusion 1.5’s text encoder and attention is past the limit', () => {
  const [rows, width] = [49408, 768];
  const table = fileConstant('/none/model.safetensors', 100, [rows, width]);
  const outputs = { rows: gather(table, input('ids', [1, 77], 'int32')), logits: matmul(input('x', [77, width]), swapLast(table)) };
  const text = Buffer.from(lower(outputs, { device: 'webgpu' }).bytes).toString('latin1');
  const parts = [...text.matchAll(/offset..(\d+).*?length..(\d+)/gs)].map(
    ([, offset, length]) => [Number(offset), Number(length)] as const,
  );
  expect(parts.reduce((total, [, length]) => total + length, 0)).toBe(4 * rows * width);
  expect(parts.length).toBe(2);
  let end = 100;
  for (const [offset, length] of parts) {
    expect(offset).toBe(end);
    expect(length).toBeLessThanOrEqual(limit);
    end += length;
  }
  const heads = 8;
  const [q, k, v, g] = ['q', 'k', 'v', 'g'].map((name) => input(name, [1, 4096, 320])) as [Tensor, Tensor, Tensor, Tensor];
  const dq = gradients(sum(multiply(attention(q, k, v, heads), g)), [q])[0]!;
  expect(4 * heads * 4096 * 4096).toBe(4 * limit);
  expect(count(lower({ dq }, { device: 'webgpu' }).bytes, 'Softmax')).toBe(2 * 4);
});
