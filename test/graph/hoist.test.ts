import { afterAll, expect, test } from 'vitest';
import { Engine } from '../../src/graph/engine.ts';
import { hoist } from '../../src/graph/hoist.ts';
import { add, constant, exp, input, matmul, multiply, state, swapLast } from '../../src/graph/ops.ts';
import { topologicalOrder } from '../../src/graph/tensor.ts';
import type { Tensor } from '../../src/graph/tensor.ts';

const engine = new Engine({ threads: 1 });
afterAll(() => engine.close());

const names = (roots: readonly Tensor[]): string[] =>
  topologicalOrder(roots)
    .filter((t): t is Tensor<'input'> => t.op === 'input')
    .map((t) => t.attributes.name)
    .toSorted();

test('what depends on the given inputs alone is computed once, and the rest reads it', async () => {
  const [text, latents] = [input('text', [2, 3]), input('latents', [2, 3])];
  const weight = state('weight', [3, 3]);
  const keys = matmul(exp(text), weight);
  const result = add(matmul(latents, swapLast(weight)), multiply(keys, add(keys, latents)));
  const { once, outputs } = hoist({ result }, ['text'], 'kept.');
  expect(Object.keys(once)).toEqual(['kept.0']);
  expect(names(Object.values(once))).toEqual(['text', 'weight']);
  expect(names(Object.values(outputs))).toEqual(['kept.0', 'latents', 'weight']);
  await engine.setState({
    weight: { data: Float32Array.from({ length: 9 }, (_, i) => i / 9), shape: [3, 3] },
    'kept.0': { data: new Float32Array(6), shape: [2, 3] },
  });
  const feeds = { text: Float32Array.of(0, 1, -1, 0.5, 0.25, 0), latents: Float32Array.of(1, 2, 3, -1, -2, -3) };
  const whole = await (await engine.compile({ outputs: { result } })).run(feeds);
  await (await engine.compile({ updates: once })).run({ text: feeds.text });
  expect((await (await engine.compile({ outputs })).run({ latents: feeds.latents })).result).toEqual(whole.result);
});

test('a root of its own, constants, and nothing to take out', () => {
  const text = input('text', [2]);
  const two = constant(Float32Array.of(1, 2), [2]);
  const early = hoist({ y: exp(text) }, ['text'], 'k.');
  expect(early.outputs.y!.op).toBe('input');
  const none = hoist({ y: add(input('latents', [2]), exp(two)) }, ['text'], 'k.');
  expect(none.once).toEqual({});
  expect(topologicalOrder([none.outputs.y!]).map(({ op }) => op)).toContain('exp');
});
