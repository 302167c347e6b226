/**
 * The training step of any method, compiled: L_diff + λ·L_mlm over what the method trains (paper, Algorithm 2), with
 * prior preservation, loss masks, gradient accumulation, clipping and a moving average where asked.
 */
import type { Recipe } from '../config.ts';
import { addNoise, alphasCumprod, diffusionFeeds, predictionTarget } from '../diffusion/schedule.ts';
import { internal } from '../errors.ts';
import type { Engine, Program } from '../graph/engine.ts';
import { gradients } from '../graph/gradient.ts';
import { add, input, less, mean, multiply, scalar, select, square, state, subtract, sum } from '../graph/ops.ts';
import type { TypedArray } from '../graph/values.ts';
import { Random } from '../graph/random.ts';
import { sizeOf } from '../graph/tensor.ts';
import type { Tensor } from '../graph/tensor.ts';
import { onDemand } from '../graph/values.ts';
import type { ValuesInTurn } from '../graph/values.ts';
import { embedTokens } from '../methods/concept.ts';
import { atLayer, conditioning, unadapted } from '../methods/method.ts';
import type { Adapted, Method, MethodSettings, Weight, Weights } from '../methods/method.ts';
import { clipText } from '../models/clip-text.ts';
import type { DiffusionModel } from '../models/load.ts';
import { unet } from '../models/unet.ts';
import { stateSource } from '../nn/parameters.ts';
import { mlmLoss } from '../objectives/mlm.ts';
import { adamw, adamwFeeds } from '../optim/adamw.ts';
import { movingAverage } from '../optim/ema.ts';
import { LossScale } from '../optim/loss-scale.ts';
import { schedule } from '../optim/schedule.ts';
import { drawMask } from '../text/masking.ts';
import type { ClipTokenizer } from '../text/tokenizer.ts';

/** One picture to learn from. */
export interface Example {
  /** Scaled latents, [C, H, W]. */
  latents: Float32Array;
  /** Prompts that it is shown with, the subject's name in them. */
  prompts: readonly string[];
  /** Where the loss counts, [H, W] at the latents' size; everywhere where nothing is said. */
  region?: Float32Array;
}

export interface TrainingData {
  own: readonly Example[];
  /** Pictures of the class as the model draws it; none: no prior preservation. */
  prior: readonly Example[];
  /** Prompts of the MLM objective, the subject's name in them. */
  richPrompts: readonly string[];
  tokenizer: ClipTokenizer;
  /** Ids of the subject's name, which are never masked. */
  kept: ReadonlySet<number>;
}

export interface TrainEvent {
  step: number;
  diffusion: number;
  mlm: number | undefined;
  gradientNorm: number;
}

export type StepSettings = Pick<
  Recipe,
  | 'steps'
  | 'batchSize'
  | 'accumulation'
  | 'promptBatch'
  | 'learningRate'
  | 'tokenLearningRate'
  | 'maxGradientNorm'
  | 'schedule'
  | 'warmup'
  | 'lambda'
  | 'maskRate'
  | 'ema'
  | 'priorWeight'
  | 'seed'
> &
  MethodSettings;

/** `update` steps: by the gradient of a batch, or by the sum over batches of an accumulation, which `gather` adds up. */
interface Programs {
  gather: Program | undefined;
  update: Program;
}

interface Parts {
  engine: Engine;
  compile: () => Promise<Programs>;
  feeds: (step: number, part: number) => Record<string, TypedArray>;
  lossScale: LossScale | undefined;
  shapes: ReadonlyMap<string, readonly number[]>;
  trained: readonly string[];
  settings: StepSettings;
}

const sumOf = (name: string): string => `gradient.${name}`;
const averageOf = (name: string): string => `ema.${name}`;
/** Prefix of the states that hold what is handed out: the moving averages where they are kept. */
export const resultPrefix = ({ ema }: Pick<Recipe, 'ema'>): string => (ema === 0 ? '' : averageOf(''));

