/** A customised model opened up: text states, self-attention, cross-attention, by the same graphs that sample. */
import { UserError } from '../errors.ts';
import type { Engine, Program } from '../graph/engine.ts';
import { add, input, mean, multiply, sliceAxis } from '../graph/ops.ts';
import { Random } from '../graph/random.ts';
import { sizeOf } from '../graph/tensor.ts';
import type { Tensor } from '../graph/tensor.ts';
import { embedTokens } from '../methods/concept.ts';
import { tokenizerFor } from '../methods/learned.ts';
import { atLayer, unadapted } from '../methods/method.ts';
import type { Adapted } from '../methods/method.ts';
import { clipText } from '../models/clip-text.ts';
import { vaeDecode } from '../models/vae.ts';
import type { AttentionSeen } from '../nn/layers.ts';
import { stateSource } from '../nn/parameters.ts';
import { guidedPrediction } from '../sampler/guided.ts';
import { samplers } from '../sampler/samplers.ts';
import type { SamplerName } from '../sampler/samplers.ts';
import { contentWords, subjectMark, withSubject } from '../text/prompts.ts';
import type { ClipTokenizer } from '../text/tokenizer.ts';
import type { CustomizedRun } from './run.ts';

/** A prompt with and without the concept, and where its tokens are, the start token counted. */
export interface ReadPrompt {
  prompt: string;
  /** With the concept ("a <v> dog in the jungle") and without ("a dog in the jungle"). */
  ids: { with: Int32Array; without: Int32Array };
  /** The concept's tokens, one for each vector. */
  concept: number[];
  /** Context tokens after the subject: the text encoder is causal, earlier ones never see it. In both prompts, in order. */
  context: { with: number[]; without: number[] };
  /** Context words, as the prompt has them. */
  words: string[];
}

/**
 * Reads a prompt with {subject}. Undefined where no context word follows the subject, where it does not fit, or where the
 * tokenizer joins its parts.
 */
export function readContext(
  tokenizer: ClipTokenizer,
  prompt: string,
  token: string,
  className: string,
  length: number,
): ReadPrompt | undefined {
  const [before, ...rest] = prompt.split(subjectMark);
  if (rest.length !== 1) return undefined;
  const after = rest[0]!;
  const [head, own, kind] = [before!, token, className].map((text) => tokenizer.encode(text)) as [number[], number[], number[]];
  const words = after.split(/\s+/).filter((word) => word !== '');
  const pieces = words.map((word) => ({ word, ids: tokenizer.encode(word) }));
  const tail = pieces.flatMap(({ ids }) => ids);
  const whole = [...head, ...own, ...kind, ...tail];
  const joined = tokenizer.encode(withSubject(prompt, `${token} ${className}`));
  if (whole.join() !== joined.join() || whole.length + 2 > length) return undefined;
  const first = 1 + head.length;
  const found: { word: string; at: number }[] = [];
  let at = first + own.length + kind.length;
  for (const { word, ids } of pieces) {
    const [plain] = contentWords(word);
    if (plain !== undefined) found.push(...ids.map((_, i) => ({ word: plain, at: at + i })));
    at += ids.length;
  }
  if (found.length === 0) return undefined;
  return {
    prompt,
    ids: {
      with: tokenizer.pad(withSubject(prompt, `${token} ${className}`), length),
      without: tokenizer.pad(withSubject(prompt, className), length),
    },
    concept: own.map((_, i) => first + i),
    context: { with: found.map((one) => one.at), without: found.map((one) => one.at - own.length) },
    words: found.map(({ word }) => word),
  };
}

/** Prompts that can be analysed. Throws a UserError where none can. */
export function readContexts(
  tokenizer: ClipTokenizer,
  prompts: readonly string[],
  token: string,
  className: string,
  length: number,
): ReadPrompt[] {
  const read = prompts.flatMap((prompt) => readContext(tokenizer, prompt, token, className, length) ?? []);
  if (read.length === 0)
    throw new UserError(
      `none of ${prompts.length} prompts has a context word after the subject: write some such as "a ${subjectMark} in the jungle"`,
    );
  return read;
}

/** What cross-attention did in a sampling step: per resolution [B, side², T] of the conditional half, mean over heads and layers. */
export type StepMaps = ReadonlyMap<number, Float32Array>;

export class Probe {
  readonly engine: Engine;
  readonly run: CustomizedRun;
  readonly adapted: Adapted;
  readonly tokenizer: ClipTokenizer;
  private readonly prefix: string;
  private constructor(engine: Engine, run: CustomizedRun, adapted: Adapted, tokenizer: ClipTokenizer, prefix: string) {
    this.engine = engine;
    this.run = run;
    this.adapted = adapted;
    this.tokenizer = tokenizer;
    this.prefix = prefix;
  }

  /** What was learned becomes engine states under `prefix` until the probe is released. */
  static async create(engine: Engine, run: CustomizedRun, prefix: string): Promise<Probe> {
    const { model, learned } = run;
    const adapted = learned.reduce(
      (base, { method, settings }, i) => method.adapt(base, settings, stateSource(`${prefix}${i}.`).source),
      unadapted(model),
    );
    for (const [i, { weights }] of learned.entries())
      await engine.setState(Object.fromEntries(Object.entries(weights).map(([name, weight]) => [`${prefix}${i}.${name}`, weight])));
    return new Probe(engine, run, adapted, tokenizerFor(model, learned), prefix);
  }

  get length(): number {
    return this.adapted.textEncoder.config.max_position_embeddings;
  }
  get width(): number {
    return this.adapted.textEncoder.config.hidden_size;
  }
  read(prompts: readonly string[]): ReadPrompt[] {
    const { token, class: className } = this.run.recipe;
    return readContexts(this.tokenizer, prompts, token, className, this.length);
  }

