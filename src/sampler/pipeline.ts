/** Text to pictures: a loaded model, and what was learned for it, compiled for one batch size. */
import { UserError, internal } from '../errors.ts';
import type { Engine, Program } from '../graph/engine.ts';
import { hoist } from '../graph/hoist.ts';
import { isLarge } from '../graph/memory.ts';
import { input, multiply } from '../graph/ops.ts';
import { Random } from '../graph/random.ts';
import { sizeOf } from '../graph/tensor.ts';
import { clipText } from '../models/clip-text.ts';
import type { DiffusionModel } from '../models/load.ts';
import { vaeDecode } from '../models/vae.ts';
import { stateSource } from '../nn/parameters.ts';
import { applyEmphasis, emphasisedIds } from '../text/emphasis.ts';
import type { ClipTokenizer } from '../text/tokenizer.ts';
import { embedTokens } from '../methods/concept.ts';
import { tokenizerFor } from '../methods/learned.ts';
import type { Learned } from '../methods/learned.ts';
import { atLayer, unadapted } from '../methods/method.ts';
import type { Adapted, Method, MethodSettings } from '../methods/method.ts';
import { guidedPrediction } from './guided.ts';
import { checkSampling } from './request.ts';
import { samplers } from './samplers.ts';
import type { SamplerName } from './samplers.ts';

export interface GenerateOptions {
  /** One per picture; repeat a prompt for more. */
  prompts: readonly string[];
  negative?: string;
  /** Noise of picture i is a function of the seed and `indices[i]` alone. */
  seed: number;
  indices?: readonly number[];
  sampler: SamplerName;
  steps: number;
  guidance: number;
  /** Brackets in prompts are emphasis, (more), [less] and (exactly:1.3), and not text. */
  emphasis?: boolean;
  /** Noise levels spaced as Karras et al. do. */
  karras?: boolean;
  onStep?: (picture: number, step: number) => void;
  /** Aborting ends the pictures before the next step, with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** A method whose trained tensors are engine states, under a prefix. */
export interface Adaptation {
  method: Method;
  settings: MethodSettings;
  prefix: string;
}

/** Size of the pictures, in pixels. */
export interface PictureSize {
  width: number;
  height: number;
}

/** What both sides of a model's pictures are multiples of: the VAE's scale times the U-Net's. */
export const sizeStep = ({ unet: denoiser, vae }: DiffusionModel): number =>
  2 ** (vae.config.block_out_channels.length - 1 + denoiser.config.block_out_channels.length - 1);

/** Sides of the latents of pictures of a size. Throws a UserError where the model has none. */
function latentSides(model: DiffusionModel, size: PictureSize | undefined): [height: number, width: number] {
  const { sample_size: side } = model.unet.config;
  if (size === undefined) return [side, side];
  const step = sizeStep(model);
  const { width, height } = size;
  if ([width, height].some((pixels) => pixels < step || pixels % step !== 0)) {
    const [w, h] = [width, height].map((pixels) => Math.max(step, Math.round(pixels / step) * step));
    throw new UserError(`--size ${width}x${height}: sides of this model's pictures are multiples of ${step} pixels: ${w}x${h}, say`);
  }
  const scale = 2 ** (model.vae.config.block_out_channels.length - 1);
  return [height / scale, width / scale];
}

interface Parts {
  engine: Engine;
  model: DiffusionModel;
  batch: number;
  adapted: Adapted;
  tokenizer: ClipTokenizer;
  /** Shape of a batch's latents. */
  shape: readonly number[];
  programs: { encode: Program; condition: Program; denoise: Program; decode: Program };
  /** States that belong to the pipeline. */
  owned: readonly string[];
  /** States that hold what every step of a batch takes from its prompts. */
  conditions: readonly string[];
  /** What tells them from those of the engine's other pipelines. */
  number: number;
}

/** Numbers of an engine's pipelines. Each has the least that is free, so that its programs are the same at the next run. */
const numbers = new WeakMap<Engine, Set<number>>();

function takeNumber(engine: Engine): number {
  const taken = numbers.get(engine) ?? new Set();
  numbers.set(engine, taken);
  let number = 0;
  while (taken.has(number)) number++;
  taken.add(number);
  return number;
}

/** Prefixes of the states that a pipeline owns: by the place of what was learned, and by the pipeline. */
const ownPrefix = (place: number): string => `use${place}.`;
const numbered = (number: number, prefix: string): string => `pipeline${number}.${prefix}`;

export class Pipeline {
  private readonly parts: Parts;
  private last: Promise<void> = Promise.resolve();
  private constructor(parts: Parts) {
    this.parts = parts;
  }