export class TrainingStep {
  /** Floating-point operations of one step. */
  readonly flops: number;
  private readonly parts: Parts;
  private programs: Programs | undefined;
  private constructor(parts: Parts, programs: Programs) {
    this.parts = parts;
    this.programs = programs;
    this.flops = programs.update.flops + parts.settings.accumulation * (programs.gather?.flops ?? 0);
  }

  /** @param initial first values of what `method` trains */
  static async create(
    engine: Engine,
    model: DiffusionModel,
    method: Method,
    initial: Weights,
    data: TrainingData,
    settings: StepSettings,
  ): Promise<TrainingStep> {
    const { accumulation } = settings;
    const { source, tensors } = stateSource();
    const adapted = method.adapt(unadapted(model), settings, source);
    const { diffusion, mlm, feeds } = objectives(model, adapted, data, settings);
    const loss = mlm === undefined ? diffusion : add(diffusion, multiply(mlm, settings.lambda));
    const trained = [...tensors.keys()];
    const start = trained.map((name): [string, Weight] => {
      const value = initial[name];
      if (value === undefined || sizeOf(value.shape) !== sizeOf(tensors.get(name)!.shape))
        throw internal(`${method.name} gives no first value of ${name}`);
      return [name, onDemand(tensors.get(name)!.shape, () => value.data)];
    });

    const lossScale = engine.precision === 'float16' ? new LossScale() : undefined;
    const own = gradients(lossScale?.scaled(loss) ?? loss, [...tensors.values()], { sparing: engine.lowMemory })
      .map((g) => lossScale?.unscaled(g) ?? g)
      .map((g) => (accumulation === 1 ? g : multiply(g, 1 / accumulation)));
    const sums = trained.map((name) => state(sumOf(name), tensors.get(name)!.shape));
    const { tokenLearningRate = settings.learningRate, learningRate } = settings;
    const optimizer = adamw(tensors, accumulation === 1 ? own : sums, {
      weightDecay: 0.01,
      maxNorm: settings.maxGradientNorm,
      factor: (name) => (name === 'concept' ? tokenLearningRate / learningRate : 1),
    });
    const averages = trained.map((name) => {
      const average = state(averageOf(name), tensors.get(name)!.shape);
      return [averageOf(name), movingAverage(average, optimizer.updates[name]!, settings.ema)] as const;
    });
    const losses = { diffusion, ...(mlm && { mlm }) };
    const { gradientNorm } = optimizer;
    const updates = Object.entries({ ...optimizer.updates, ...(settings.ema > 0 && Object.fromEntries(averages)) });
    const guarded = updates.map(([name, next]) => [name, lossScale?.guarded(gradientNorm, next, state(name, next.shape)) ?? next] as const);
    // The first batch takes the place of what the step before has left.
    const carries = less(0.5, input('carrying', []));
    const gathered = sums.map((sum, i) => [sumOf(trained[i]!), add(select(carries, sum, scalar(0)), own[i]!)] as const);
    const compile = async (): Promise<Programs> => ({
      gather: accumulation === 1 ? undefined : await engine.compile({ outputs: losses, updates: Object.fromEntries(gathered) }),
      update: await engine.compile({
        outputs: { ...(accumulation === 1 && losses), gradientNorm },
        updates: Object.fromEntries(guarded),
      }),
    });
    const programs = await compile();
    const zero = ([name, { shape }]: [string, Weight]): [string, Weight] => [
      sumOf(name),
      onDemand(shape, () => new Float32Array(sizeOf(shape))),
    ];
    const first: Weights = {
      ...Object.fromEntries(start),
      ...optimizer.initial(),
      ...(settings.ema > 0 && Object.fromEntries(start.map(([name, value]) => [averageOf(name), value]))),
    };
    await engine.setState({ ...first, ...(accumulation > 1 && Object.fromEntries(start.map(zero))) });
    const shapes = new Map(Object.entries(first).map(([name, { shape }]) => [name, shape]));
    return new TrainingStep({ engine, compile, feeds, lossScale, shapes, trained, settings }, programs);
  }

