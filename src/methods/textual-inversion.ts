/**
 * Textual inversion (Gal et al., 2023), alone or with the paper's MLM objective: one compiled step
 * that minimises L_diff + λ·L_mlm over the concept's vectors (paper, Algorithm 2).
 */
import { addNoise, alphasCumprod, diffusionFeeds, predictionTarget } from '../diffusion/schedule.ts';
import { internal } from '../errors.ts';
import type { Engine, Program } from '../graph/engine.ts';
import { gradients } from '../graph/gradient.ts';
import { add, input, mean, multiply, square, state, subtract } from '../graph/ops.ts';
import { Random } from '../graph/random.ts';
import { sizeOf } from '../graph/tensor.ts';
import type { Tensor } from '../graph/tensor.ts';
import { clipText } from '../models/clip-text.ts';
import type { DiffusionModel } from '../models/load.ts';
import { unet } from '../models/unet.ts';
import { mlmLoss } from '../objectives/mlm.ts';
import { adamw, adamwFeeds } from '../optim/adamw.ts';
import { movingAverage } from '../optim/ema.ts';
import { schedule } from '../optim/schedule.ts';
import type { ScheduleName } from '../optim/schedule.ts';
import { drawMask } from '../text/masking.ts';
import type { ClipTokenizer } from '../text/tokenizer.ts';
import { embedTokens } from './concept.ts';

export interface InversionOptions {
  steps: number;
  batchSize: number;
  /** Batches whose mean gradient makes one update. */
  accumulation: number;
  /** Rich prompts per step. */
  promptBatch: number;
  learningRate: number;
  schedule: ScheduleName;
  /** λ; 0 leaves the MLM objective out. */
  lambda: number;
  /** ρ */
  maskRate: number;
  /** Decay of the moving average of what is learned; 0 keeps the last values. */
  ema: number;
  seed: number;
}

/** What is learned from: latents of the pictures [N, C, H, W] (scaled), and prompts that hold the placeholder. */
export interface InversionData {
  latents: Float32Array;
  simplePrompts: readonly string[];
  richPrompts: readonly string[];
}

export interface TrainEvent {
  step: number;
  diffusion: number;
  mlm: number | undefined;
  gradientNorm: number;
}

/** Everything that a resumed run needs, by name. */
export type TrainState = Record<string, { data: Float32Array; shape: readonly number[] }>;

export class Inversion {
  private readonly engine: Engine;
  /** `gather` adds a batch's gradient to the sum; `update` adds its own and steps. */
  private readonly programs: { gather: Program | undefined; update: Program };
  private readonly feeds: (step: number, part: number) => Record<string, Float32Array | Int32Array>;
  private readonly shapes: Record<string, readonly number[]>;
  private readonly accumulation: number;
  private constructor(
    engine: Engine,
    programs: Inversion['programs'],
    feeds: Inversion['feeds'],
    shapes: Inversion['shapes'],
    accumulation: number,
  ) {
    this.engine = engine;
    this.programs = programs;
    this.feeds = feeds;
    this.shapes = shapes;
    this.accumulation = accumulation;
  }

  /** Floating-point operations of one step. */
  get flops(): number {
    return this.programs.update.flops + (this.accumulation - 1) * (this.programs.gather?.flops ?? 0);
  }