  /** The model as it is, or with what was learned: its weights become engine states until the pipeline is released. */
  static async create(
    engine: Engine,
    model: DiffusionModel,
    batch: number,
    learned: readonly Learned[] = [],
    size?: PictureSize,
  ): Promise<Pipeline> {
    const adaptations = learned.map(({ method, settings }, i) => ({ method, settings, prefix: ownPrefix(i) }));
    const pipeline = await Pipeline.over(engine, model, batch, adaptations, tokenizerFor(model, learned), true, size);
    await pipeline.use(learned);
    return pipeline;
  }

  /** A pipeline over states that somebody else sets and keeps: those of a training, say. */
  static async over(
    engine: Engine,
    model: DiffusionModel,
    batch: number,
    adaptations: readonly Adaptation[],
    tokenizer: ClipTokenizer,
    owns = false,
    pictures?: PictureSize,
  ): Promise<Pipeline> {
    const number = takeNumber(engine);
    const names: string[] = [];
    const adapted = adaptations.reduce((base, adaptation) => {
      const { method, settings } = adaptation;
      const prefix = owns ? numbered(number, adaptation.prefix) : adaptation.prefix;
      const { source } = stateSource(prefix);
      return method.adapt(base, settings, (name, shape) => {
        names.push(prefix + name);
        return source(name, shape);
      });
    }, unadapted(model));
    const { textEncoder, unet: denoiser, rows, layers } = adapted;
    const { vae } = model;
    const ids = input('ids', [layers * batch, textEncoder.config.max_position_embeddings], 'int32');
    const states = clipText(textEncoder.parameters, textEncoder.config, embedTokens(textEncoder, ids, rows));
    const latents = input('latents', [batch, denoiser.config.in_channels, ...latentSides(model, pictures)]);
    const prediction = guidedPrediction(adapted, latents, states.shape);
    const { once, outputs } = hoist({ prediction }, ['unconditional', 'conditional'], `sampler${number}.`);
    const pixels = vaeDecode(vae.parameters, vae.config, multiply(latents, 1 / vae.config.scaling_factor));
    // A large model's small programs spare memory as the large one does.
    const lean = isLarge(Object.values(outputs));
    const programs = {
      encode: await engine.compile({ outputs: { states }, lean }),
      condition: await engine.compile({ updates: once, lean }),
      denoise: await engine.compile({ outputs }),
      decode: await engine.compile({ outputs: { pixels }, lean }),
    };
    await engine.setState(
      Object.fromEntries(Object.entries(once).map(([name, { shape }]) => [name, { data: new Float32Array(sizeOf(shape)), shape }])),
    );
    const owned = owns ? [...new Set(names)] : [];
    const conditions = Object.keys(once);
    return new Pipeline({ engine, model, batch, adapted, tokenizer, shape: latents.shape, programs, owned, conditions, number });
  }

  /** Exchanges what was learned for something of the same methods and settings. */
  async use(learned: readonly Learned[]): Promise<void> {
    const { engine, owned, number } = this.parts;
    const values = learned.flatMap(({ weights }, i) =>
      Object.entries(weights).map(([name, weight]) => [numbered(number, ownPrefix(i)) + name, weight] as const),
    );
    const given: ReadonlySet<string> = new Set(values.map(([name]) => name));
    const missing = owned.find((name) => !given.has(name));
    if (missing !== undefined) throw internal(`what was learned has no ${missing}`);
    await this.alone(() => engine.setState(Object.fromEntries(values.filter(([name]) => owned.includes(name)))));
  }