  /** One step; steps count from 0, and a step's randomness is a function of the seed and its number. */
  async step(step: number): Promise<TrainEvent> {
    const { compile, feeds, lossScale, settings } = this.parts;
    const { gather, update } = (this.programs ??= await compile());
    const batches: Record<string, TypedArray>[] = [];
    let fed: Record<string, TypedArray> = {};
    for (let part = 0; part < settings.accumulation; part++) {
      fed = { ...feeds(step, part), ...lossScale?.feeds() };
      if (gather !== undefined) batches.push(await gather.run({ ...fed, carrying: Float32Array.of(part === 0 ? 0 : 1) }));
    }
    const last = await update.run(fed);
    if (gather === undefined) batches.push(last);
    const gradientNorm = last.gradientNorm![0]!;
    if (lossScale?.overflowed(gradientNorm) === true) return this.step(step);
    const meanOf = (loss: string): number => batches.reduce((total, out) => total + out[loss]![0]! / batches.length, 0);
    return { step: step + 1, diffusion: meanOf('diffusion'), mlm: batches[0]!.mlm && meanOf('mlm'), gradientNorm };
  }

  /** Names of what is trained. */
  get trained(): readonly string[] {
    return this.parts.trained;
  }

  /** Everything that a resumed run needs, by name. */
  state(): Record<string, ValuesInTurn> {
    const { engine, shapes, lossScale } = this.parts;
    return {
      ...Object.fromEntries([...shapes].map(([name, shape]) => [name, engine.stateInTurn(name, shape)])),
      ...lossScale?.state(),
    };
  }

  async restore(saved: Weights): Promise<void> {
    const { lossScale, ...states } = saved;
    this.parts.lossScale?.restore(lossScale?.data);
    await this.parts.engine.setState(states);
  }

  /** Gives back what its programs hold, weights above all. The next step compiles them again. */
  async unload(): Promise<void> {
    const { programs } = this;
    this.programs = undefined;
    await programs?.gather?.release();
    await programs?.update.release();
  }

  async release(): Promise<void> {
    await this.unload();
    const { engine, shapes, trained } = this.parts;
    await engine.dropState([...shapes.keys(), ...trained.map(sumOf)]);
  }
}

