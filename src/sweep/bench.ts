/** Speed: the engine's main primitives, a training step, the sampler. */
import type { Engine } from '../graph/engine.ts';
import { conv2d, input, matmul, softmax } from '../graph/ops.ts';
import { Random } from '../graph/random.ts';
import { sizeOf, topologicalOrder } from '../graph/tensor.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { DiffusionModel } from '../models/load.ts';
import { methodOf } from '../methods/index.ts';
import { parseRecipe } from '../config.ts';
import { TrainingStep } from '../trainer/step.ts';
import { initialWeights, subjectTokens } from '../trainer/prepare.ts';
import { Pipeline } from '../sampler/pipeline.ts';
import { drawnTogether, drawsPhotographs } from '../sampler/usual.ts';
import { objectTemplates } from '../text/templates.ts';

export interface Speed {
  name: string;
  perSecond: number;
  gflops: number;
}

async function rateOf(run: () => Promise<unknown>, milliseconds: number): Promise<number> {
  await run();
  const start = performance.now();
  let count = 0;
  do {
    await run();
    count++;
  } while (performance.now() - start < milliseconds);
  return (1000 * count) / (performance.now() - start);
}

export async function measurePrimitives(engine: Engine, milliseconds = 1000): Promise<Speed[]> {
  const cases: Record<string, () => Tensor> = {
    'conv 3×3': () => conv2d(input('a', [4, 128, 32, 32]), input('b', [128, 128, 3, 3]), { padding: 1 }),
    matmul: () => matmul(input('a', [1024, 512]), input('b', [512, 1024])),
    attention: () => matmul(softmax(matmul(input('a', [8, 512, 64]), input('b', [8, 64, 512]))), input('c', [8, 512, 64])),
  };
  const out: Speed[] = [];
  for (const [name, make] of Object.entries(cases)) {
    const y = make();
    const program = await engine.compile({ outputs: { y } });
    const inputs = topologicalOrder([y]).filter((t): t is Tensor<'input'> => t.op === 'input');
    const feeds = Object.fromEntries(inputs.map((t, i) => [t.attributes.name, new Random(i).normals(sizeOf(t.shape))]));
    const perSecond = await rateOf(() => program.run(feeds), milliseconds);
    out.push({ name, perSecond, gflops: (program.flops * perSecond) / 1e9 });
    await program.release();
  }
  return out;
}

export interface StepShape {
  batchSize: number;
  /** Weight of the MLM objective. */
  lambda?: number;
  /** Prompts of that objective in a step. */
  promptBatch?: number;
  /** Vectors behind the new word. */
  vectors?: number;
}

/** A step of textual inversion on latents of noise: what it costs is what one on pictures does. */
export async function noiseStep(
  engine: Engine,
  model: DiffusionModel,
  { batchSize, lambda = 0, vectors = 1, promptBatch }: StepShape,
): Promise<TrainingStep> {
  const { in_channels: channels, sample_size: side } = model.unet.config;
  const prompts = objectTemplates.map((template) => template.replace('{}', '<v> dog'));
  const recipe = parseRecipe({
    images: '-',
    class: 'dog',
    steps: 1e6,
    batchSize,
    lambda,
    vectors,
    ...(promptBatch !== undefined && { promptBatch }),
  });
  const method = methodOf(recipe.method);
  const data = {
    own: [{ latents: new Random(0).normals(channels * side * side), prompts }],
    prior: [],
    richPrompts: prompts,
    ...subjectTokens(model, method, recipe, recipe.vectors),
  };
  return TrainingStep.create(engine, model, method, initialWeights(model, method, recipe), data, recipe);
}

/** Steps per second of textual inversion with the MLM objective, and of a guided sampler step. */
export async function measureModel(engine: Engine, model: DiffusionModel, milliseconds = 3000): Promise<Speed[]> {
  const out: Speed[] = [];
  const add = (name: string, perSecond: number, flops: number): void =>
    void out.push({ name, perSecond, gflops: (flops * perSecond) / 1e9 });
  const batchSize = drawsPhotographs(model) ? 1 : 4;
  for (const lambda of model.contextualizer === undefined ? [0] : [0, 1e-3]) {
    const training = await noiseStep(engine, model, { batchSize, lambda });
    let step = 0;
    const rate = await rateOf(() => training.step(step++), milliseconds);
    add(`training step, batch ${batchSize}${lambda === 0 ? '' : ', with MLM'}`, rate, training.flops);
    await training.release();
  }
  const pictures = drawnTogether(model, 8);
  const pipeline = await Pipeline.create(engine, model, pictures);
  const steps = 4;
  const once = async (): Promise<void> => {
    for await (const { index } of pipeline.generate({
      prompts: Array.from({ length: pictures }, () => 'a dog'),
      seed: 0,
      sampler: 'ddim',
      steps,
      guidance: 4,
    }))
      if (index < 0) return;
  };
  add(`guided sampler step, ${pictures} pictures`, steps * (await rateOf(once, milliseconds)), pipeline.flops);
  await pipeline.release();
  return out;
}
