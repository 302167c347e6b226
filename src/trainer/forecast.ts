/** What a run will take, before it begins: memory from the graphs that it will run, time from operators of their sizes. */
import type { Recipe } from '../config.ts';
import { compileEncoder } from '../dataset/latents.ts';
import { drawGraphs } from '../graph/draughtsman.ts';
import type { Engine } from '../graph/engine.ts';
import { gigabytes, isShort, predictTogether, refuseShortage, rootsOf } from '../graph/memory.ts';
import type { Graph } from '../graph/memory.ts';
import { bytesOf, topologicalOrder } from '../graph/tensor.ts';
import type { Tensor } from '../graph/tensor.ts';
import { timeGraphs } from '../graph/timing.ts';
import type { Method, Weights } from '../methods/method.ts';
import { pixelSize } from '../models/load.ts';
import type { DiffusionModel } from '../models/load.ts';
import { ofPictures } from '../sampler/forecast.ts';
import { Pipeline } from '../sampler/pipeline.ts';
import { drawnTogether } from '../sampler/usual.ts';
import { lambdaBatches } from './lambda.ts';
import { settingsOf } from './prepare.ts';
import { keepsPreview, previewOf, previewSteps } from './preview.ts';
import { priorSteps } from './prior.ts';
import { TrainingStep } from './step.ts';
import type { Example, TrainingData } from './step.ts';

/** What a run is made of, as far as its costs go. */
export interface Plan {
  model: DiffusionModel;
  method: Method;
  recipe: Recipe;
  initial: Weights;
  tokens: Pick<TrainingData, 'tokenizer' | 'kept'>;
  rich: readonly string[];
  /** Views and pictures of the class that the VAE has yet to encode. */
  views: number;
  /** Whether the loss is weighed by masks. */
  masked: boolean;
  /** Pictures that are still to be drawn, by class. */
  missing: readonly number[];
  /** Steps that are done already. */
  done: number;
  /** Whether its recipe may still be changed: not that of a run that is resumed. */
  changeable: boolean;
}

/** Graphs of a run by phase. */
interface Graphs {
  encode: Graph[];
  prior: Graph[];
  /** One step: a batch of an accumulation and the update by their sum, or both in one. */
  training: Graph[];
  preview: Graph[];
}

const samplesIn = ({ sampleEvery, steps }: Recipe): number => (sampleEvery === 0 ? 0 : Math.floor(steps / sampleEvery));

async function graphsOf({ model, method, recipe, initial, tokens, rich, masked, missing }: Plan, lowMemory: boolean): Promise<Graphs> {
  const size = pixelSize(model);
  const { sample_size: side } = model.unet.config;
  const most = Math.max(0, ...missing);
  const example: Example = { latents: new Float32Array(0), prompts: [], ...(masked && { region: new Float32Array(side * side) }) };
  const data = { own: [example], prior: recipe.priorCount > 0 ? [example] : [], richPrompts: rich, ...tokens };
  const phases: Parameters<typeof drawGraphs>[0] = [
    (engine) => compileEncoder(engine, model, size),
    async (engine) => most > 0 && Pipeline.create(engine, model, drawnTogether(model, most)),
    (engine) => TrainingStep.create(engine, model, method, initial, data, { ...recipe, ...settingsOf(recipe) }),
    async (engine) => samplesIn(recipe) > 0 && previewOf(engine, model, method, recipe, tokens.tokenizer),
  ];
  const [encode, prior, training, preview] = (await drawGraphs(phases, { lowMemory })) as [Graph[], Graph[], Graph[], Graph[]];
  return { encode, prior, training, preview };
}

/**
 * Bytes at the peak of a run. States are set and saved one at a time: what is on its way is a few times the largest. A
 * large model's programs for sample pictures are there only while they run, when of the training's only states are left
 * (and weights that both have, which count once).
 */
function memoryOf({ encode, prior, training, preview }: Graphs, model: DiffusionModel): number {
  const states = topologicalOrder(training.flatMap(rootsOf)).filter(
    (t) => t.op === 'input' && (t as Tensor<'input'>).attributes.role === 'state',
  );
  const onItsWay = 4 * Math.max(0, ...states.map(bytesOf));
  const waiting = training.map((graph) => ({ ...graph, waits: true }));
  const later = keepsPreview(model)
    ? onItsWay + predictTogether([...training, ...preview])
    : Math.max(onItsWay + predictTogether(training), predictTogether([...waiting, ...preview]));
  return Math.max(predictTogether(encode), predictTogether(prior), later);
}

/** A change to a run that lowers what it holds at once, as flags. */
interface Saving {
  flags: string;
  change?: Partial<Recipe>;
  lowMemory?: boolean;
}

