/** Half precision, as models for WebGPU have it, run on the CPU. */
import { expect, test } from 'vitest';
import { gradients } from '../../src/graph/gradient.ts';
import { interpret } from '../../src/graph/interpreter.ts';
import { lower } from '../../src/graph/lower.ts';
import { OnnxBuilder } from '../../src/graph/onnx.ts';
import * as ops from '../../src/graph/ops.ts';
import { InferenceSession, OrtTensor } from '../../src/graph/ort.ts';
import { halves, toFiniteHalves } from '../../src/graph/precision.ts';
import { Random } from '../../src/graph/random.ts';
import { sizeOf, topologicalOrder } from '../../src/graph/tensor.ts';
import type { Tensor } from '../../src/graph/tensor.ts';

test('halves are rounded as ONNX Runtime rounds them, and what is too large is the largest', async () => {
  const random = new Random(1).normals(20_000);
  const values = random.map((x, i) => x * 2 ** ((i % 44) - 28)).filter((x) => Math.abs(x) < 65000);
  const ties = Float32Array.of(
    0,
    -0,
    1,
    -2,
    2048.5,
    2049,
    2051,
    65504,
    2 ** -24,
    2 ** -25,
    3 * 2 ** -25,
    1023.5 * 2 ** -24,
    2 ** -14,
    5e-8,
  );
  const all = Float32Array.of(...values, ...ties);
  const b = new OnnxBuilder(undefined, {});
  b.output('y', b.node('Cast', [b.node('Cast', [b.input('x', [all.length], 'float32')], { to: 10 })], { to: 1 }), [all.length], 'float32');
  const session = await InferenceSession.create(b.finish().bytes, { intraOpNumThreads: 1, graphOptimizationLevel: 'disabled' });
  const { y } = await session.run({ x: new OrtTensor('float32', all, [all.length]) });
  const half = toFiniteHalves(all);
  const back = Float32Array.from(half, (bits) => {
    const [exponent, mantissa] = [(bits >>> 10) & 31, bits & 1023];
    const size = exponent === 0 ? mantissa * 2 ** -24 : (1024 + mantissa) * 2 ** (exponent - 25);
    return bits & 0x8000 ? -size : size;
  });
  expect([...back]).toEqual([...(y!.data as Float32Array)]);
  expect([...toFiniteHalves(Float32Array.of(1e9, -1e9, Infinity))]).toEqual([0x7bff, 0xfbff, 0x7bff]);
});

/** A block of a network: convolution, norm, attention, an update of weights; and what is half in it. */
function network(): { outputs: Record<string, Tensor>; parts: Record<string, Tensor> } {
  const [x, w] = [ops.input('x', [2, 8, 6, 6]), ops.state('w', [8, 8])];
  const filters = ops.constant(
    new Random(3).normals(8 * 8 * 9).map((v) => v / 9),
    [8, 8, 3, 3],
  );
  const convolved = ops.conv2d(x, filters, { padding: 1 });
  const active = ops.multiply(convolved, ops.sigmoid(convolved));
  const tokens = ops.transpose(ops.reshape(active, [2, 8, 36]), [0, 2, 1]);
  const norm = ops.standardize(tokens, 1e-5);
  const mapped = ops.matmul(norm, w);
  const attended = ops.attention(mapped, mapped, ops.add(mapped, tokens), 2);
  const loss = ops.mean(ops.square(ops.subtract(attended, ops.input('target', attended.shape))));
  const [dw, dx] = gradients(loss, [w, x]) as [Tensor, Tensor];
  return { outputs: { loss, dw, dx }, parts: { convolved, active, tokens, norm, mapped, attended, loss } };
}

test('products and activations are half; norms, losses and what is kept are not', () => {
  const { outputs, parts } = network();
  const half = halves(topologicalOrder(Object.values(outputs)));
  expect(Object.entries(parts).flatMap(([name, t]) => (half.has(t) ? [name] : []))).toEqual([
    'convolved',
    'active',
    'tokens',
    'mapped',
    'attended',
  ]);
});

test('a network in halves, and its gradients, are near the interpreter’s in float64, and not float32’s', async () => {
  const { outputs } = network();
  const inputs = topologicalOrder(Object.values(outputs)).filter((t): t is Tensor<'input'> => t.op === 'input');
  const feeds = Object.fromEntries(
    inputs.map(({ attributes: { name, shape } }) => [name, new Random(5).fork(name).normals(sizeOf(shape))]),
  );
  const expected = interpret(Object.values(outputs), feeds);
  for (const [precision, least, most] of [
    ['float32', 0, 1e-5],
    ['float16', 1e-5, 2e-2],
  ] as const) {
    const session = await InferenceSession.create(lower(outputs, { device: 'webgpu', precision }).bytes, { intraOpNumThreads: 1 });
    const out = await session.run(
      Object.fromEntries(inputs.map((t) => [t.attributes.name, new OrtTensor('float32', feeds[t.attributes.name]!, t.shape)])),
    );
    Object.keys(outputs).forEach((name, i) => {
      const scale = Math.max(...expected[i]!.map(Math.abs));
      const error = Math.max(...expected[i]!.map((v, k) => Math.abs((out[name]!.data as Float32Array)[k]! - v))) / scale;
      expect(error, `${name} in ${precision}`).toBeLessThan(most);
      if (name !== 'loss') expect(error, `${name} in ${precision}`).toBeGreaterThan(least);
    });
    await session.release();
  }
});
