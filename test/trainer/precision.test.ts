import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseRecipe } from '../../src/config.ts';
import { Engine } from '../../src/graph/engine.ts';
import { gradients } from '../../src/graph/gradient.ts';
import { lower } from '../../src/graph/lower.ts';
import { add, input, multiply } from '../../src/graph/ops.ts';
import { InferenceSession, OrtTensor } from '../../src/graph/ort.ts';
import type { Precision } from '../../src/graph/precision.ts';
import type { TypedArray } from '../../src/graph/values.ts';
import { Random } from '../../src/graph/random.ts';
import { methodOf } from '../../src/methods/index.ts';
import { unadapted } from '../../src/methods/method.ts';
import { loadModel } from '../../src/models/load.ts';
import type { DiffusionModel } from '../../src/models/load.ts';
import { stateSource } from '../../src/nn/parameters.ts';
import { initialWeights, subjectTokens } from '../../src/trainer/prepare.ts';
import { TrainingStep, objectives } from '../../src/trainer/step.ts';
import type { TrainingData } from '../../src/trainer/step.ts';
import { statesOf } from './states.ts';

let model: DiffusionModel;
beforeAll(async () => void (model = await loadModel('assets/tiny')));

const recipe = parseRecipe({
  images: '-',
  class: 'dog',
  steps: 3,
  batchSize: 1,
  promptBatch: 2,
  accumulation: 2,
  ema: 0.9,
  lambda: 0.1,
  seed: 3,
});
const method = methodOf(recipe.method);

function dataOf(): TrainingData {
  const { in_channels: channels, sample_size: side } = model.unet.config;
  const own = [{ latents: new Random(5).normals(channels * side * side), prompts: ['a picture of <v> dog'] }];
  const richPrompts = ['a <v> dog at the beach', 'a photo of a <v> dog in the snow'];
  return { own, prior: [], richPrompts, ...subjectTokens(model, method, recipe, recipe.vectors) };
}

test(
  'the embedded model’s losses and gradient in halves, with the loss scaled, are near those in float32',
  { timeout: 300_000 },
  async () => {
    const { source, tensors } = stateSource();
    const { diffusion, mlm, feeds } = objectives(model, method.adapt(unadapted(model), recipe, source), dataOf(), recipe);
    const loss = multiply(add(diffusion, multiply(mlm!, recipe.lambda)), input('lossScale', []));
    const outputs = { diffusion, mlm: mlm!, gradient: gradients(loss, [...tensors.values()])[0]! };
    const first = initialWeights(model, method, recipe);
    const fed: Record<string, TypedArray> = {
      ...feeds(0, 0),
      ...Object.fromEntries(Object.entries(first).map(([name, { data }]) => [name, data])),
      lossScale: Float32Array.of(2 ** 16),
    };
    const run = async (precision: Precision): Promise<Record<string, Float32Array>> => {
      const { bytes, inputs, externalFolder } = lower(outputs, { device: 'webgpu', precision });
      const session = await InferenceSession.create(bytes, {
        intraOpNumThreads: 1,
        logSeverityLevel: 3,
        ...(externalFolder !== undefined && { extra: { session: { model_external_initializers_file_folder_path: externalFolder } } }),
      });
      const given = inputs.map((t) => [
        t.attributes.name,
        new OrtTensor(t.dtype as 'float32', fed[t.attributes.name] as Float32Array, t.shape),
      ]);
      const out = await session.run(Object.fromEntries(given) as Record<string, OrtTensor>);
      await session.release();
      return Object.fromEntries(Object.entries(out).map(([name, t]) => [name, t.data as Float32Array]));
    };
    const [single, half] = [await run('float32'), await run('float16')];
    for (const name of ['diffusion', 'mlm']) expect(Math.abs(half[name]![0]! / single[name]![0]! - 1), name).toBeLessThan(1e-2);
    const dot = (a: Float32Array, b: Float32Array): number => a.reduce((total, x, i) => total + x * b[i]!, 0);
    const [a, b] = [single.gradient!, half.gradient!];
    expect(dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))).toBeGreaterThan(0.999);
    expect(Math.abs(Math.sqrt(dot(b, b) / dot(a, a)) - 1)).toBeLessThan(2e-2);
  },
);

/** An engine on the CPU, in float32, under whose steps the loss is scaled. */
class Scaling extends Engine {
  override readonly precision = 'float16';
}

test('scaling the loss by a power of two changes no step', { timeout: 300_000 }, async () => {
  const engines = [new Engine(), new Scaling()];
  afterAll(() => Promise.all(engines.map((engine) => engine.close())));
  const [plain, scaled] = await Promise.all(
    engines.map(async (engine) => {
      const training = await TrainingStep.create(engine, model, method, initialWeights(model, method, recipe), dataOf(), recipe);
      const events = [await training.step(0), await training.step(1), await training.step(2)];
      const state = await statesOf(training);
      await training.release();
      return { events, state };
    }),
  );
  plain!.events.forEach((event, i) => {
    for (const key of ['diffusion', 'mlm', 'gradientNorm'] as const) expect(scaled!.events[i]![key]! / event[key]!).toBeCloseTo(1, 5);
  });
  expect(Object.keys(scaled!.state)).toEqual([...Object.keys(plain!.state), 'lossScale']);
  for (const [name, { data }] of Object.entries(plain!.state)) {
    const scale = Math.max(1e-9, ...data.map(Math.abs));
    expect(Math.max(...data.map((x, i) => Math.abs(x - scaled!.state[name]!.data[i]!))) / scale, name).toBeLessThan(1e-4);
  }
});

test('a resumed run has the scale that the run before it had come to; a new one’s where the checkpoint has none', async () => {
  const engines = [new Scaling(), new Engine()];
  afterAll(() => Promise.all(engines.map((engine) => engine.close())));
  const begin = (engine: Engine): Promise<TrainingStep> =>
    TrainingStep.create(engine, model, method, initialWeights(model, method, recipe), dataOf(), recipe);
  const training = await begin(engines[0]!);
  const state = await statesOf(training);
  expect(state.lossScale).toEqual({ data: Float32Array.of(2 ** 16), shape: [] });
  await training.restore({ ...state, lossScale: { data: Float32Array.of(2 ** 9), shape: [] } });
  expect((await statesOf(training)).lossScale!.data).toEqual(Float32Array.of(2 ** 9));
  const { lossScale: _, ...without } = state;
  await training.restore(without);
  expect((await statesOf(training)).lossScale!.data).toEqual(Float32Array.of(2 ** 16));
  // In float32 it scales nothing, and is no state of the engine's.
  const single = await begin(engines[1]!);
  await single.restore(state);
  expect(await statesOf(single)).toEqual(without);
  await expect(engines[1]!.getState(['lossScale'])).rejects.toThrow('lossScale');
}, 300_000);
