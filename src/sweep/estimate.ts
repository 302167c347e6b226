/** What a training step and a picture will cost here, from the graphs that they run and the speed of this machine, without running them. */
import { parseRecipe } from '../config.ts';
import { drawGraphs } from '../graph/draughtsman.ts';
import type { Engine } from '../graph/engine.ts';
import { flopsOf } from '../graph/flops.ts';
import { predictTogether, rootsOf } from '../graph/memory.ts';
import type { Graph } from '../graph/memory.ts';
import { sizeOf } from '../graph/tensor.ts';
import type { Tensor } from '../graph/tensor.ts';
import { methodOf } from '../methods/index.ts';
import { pixelSize, traces } from '../models/load.ts';
import type { DiffusionModel } from '../models/load.ts';
import { Parameters } from '../nn/parameters.ts';
import { timeGraphs } from '../graph/timing.ts';
import { ofPictures } from '../sampler/forecast.ts';
import { Pipeline } from '../sampler/pipeline.ts';
import { objectTemplates } from '../text/templates.ts';
import { initialWeights, subjectTokens } from '../trainer/prepare.ts';
import { TrainingStep } from '../trainer/step.ts';

export interface Cost {
  /** Floating-point operations of matrix products and convolutions. */
  flops: number;
  seconds: number;
  /** Bytes that are added to the process at the peak. */
  memory: number;
}

/** The graphs of a step of textual inversion and of drawing pictures, a batch of them. */
async function graphsOf(model: DiffusionModel, batch: number): Promise<{ training: Graph; drawing: Graph[] }> {
  const draw = async (engine: Engine): Promise<void> => {
    const { in_channels: channels, sample_size: side } = model.unet.config;
    const prompts = objectTemplates.map((template) => template.replace('{}', '<v> dog'));
    const recipe = parseRecipe({ images: '-', class: 'dog', steps: 1, batchSize: batch, lambda: 0, initializer: 'a' });
    const method = methodOf(recipe.method);
    const own = [{ latents: new Float32Array(channels * side * side), prompts }];
    const data = { own, prior: [], richPrompts: [], ...subjectTokens(model, method, recipe, recipe.vectors) };
    await TrainingStep.create(engine, model, method, initialWeights(model, method, recipe), data, recipe);
    await Pipeline.create(engine, model, batch);
  };
  const [training, ...drawing] = (await drawGraphs([draw]))[0] as [Graph, ...Graph[]];
  return { training, drawing };
}

function weightsOf({ textEncoder, unet, vae }: DiffusionModel): { parameters: number; bytes: number } {
  const found = new Set<Tensor>();
  const parts = [
    [textEncoder, traces.textEncoder],
    [unet, traces.unet],
    [vae, traces.vae],
  ] as const;
  for (const [{ parameters, config }, { run }] of parts) {
    const noting = new Parameters((name, shape) => {
      const t = parameters.get(name, shape);
      found.add(t);
      return t;
    });
    (run as (p: Parameters, c: typeof config) => unknown)(noting, config);
  }
  const constants = [...found] as Tensor<'constant'>[];
  const stored = ({ attributes: { source }, shape }: Tensor<'constant'>): number =>
    source.kind === 'file' ? source.length : 4 * sizeOf(shape);
  return {
    parameters: constants.reduce((total, { shape }) => total + sizeOf(shape), 0),
    bytes: constants.reduce((total, t) => total + stored(t), 0),
  };
}

export interface Estimate {
  pixels: number;
  batch: number;
  /** Parameters of the text encoder, the U-Net and the VAE. */
  parameters: number;
  /** Their bytes, as the files hold them. */
  bytes: number;
  /** One step of plain textual inversion. */
  trainingStep: Cost;
  /** A batch of pictures drawn in `samplerSteps` guided steps. */
  pictures: Cost;
  samplerSteps: number;
  /** Share of the arithmetic that was timed at its own size. */
  timed: number;
}

/** About what a step and a batch of pictures cost on `engine`'s machine. Takes some seconds, most of them for timing. */
export async function estimate(
  engine: Engine,
  model: DiffusionModel,
  { batch = 1, samplerSteps = 25, milliseconds = 60 } = {},
): Promise<Estimate> {
  const { training, drawing } = await graphsOf(model, batch);
  const { seconds, timed } = await timeGraphs(engine, [training, ...drawing].map(rootsOf), milliseconds);
  const [ofStep, ...ofPrograms] = seconds as [number, ...number[]];
  const flops = (graph: Graph): number => flopsOf(rootsOf(graph));
  return {
    pixels: pixelSize(model),
    batch,
    ...weightsOf(model),
    trainingStep: { flops: flops(training), seconds: ofStep, memory: predictTogether([training]) },
    pictures: {
      flops: ofPictures(drawing.map(flops), samplerSteps),
      seconds: ofPictures(ofPrograms, samplerSteps),
      memory: predictTogether(drawing),
    },
    samplerSteps,
    timed,
  };
}