/** The losses of a batch, and what feeds them at each step. */
export function objectives(
  model: DiffusionModel,
  adapted: Adapted,
  data: TrainingData,
  settings: StepSettings,
): { diffusion: Tensor; mlm: Tensor | undefined; feeds: Parts['feeds'] } {
  const { scheduler, contextualizer: psi } = model;
  const { textEncoder, unet: denoiser, rows, layers, groups } = adapted;
  const { batchSize, promptBatch } = settings;
  const { tokenizer } = data;
  const { max_position_embeddings: longest } = textEncoder.config;
  const withPrior = data.prior.length > 0;
  const pictures = withPrior ? 2 * batchSize : batchSize;
  const { in_channels: channels, sample_size: size } = denoiser.config;
  const shape = [pictures, channels, size, size];
  const [latents, noise] = [input('latents', shape), input('noise', shape)];
  const [timesteps, signal, deviation] = ['timesteps', 'signal', 'deviation'].map((name) => input(name, [pictures])) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  // The U-Net attends to every position, so these prompts keep the full length that it was trained with.
  const ids = input('ids', [layers * pictures, longest], 'int32');
  const states = clipText(textEncoder.parameters, textEncoder.config, embedTokens(textEncoder, ids, rows));
  const predicted = unet(
    denoiser.parameters,
    denoiser.config,
    addNoise(latents, noise, signal, deviation),
    timesteps,
    conditioning(states, layers),
    adapted.unetOptions,
  );
  const error = square(subtract(predicted, predictionTarget(scheduler.prediction_type, latents, noise, signal, deviation)));
  const masked = [...data.own, ...data.prior].some(({ region }) => region !== undefined);
  const shares = masked ? input('shares', [pictures, 1, size, size]) : input('shares', [pictures, 1, 1, 1]);
  const diffusion = masked || withPrior ? sum(multiply(error, shares)) : mean(error);

  const fitting = (prompts: readonly string[]): number =>
    Math.min(longest, Math.max(...prompts.map((prompt) => tokenizer.encode(prompt).length)) + 2);
  const richLength = settings.lambda > 0 ? fitting(data.richPrompts) : 0;
  let mlm: Tensor | undefined;
  if (settings.lambda > 0) {
    if (psi === undefined) throw internal('the MLM objective needs a contextualizer');
    const richIds = input('richIds', [promptBatch, richLength], 'int32');
    const parts = {
      textEncoder: textEncoder.parameters,
      text: textEncoder.config,
      contextualizer: psi.parameters,
      config: psi.config,
      base: model.textEncoder.parameters,
    };
    mlm = mlmLoss(parts, embedTokens(textEncoder, richIds, rows), richIds, input('mask', [promptBatch, richLength])).loss;
  }

  const alphas = alphasCumprod(scheduler);
  const each = channels * size * size;
  const plane = size * size;
  const rate = schedule(settings.schedule, settings.steps, settings.warmup);
  /** Weights under which the squared errors of a picture sum to its mean error in its region, times its share of the loss. */
  const shareOf = (example: Example, share: number): Float32Array => {
    if (!masked) return Float32Array.of(share / each);
    const region = example.region ?? new Float32Array(plane).fill(1);
    const total = channels * region.reduce((a, b) => a + b, 0);
    return region.map((x) => (share * x) / total);
  };
  const feeds = (step: number, part: number): Record<string, TypedArray> => {
    const random = new Random(settings.seed).fork('step', step, part);
    const chosen = random.fork('pictures');
    const stacked = new Float32Array(sizeOf(shape));
    const tokens = new Int32Array(layers * pictures * longest);
    const weights: Float32Array[] = [];
    const times: number[] = [];
    const draw = (examples: readonly Example[], from: number, share: number): void => {
      for (let i = from; i < from + batchSize; i++) {
        const example = chosen.pick(examples);
        stacked.set(example.latents, i * each);
        const row = tokenizer.pad(chosen.pick(example.prompts), longest);
        for (let layer = 0; layer < layers; layer++) tokens.set(atLayer(row, groups, layer), (layer * pictures + i) * longest);
        weights.push(shareOf(example, share / batchSize));
      }
      for (let i = 0; i < batchSize; i++) times.push(chosen.integer(alphas.length));
    };
    // The subject's come first, so that pictures of its class change nothing of what is drawn for them.
    draw(data.own, 0, 1);
    if (withPrior) draw(data.prior, batchSize, settings.priorWeight);
    const out: Record<string, TypedArray> = {
      latents: stacked,
      noise: random.fork('noise').normals(stacked.length),
      ids: tokens,
      ...diffusionFeeds(alphas, times),
      ...adamwFeeds(settings.learningRate * rate(step), step + 1),
    };
    if (masked || withPrior) out.shares = Float32Array.from(weights.flatMap((row) => [...row]));
    if (mlm !== undefined) {
      const words = random.fork('prompts');
      const prompts = Array.from({ length: promptBatch }, () =>
        atLayer(tokenizer.pad(words.pick(data.richPrompts), richLength), groups, layers === 1 ? 0 : words.integer(layers)),
      );
      out.richIds = Int32Array.from(prompts.flatMap((row) => [...row]));
      out.mask = Float32Array.from(prompts.flatMap((row) => [...drawMask(row, tokenizer, settings.maskRate, words, data.kept)]));
    }
    return out;
  };
  return { diffusion, mlm, feeds };
}
