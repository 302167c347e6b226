import { afterAll, beforeAll, describe, expect, test as run } from 'vitest';
import { parseRecipe } from '../../src/config.ts';
import { Engine } from '../../src/graph/engine.ts';
import { Random } from '../../src/graph/random.ts';
import { methodOf } from '../../src/methods/index.ts';
import type { Weights } from '../../src/methods/method.ts';
import { loadModel } from '../../src/models/load.ts';
import type { DiffusionModel } from '../../src/models/load.ts';
import { Pipeline } from '../../src/sampler/pipeline.ts';
import { initialWeights, subjectTokens } from '../../src/trainer/prepare.ts';
import { TrainingStep } from '../../src/trainer/step.ts';
import type { TrainEvent } from '../../src/trainer/step.ts';
import { gpus } from '../gpus.ts';
import { statesOf } from './states.ts';

const tolerance = 1e-4;

function expectNear(got: Float32Array, expected: Float32Array, within = tolerance): void {
  expect(got.length).toBe(expected.length);
  const scale = Math.max(...expected.map(Math.abs));
  expect(Math.max(...expected.map((x, i) => Math.abs(x - got[i]!))) / scale).toBeLessThan(within);
}

describe.each(gpus)('the embedded model on $title', ({ device, missing }) => {
  const test = run.runIf(missing === undefined);
  let model: DiffusionModel;
  const engines = { cpu: new Engine({ device: 'cpu' }), gpu: new Engine({ device }) };
  beforeAll(async () => void (model = await loadModel('assets/tiny')));
  afterAll(() => Promise.all(Object.values(engines).map((engine) => engine.close())));

  /** Steps of textual inversion with the MLM objective: what each says, and the states at the end. */
  async function trained(engine: Engine, steps: number): Promise<{ events: TrainEvent[]; state: Weights }> {
    const recipe = parseRecipe({ images: '-', class: 'dog', steps, batchSize: 1, promptBatch: 2, lambda: 0.1, seed: 3 });
    const method = methodOf(recipe.method);
    const { in_channels: channels, sample_size: side } = model.unet.config;
    const own = [{ latents: new Random(5).normals(channels * side * side), prompts: ['a picture of <v> dog'] }];
    const richPrompts = ['a <v> dog at the beach', 'a photo of a <v> dog in the snow'];
    const data = { own, prior: [], richPrompts, ...subjectTokens(model, method, recipe, recipe.vectors) };
    const training = await TrainingStep.create(engine, model, method, initialWeights(model, method, recipe), data, recipe);
    const events: TrainEvent[] = [];
    for (let i = 0; i < steps; i++) events.push(await training.step(i));
    const state = await statesOf(training);
    await training.release();
    return { events, state };
  }

  function expectSame(got: Awaited<ReturnType<typeof trained>>, expected: typeof got): void {
    expected.events.forEach((event, i) => {
      for (const key of ['diffusion', 'mlm', 'gradientNorm'] as const)
        expect(Math.abs(got.events[i]![key]! / event[key]! - 1), `${key} of step ${i + 1}`).toBeLessThan(tolerance);
    });
    expect(Object.keys(got.state)).toEqual(Object.keys(expected.state));
    for (const [name, { data }] of Object.entries(expected.state)) expectNear(got.state[name]!.data, data);
  }

  test('two training steps: losses, gradient norm, vectors and moments are the CPU’s', { timeout: 240_000 }, async () => {
    expectSame(await trained(engines.gpu, 2), await trained(engines.cpu, 2));
  });

  test('a training step that spares memory, as large models’ do, is the CPU’s as well', { timeout: 240_000 }, async () => {
    const sparing = new Engine({ device, lowMemory: true });
    const gpu = await trained(sparing, 1);
    await sparing.close();
    expectSame(gpu, await trained(engines.cpu, 1));
  });

  run.runIf(missing === undefined && device === 'webgpu')(
    'in halves two training steps are near float32’s, or refused',
    { timeout: 240_000 },
    async () => {
      const half = new Engine({ device, precision: 'float16' });
      const gpu = await trained(half, 2).catch((error: unknown) => error as Error);
      await half.close();
      if (gpu instanceof Error) return expect(gpu.message).toContain('has no 16-bit shaders');
      const cpu = await trained(engines.cpu, 2);
      cpu.events.forEach((event, i) => {
        for (const key of ['diffusion', 'mlm', 'gradientNorm'] as const)
          expect(Math.abs(gpu.events[i]![key]! / event[key]! - 1), `${key} of step ${i + 1}`).toBeLessThan(5e-3);
      });
    },
  );

  test('a step of the sampler, and the picture of it', { timeout: 240_000 }, async () => {
    const [cpu, gpu] = await Promise.all(
      Object.values(engines).map(async (engine) => {
        const pipeline = await Pipeline.create(engine, model, 1);
        const options = { prompts: ['a dog at the beach'], seed: 7, sampler: 'ddim', steps: 1, guidance: 5 } as const;
        const { value } = await pipeline.generate(options).next();
        await pipeline.release();
        return value!.pixels as Float32Array;
      }),
    );
    expectNear(gpu!, cpu!, 1e-3);
  });
});