  /** Runs what uses the pipeline's states once nothing else does. */
  private alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.last.then(work);
    this.last = done.then(
      () => undefined,
      () => undefined,
    );
    return done;
  }

  /** Floating-point operations of one sampling step of a batch. */
  get flops(): number {
    return this.parts.programs.denoise.flops;
  }

  private async encode(prompts: readonly string[], emphasis: boolean): Promise<Float32Array> {
    const { batch, tokenizer, programs, adapted } = this.parts;
    const { layers, groups, textEncoder } = adapted;
    const length = textEncoder.config.max_position_embeddings;
    const ids = new Int32Array(layers * batch * length);
    const emphases: Float32Array[] = [];
    for (let i = 0; i < batch; i++) {
      const text = prompts[i] ?? '';
      const { ids: row, weights } = emphasis ? emphasisedIds(text, tokenizer, length) : { ids: tokenizer.pad(text, length) };
      if (weights !== undefined) emphases[i] = weights;
      for (let layer = 0; layer < layers; layer++) ids.set(atLayer(row, groups, layer), (layer * batch + i) * length);
    }
    const states = (await programs.encode.run({ ids })).states as Float32Array;
    const each = states.length / (layers * batch);
    for (let row = 0; emphasis && row < layers * batch; row++)
      states.set(applyEmphasis(states.subarray(row * each, (row + 1) * each), emphases[row % batch]!), row * each);
    return states;
  }

  /**
   * Pictures [3, H, W] in [−1, 1], one per prompt, as their batches are done. Throws a UserError where the sampler, the
   * steps, the guidance or the seed cannot be, before anything is computed.
   */
  async *generate(options: GenerateOptions): AsyncGenerator<{ index: number; pixels: Float32Array }> {
    const { prompts, seed, guidance, steps, signal } = options;
    const { batch, shape, programs, model } = this.parts;
    checkSampling(options, model.scheduler);
    const unconditional = await this.encode(
      Array.from({ length: batch }, () => options.negative ?? ''),
      options.emphasis === true,
    );
    const size = sizeOf(shape) / batch;
    for (let from = 0; from < prompts.length; from += batch) {
      const part = prompts.slice(from, from + batch);
      const conditional = await this.encode(part, options.emphasis === true);
      const noiseOf = (...step: number[]): Float32Array => {
        const noise = new Float32Array(sizeOf(shape));
        part.forEach((_, i) => {
          const picture = new Random(seed).fork('picture', options.indices?.[from + i] ?? from + i);
          noise.set((step.length === 0 ? picture : picture.fork('step', ...step)).normals(size), i * size);
        });
        return noise;
      };
      const denoise = async (latents: Float32Array, timestep: number): Promise<Float32Array> => {
        signal?.throwIfAborted();
        const timesteps = new Float32Array(batch).fill(timestep);
        const out = await programs.denoise.run({ latents, timesteps, guidance: Float32Array.of(guidance) });
        return out.prediction as Float32Array;
      };
      const { pixels } = await this.alone(async () => {
        await programs.condition.run({ unconditional, conditional });
        const latents = await samplers[options.sampler](denoise, noiseOf(), model.scheduler, {
          steps,
          karras: options.karras === true,
          noiseOf,
          onStep: (step) => options.onStep?.(from, step),
        });
        return programs.decode.run({ latents });
      });
      const length = pixels!.length / batch;
      for (let i = 0; i < part.length; i++) yield { index: from + i, pixels: (pixels as Float32Array).slice(i * length, (i + 1) * length) };
    }
  }

  async release(): Promise<void> {
    for (const program of Object.values(this.parts.programs)) await program.release();
    const { engine, owned, conditions, number } = this.parts;
    await engine.dropState([...owned, ...conditions]);
    numbers.get(engine)!.delete(number);
  }
}
