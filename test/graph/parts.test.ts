/** A lean program whose parts the runtime plans apart gives what it gives whole. */
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { Engine } from '../../src/graph/engine.ts';
import { gradients } from '../../src/graph/gradient.ts';
import { quietestWriting } from '../../src/graph/writing.ts';
import { lower } from '../../src/graph/lower.ts';
import { add, cast, exp, input, less, mean, multiply, reshape, square, state, stopGradient, subtract, sum } from '../../src/graph/ops.ts';
import { Random } from '../../src/graph/random.ts';
import { sizeOf, topologicalOrder } from '../../src/graph/tensor.ts';
import type { Tensor } from '../../src/graph/tensor.ts';
import { loadModel } from '../../src/models/load.ts';
import { unet } from '../../src/models/unet.ts';

test('a training step: losses, gradient and the state that it is written over', async () => {
  const { unet: denoiser } = await loadModel('assets/tiny');
  const [latents, noise] = [input('latents', [8, 4, 16, 16]), input('noise', [8, 4, 16, 16])];
  const text = state('text', [8, 32, denoiser.config.cross_attention_dim]);
  const loss = mean(square(subtract(unet(denoiser.parameters, denoiser.config, latents, input('timesteps', [8]), text), noise)));
  const gradient = gradients(loss, [text])[0]!;
  const outputs = { loss, gradient };
  const updates = { text: subtract(text, multiply(gradient, 100)) };
  const { parts } = quietestWriting([...Object.values(outputs), updates.text], false, new Set([updates.text]));
  expect(new Set(parts?.values()).size).toBeGreaterThan(2);
  const random = new Random(0);
  const feeds = {
    latents: random.normals(sizeOf(latents.shape)),
    noise: random.normals(sizeOf(noise.shape)),
    timesteps: new Float32Array(8).fill(500),
  };
  const start = random.normals(sizeOf(text.shape));
  const run = async (lean: boolean): Promise<Float32Array[]> => {
    const engine = new Engine({ threads: 1 });
    await engine.setState({ text: { data: start, shape: text.shape } });
    const program = await engine.compile({ outputs, updates, lean });
    const seen: Float32Array[] = [];
    for (let i = 0; i < 2; i++) seen.push(...(Object.values(await program.run(feeds)) as Float32Array[]));
    seen.push((await engine.getState(['text'])).text as Float32Array);
    await engine.close();
    return seen;
  };
  const [divided, whole] = [await run(true), await run(false)];
  divided.forEach((values, i) => {
    const scale = Math.max(...whole[i]!.map(Math.abs));
    expect(Math.max(...values.map((v, k) => Math.abs(v - whole[i]![k]!)))).toBeLessThan(2e-5 * scale);
  });
  // The second step began where the first had ended.
  expect(whole[2]![0]).not.toBe(whole[0]![0]);
});

test('values of every kind pass from part to part', async () => {
  const x = input('x', [2, 3]);
  const first = exp(x);
  const flat = reshape(first, [6]);
  const fixed = stopGradient(flat);
  const small = less(flat, 2);
  const whole = cast(add(fixed, 1), 'int32');
  const total = sum(multiply(fixed, cast(small, 'float32')));
  const last = add(multiply(cast(whole, 'float32'), total), flat);
  const outputs = { flat, fixed, small, whole, total, last };
  const begins = new Map<Tensor, number>([first, small, total].map((t, i) => [t, i + 1]));
  const parts = new Map<Tensor, number>();
  for (const t of topologicalOrder(Object.values(outputs))) {
    parts.set(t, Math.max(begins.get(t) ?? 0, ...t.inputs.map((y) => parts.get(y)!)));
  }
  const run = async (options: Parameters<typeof lower>[1]): Promise<Record<string, unknown[]>> => {
    const session = await InferenceSession.create(lower(outputs, { lean: true, ...options }).bytes);
    const out = await session.run({ x: new OrtTensor('float32', Float32Array.of(-2, -1, 0, 0.5, Number.NaN, 1), [2, 3]) });
    await session.release();
    return Object.fromEntries(Object.entries(out).map(([name, { data }]) => [name, [...(data as Float32Array)]]));
  };
  const seen = await run({ parts });
  expect(seen).toEqual(await run({}));
  expect(seen.small).toEqual([1, 1, 1, 1, 0, 0]);
});