  /** @param initial first vectors [n, D] */
  static async create(
    engine: Engine,
    model: DiffusionModel,
    tokenizer: ClipTokenizer,
    initial: Float32Array,
    data: InversionData,
    options: InversionOptions,
  ): Promise<Inversion> {
    const { textEncoder, unet: denoiser, contextualizer: psi, scheduler } = model;
    const { batchSize, promptBatch, lambda, accumulation } = options;
    const { max_position_embeddings: longest, hidden_size: width } = textEncoder.config;
    const vectors = initial.length / width;
    const learned = state('concept', [vectors, width]);
    const fitting = (prompts: readonly string[]): number =>
      Math.min(longest, Math.max(...prompts.map((prompt) => tokenizer.encode(prompt).length)) + 2);

    const { in_channels: channels, sample_size: size } = denoiser.config;
    const shape = [batchSize, channels, size, size];
    const [latents, noise] = [input('latents', shape), input('noise', shape)];
    const [timesteps, signal, deviation] = ['timesteps', 'signal', 'deviation'].map((name) => input(name, [batchSize])) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    // The U-Net attends to every position, so simple prompts keep the full length that it was trained with.
    const ids = input('ids', [batchSize, longest], 'int32');
    const states = clipText(textEncoder.parameters, textEncoder.config, embedTokens(textEncoder, ids, learned));
    const predicted = unet(denoiser.parameters, denoiser.config, addNoise(latents, noise, signal, deviation), timesteps, states);
    const diffusion = mean(square(subtract(predicted, predictionTarget(scheduler.prediction_type, latents, noise, signal, deviation))));

    const richLength = fitting(data.richPrompts);
    let loss = diffusion;
    let mlm: Tensor | undefined;
    if (lambda > 0) {
      if (psi === undefined) throw internal('the MLM objective needs a contextualizer');
      const richIds = input('richIds', [promptBatch, richLength], 'int32');
      const parts = { textEncoder: textEncoder.parameters, text: textEncoder.config, contextualizer: psi.parameters, config: psi.config };
      mlm = mlmLoss(parts, embedTokens(textEncoder, richIds, learned), richIds, input('mask', [promptBatch, richLength])).loss;
      loss = add(diffusion, multiply(mlm, lambda));
    }
    const parameters = new Map([['concept', learned]]);
    const losses = { diffusion, ...(mlm && { mlm }) };
    const own = multiply(gradients(loss, [learned])[0]!, 1 / accumulation);
    const gathered = state('gradient', learned.shape);
    const total = accumulation === 1 ? own : add(gathered, own);
    const optimizer = adamw(parameters, [total], { weightDecay: 0.01 });
    const cleared = accumulation === 1 ? {} : { gradient: multiply(total, 0) };
    const average = state('ema.concept', learned.shape);
    const averaged = options.ema === 0 ? {} : { 'ema.concept': movingAverage(average, optimizer.updates.concept!, options.ema) };
    const programs = {
      gather: accumulation === 1 ? undefined : await engine.compile({ outputs: losses, updates: { gradient: total } }),
      update: await engine.compile({
        outputs: { ...losses, gradientNorm: optimizer.gradientNorm },
        updates: { ...optimizer.updates, ...averaged, ...cleared },
      }),
    };
    const first: TrainState = { concept: { data: initial.slice(), shape: learned.shape }, ...(optimizer.initial() as TrainState) };
    if (accumulation > 1) first.gradient = { data: new Float32Array(initial.length), shape: learned.shape };
    if (options.ema > 0) first['ema.concept'] = { data: initial.slice(), shape: learned.shape };
    await engine.setState(first);

    const alphas = alphasCumprod(scheduler);
    const each = sizeOf(shape) / batchSize;
    const pictures = data.latents.length / each;
    const rate = schedule(options.schedule, options.steps);
    const feeds = (step: number, part: number): Record<string, Float32Array | Int32Array> => {
      const random = new Random(options.seed).fork('inversion', step, part);
      const chosen = random.fork('pictures');
      const stacked = new Float32Array(sizeOf(shape));
      const tokens = new Int32Array(batchSize * longest);
      for (let i = 0; i < batchSize; i++) {
        const picture = chosen.integer(pictures);
        stacked.set(data.latents.subarray(picture * each, (picture + 1) * each), i * each);
        tokens.set(tokenizer.pad(chosen.pick(data.simplePrompts), longest), i * longest);
      }
      const times = Array.from({ length: batchSize }, () => chosen.integer(alphas.length));
      const out: Record<string, Float32Array | Int32Array> = {
        latents: stacked,
        noise: random.fork('noise').normals(stacked.length),
        ids: tokens,
        ...diffusionFeeds(alphas, times),
        ...adamwFeeds(options.learningRate * rate(step), step + 1),
      };
      if (mlm !== undefined) {
        const words = random.fork('prompts');
        const rows = Array.from({ length: promptBatch }, () => tokenizer.pad(words.pick(data.richPrompts), richLength));
        out.richIds = Int32Array.from(rows.flatMap((row) => [...row]));
        out.mask = Float32Array.from(rows.flatMap((row) => [...drawMask(row, tokenizer, options.maskRate, words)]));
      }
      return out;
    };
    const shapes = Object.fromEntries(Object.entries(first).map(([name, { shape: s }]) => [name, s]));
    return new Inversion(engine, programs, feeds, shapes, accumulation);
  }

  /** One step; steps count from 0, and a step's randomness is a function of the seed and its number. */
  async step(step: number): Promise<TrainEvent> {
    let [diffusion, mlm] = [0, 0];
    for (let part = 0; ; part++) {
      const last = part === this.accumulation - 1;
      const out = await (last ? this.programs.update : this.programs.gather!).run(this.feeds(step, part));
      diffusion += out.diffusion![0]! / this.accumulation;
      mlm += (out.mlm?.[0] ?? Number.NaN) / this.accumulation;
      if (last) return { step: step + 1, diffusion, mlm: out.mlm === undefined ? undefined : mlm, gradientNorm: out.gradientNorm![0]! };
    }
  }

  async state(): Promise<TrainState> {
    const names = Object.keys(this.shapes);
    const data = await this.engine.getState(names);
    return Object.fromEntries(names.map((name) => [name, { data: data[name]!, shape: this.shapes[name]! }]));
  }

  /** What is learned so far, [n, D]: the moving average where one is kept. */
  async vectors(): Promise<Float32Array> {
    const name = 'ema.concept' in this.shapes ? 'ema.concept' : 'concept';
    return (await this.engine.getState([name]))[name] as Float32Array;
  }

  async restore(saved: TrainState): Promise<void> {
    await this.engine.setState(saved);
  }

  async release(): Promise<void> {
    await this.programs.gather?.release();
    await this.programs.update.release();
    await this.engine.dropState(Object.keys(this.shapes));
  }
}
