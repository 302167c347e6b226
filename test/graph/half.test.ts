import { expect, test } from 'vitest';
import { fromBfloats, fromHalves, toHalves } from '../../src/graph/half.ts';
import { OnnxBuilder } from '../../src/graph/onnx.ts';
import { InferenceSession, OrtTensor } from '../../src/graph/ort.ts';
import { Random } from '../../src/graph/random.ts';

const every = Uint16Array.from({ length: 2 ** 16 }, (_, bits) => bits);
const finite = every.filter((bits) => (bits & 0x7c00) !== 0x7c00);

/** By ONNX Runtime's Cast, from float32 to a half and back. */
async function rounded(values: Float32Array): Promise<Float32Array> {
  const b = new OnnxBuilder(undefined, {});
  const shape = [values.length];
  b.output('y', b.node('Cast', [b.node('Cast', [b.input('x', shape, 'float32')], { to: 10 })], { to: 1 }), shape, 'float32');
  const session = await InferenceSession.create(b.finish().bytes, { intraOpNumThreads: 1, graphOptimizationLevel: 'disabled' });
  const { y } = await session.run({ x: new OrtTensor('float32', values, shape) });
  return y!.data as Float32Array;
}

test('every half becomes a float32 and that half again', () => {
  const values = fromHalves(finite);
  expect(toHalves(values)).toEqual(finite);
  expect([0x3c00, 0xc000, 0x0001, 0x7bff, 0x7c00, 0xfc00].map((bits) => fromHalves(Uint16Array.of(bits))[0])).toEqual([
    1,
    -2,
    2 ** -24,
    65504,
    Infinity,
    -Infinity,
  ]);
  expect(fromHalves(Uint16Array.of(0x7e00, 0xfc01))).toEqual(Float32Array.of(NaN, NaN));
});

test('the nearest half, ties to even, as ONNX Runtime rounds', async () => {
  const halves = fromHalves(finite.toSorted((a, b) => fromHalves(Uint16Array.of(a))[0]! - fromHalves(Uint16Array.of(b))[0]!));
  const ties = halves.subarray(1).map((x, i) => (x + halves[i]!) / 2);
  const random = new Random(5).normals(20_000).map((x, i) => x * 2 ** ((i % 60) - 35));
  const values = Float32Array.of(...ties, ...random, 65519, 65520, 1e9, -1e9, Infinity, 1e-40);
  expect(fromHalves(toHalves(values))).toEqual(await rounded(values));
});

test('bfloat16 is the upper half of a float32', () => {
  expect(fromBfloats(Uint16Array.of(0x3f80, 0xc000, 0x7f80, 0x0001))).toEqual(Float32Array.of(1, -2, Infinity, 2 ** -133));
});

test('a view into a larger buffer is read from where it begins', () => {
  expect(toHalves(Float32Array.of(5, 1, -2).subarray(1))).toEqual(Uint16Array.of(0x3c00, 0xc000));
});