/** Mildest first. Of a run that is resumed the recipe stays as it is. */
function savings({ recipe, changeable }: Plan, lowMemory: boolean): Saving[] {
  const { sampleEvery, lambda, promptBatch, batchSize, accumulation, ema, priorCount } = recipe;
  const pictures = batchSize * accumulation;
  const changes = [
    ...(sampleEvery > 0 ? [{ flags: '--sample-every 0', change: { sampleEvery: 0 } }] : []),
    ...(lambda > 0 && promptBatch > 1 ? [{ flags: '--prompt-batch 1', change: { promptBatch: 1 } }] : []),
    ...(batchSize > 1 ? [{ flags: `--batch 1 --accumulation ${pictures}`, change: { batchSize: 1, accumulation: pictures } }] : []),
    ...(ema > 0 ? [{ flags: '--ema 0', change: { ema: 0 } }] : []),
    ...(priorCount > 0 ? [{ flags: '--prior-count 0', change: { priorCount: 0 } }] : []),
  ];
  return [...(lowMemory ? [] : [{ flags: '--low-memory', lowMemory: true }]), ...(changeable ? changes : [])];
}

/** What to do about a shortage: the mildest change that fits, or all that help together. */
async function remedyFor(plan: Plan, needed: number, free: number, lowMemory: boolean): Promise<string> {
  const withSavings = async (those: readonly Saving[]): Promise<number> => {
    const recipe = Object.assign({}, plan.recipe, ...those.map(({ change }) => change)) as Recipe;
    const changed = { ...plan, recipe, missing: recipe.priorCount === 0 ? [] : plan.missing };
    return memoryOf(await graphsOf(changed, lowMemory || those.some((saving) => saving.lowMemory === true)), plan.model);
  };
  const helpful: Saving[] = [];
  for (const saving of savings(plan, lowMemory)) {
    const bytes = await withSavings([saving]);
    if (bytes <= free) return `try ${saving.flags} (about ${gigabytes(bytes)} GB)`;
    if (bytes < 0.97 * needed) helpful.push(saving);
  }
  const fewer = plan.method.name === 'dreambooth' && plan.changeable ? ', or train less than the whole model: --method lora' : '';
  if (helpful.length === 0) return `close other programs${fewer}`;
  const flags = helpful.map((saving) => saving.flags).join(' ');
  const bytes = await withSavings(helpful);
  return bytes <= free
    ? `try ${flags} (about ${gigabytes(bytes)} GB)`
    : `close other programs, and give ${flags} (about ${gigabytes(bytes)} GB)${fewer}`;
}

export interface Forecast {
  /** Bytes that the run will add to the process at its peak, and those that are free: of a run on the CPU. */
  memory?: { needed: number; free: number };
  /** About how long it will take, where that was asked for. */
  seconds?: number;
}

/**
 * What a run will take. Throws a UserError where its memory is not there (programs that run on a GPU are not counted).
 * With `timed`, the machine is measured for some seconds.
 */
export async function forecast(
  engine: Engine,
  plan: Plan,
  options: { free: number; timed: boolean; signal?: AbortSignal | undefined },
): Promise<Forecast> {
  const { recipe } = plan;
  const { free, timed, signal } = options;
  const { lowMemory } = engine;
  const graphs = await graphsOf(plan, lowMemory);
  const needed = memoryOf(graphs, plan.model);
  const onCpu = engine.device === 'cpu';
  if (onCpu && isShort(needed, free))
    refuseShortage(`${recipe.method} at ${pixelSize(plan.model)} pixels`, needed, await remedyFor(plan, needed, free, lowMemory), free);
  const memory = onCpu && { memory: { needed, free } };
  if (!timed) return { ...memory };
  const { seconds } = await timeGraphs(engine, Object.values(graphs).flat().map(rootsOf), 40, signal);
  let at = 0;
  const next = (programs: Graph[]): number[] => seconds.slice(at, (at += programs.length));
  const [encode] = next(graphs.encode) as [number];
  const batches = plan.missing.reduce((total, count) => total + Math.ceil(count / drawnTogether(plan.model, count)), 0);
  const prior = ofPictures(next(graphs.prior), priorSteps) * batches;
  const [aBatch, update = 0] = next(graphs.training) as [number, number?];
  const oneStep = recipe.accumulation * aBatch + update;
  const balancing = recipe.lambda > 0 && recipe.lambdaBalance > 0 && plan.done === 0 ? lambdaBatches * aBatch : 0;
  const preview = ofPictures(next(graphs.preview), previewSteps) * (samplesIn(recipe) - samplesIn({ ...recipe, steps: plan.done }));
  return { ...memory, seconds: encode * plan.views + prior + balancing + oneStep * (recipe.steps - plan.done) + preview };
}