  /** Γ over ids [B, T], symbolically. */
  text(ids: Tensor, onAttention?: (layer: number, seen: AttentionSeen) => void): Tensor {
    const { textEncoder, rows } = this.adapted;
    return clipText(textEncoder.parameters, textEncoder.config, embedTokens(textEncoder, ids, rows), onAttention);
  }

  /** Text states [T, D] of each row of ids, one for every layer that has its own. */
  async states(rows: readonly Int32Array[], batch = 16): Promise<Float32Array[][]> {
    const { layers, groups } = this.adapted;
    const all = rows.flatMap((ids) => Array.from({ length: layers }, (_, layer) => atLayer(ids, groups, layer)));
    const program = await this.engine.compile({ outputs: { states: this.text(input('ids', [batch, this.length], 'int32')) } });
    const out: Float32Array[] = [];
    const size = this.length * this.width;
    for (let from = 0; from < all.length; from += batch) {
      const ids = new Int32Array(batch * this.length);
      for (let i = 0; i < batch; i++) ids.set(all[Math.min(from + i, all.length - 1)]!, i * this.length);
      const states = (await program.run({ ids })).states as Float32Array;
      for (let i = 0; i < batch && from + i < all.length; i++) out.push(states.slice(i * size, (i + 1) * size));
    }
    await program.release();
    return rows.map((_, i) => out.slice(i * layers, (i + 1) * layers));
  }

  /**
   * Samples pictures of some prompts and looks at cross-attention in every step. The noise of prompt i is a function of
   * the seed and i alone, so that two runs that are compared start alike.
   */
  async *sample(
    read: readonly ReadPrompt[],
    options: { batch: number; steps: number; guidance: number; seed: number; sampler?: SamplerName; decode: boolean },
  ): AsyncGenerator<{ from: number; count: number; steps: StepMaps[]; pixels: Float32Array | undefined }> {
    const { batch, steps, guidance, seed, sampler = 'dpm++', decode } = options;
    const { unet: denoiser, layers, groups, unetOptions } = this.adapted;
    const { model } = this.run;
    const { in_channels: channels, sample_size: size } = denoiser.config;
    const shape = [batch, channels, size, size];
    const ids = input('ids', [layers * batch, this.length], 'int32');
    const states = this.text(ids);
    const latents = input('latents', shape);
    const seen = new Map<number, Tensor[]>();
    const onAttention = (_layer: number, { probabilities }: AttentionSeen): void => {
      const side = Math.sqrt(probabilities.shape[2]!);
      const own = mean(sliceAxis(probabilities, 0, batch, batch), [1]);
      seen.set(side, [...(seen.get(side) ?? []), own]);
    };
    const prediction = guidedPrediction(this.adapted, latents, states.shape, { ...unetOptions, onAttention });
    const maps = [...seen].map(
      ([side, own]) =>
        [
          `${side}`,
          multiply(
            own.reduce((a, b) => add(a, b)),
            1 / own.length,
          ),
        ] as const,
    );
    const programs = [
      await this.engine.compile({ outputs: { states } }),
      await this.engine.compile({ outputs: { prediction, ...Object.fromEntries(maps) } }),
    ] as [Program, Program];
    const decoded = decode
      ? await this.engine.compile({
          outputs: { pixels: vaeDecode(model.vae.parameters, model.vae.config, multiply(latents, 1 / model.vae.config.scaling_factor)) },
        })
      : undefined;
    const encode = async (rows: readonly Int32Array[]): Promise<Float32Array> => {
      const feed = new Int32Array(layers * batch * this.length);
      for (let i = 0; i < batch; i++)
        for (let layer = 0; layer < layers; layer++)
          feed.set(atLayer(rows[Math.min(i, rows.length - 1)]!, groups, layer), (layer * batch + i) * this.length);
      return (await programs[0].run({ ids: feed })).states as Float32Array;
    };
    try {
      const unconditional = await encode([this.tokenizer.pad('', this.length)]);
      for (let from = 0; from < read.length; from += batch) {
        const part = read.slice(from, from + batch);
        const conditional = await encode(part.map((one) => one.ids.with));
        const each = sizeOf(shape) / batch;
        const noiseOf = (...step: number[]): Float32Array => {
          const noise = new Float32Array(sizeOf(shape));
          part.forEach((_, i) => {
            const picture = new Random(seed).fork('picture', from + i);
            noise.set((step.length === 0 ? picture : picture.fork('step', ...step)).normals(each), i * each);
          });
          return noise;
        };
        const found: StepMaps[] = [];
        const denoise = async (x: Float32Array, timestep: number): Promise<Float32Array> => {
          const feeds = { latents: x, timesteps: new Float32Array(batch).fill(timestep), guidance: Float32Array.of(guidance) };
          const { prediction: out, ...rest } = await programs[1].run({ ...feeds, unconditional, conditional });
          found.push(new Map(Object.entries(rest).map(([side, values]) => [Number(side), values as Float32Array])));
          return out as Float32Array;
        };
        const end = await samplers[sampler](denoise, noiseOf(), model.scheduler, {
          steps,
          karras: false,
          noiseOf,
          onStep: () => undefined,
        });
        const pixels = (await decoded?.run({ latents: end }))?.pixels as Float32Array | undefined;
        yield { from, count: part.length, steps: found, pixels };
      }
    } finally {
      for (const program of programs) await program.release();
      await decoded?.release();
    }
  }

  async release(): Promise<void> {
    const names = this.run.learned.flatMap(({ weights }, i) => Object.keys(weights).map((name) => `${this.prefix}${i}.${name}`));
    await this.engine.dropState(names);
  }
}
