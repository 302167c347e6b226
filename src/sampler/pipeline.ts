/** Text to pictures: a loaded model compiled for one batch size. */
import type { Engine, Program } from '../graph/engine.ts';
import { add, concat, input, multiply, sliceAxis, subtract } from '../graph/ops.ts';
import { Random } from '../graph/random.ts';
import type { Tensor } from '../graph/tensor.ts';
import { sizeOf } from '../graph/tensor.ts';
import { clipText } from '../models/clip-text.ts';
import type { DiffusionModel } from '../models/load.ts';
import { unet } from '../models/unet.ts';
import { vaeDecode } from '../models/vae.ts';
import type { ClipTokenizer } from '../text/tokenizer.ts';
import { embedTokens } from '../methods/concept.ts';
import { samplers } from './samplers.ts';
import type { SamplerName } from './samplers.ts';

/** A learned concept: its tokenizer and its vectors [n, D]. */
export interface LearnedConcept {
  tokenizer: ClipTokenizer;
  vectors: Float32Array;
}

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
  /** Noise levels spaced as Karras et al. do. */
  karras?: boolean;
  onStep?: (picture: number, step: number) => void;
}

export class Pipeline {
  private readonly model: DiffusionModel;
  private readonly batch: number;
  private readonly length: number;
  private readonly shape: readonly number[];
  private readonly programs: { encode: Program; denoise: Program; decode: Program };
  private constructor(model: DiffusionModel, batch: number, length: number, shape: readonly number[], programs: Pipeline['programs']) {
    this.model = model;
    this.batch = batch;
    this.length = length;
    this.shape = shape;
    this.programs = programs;
  }

  /** @param vectors how many vectors a learned concept has; 0 for none */
  static async create(engine: Engine, model: DiffusionModel, batch: number, vectors = 0): Promise<Pipeline> {
    const { textEncoder, unet: denoiser, vae } = model;
    const { max_position_embeddings: length, hidden_size: width } = textEncoder.config;
    const learned = vectors === 0 ? undefined : input('vectors', [vectors, width]);
    const ids = input('ids', [batch, length], 'int32');
    const states = clipText(textEncoder.parameters, textEncoder.config, embedTokens(textEncoder, ids, learned));
    const { in_channels: channels, sample_size: size } = denoiser.config;
    const latents = input('latents', [batch, channels, size, size]);
    const twice = (x: Tensor): Tensor => concat([x, x], 0);
    const both = concat([input('unconditional', states.shape), input('conditional', states.shape)], 0);
    const predicted = unet(denoiser.parameters, denoiser.config, twice(latents), twice(input('timesteps', [batch])), both);
    const [plain, guided] = [sliceAxis(predicted, 0, 0, batch), sliceAxis(predicted, 0, batch, batch)];
    const prediction = add(plain, multiply(subtract(guided, plain), input('guidance', [])));
    const pixels = vaeDecode(vae.parameters, vae.config, multiply(latents, 1 / vae.config.scaling_factor));
    const programs = {
      encode: await engine.compile({ outputs: { states } }),
      denoise: await engine.compile({ outputs: { prediction } }),
      decode: await engine.compile({ outputs: { pixels } }),
    };
    return new Pipeline(model, batch, length, latents.shape, programs);
  }

  /** Floating-point operations of one sampling step of a batch. */
  get flops(): number {
    return this.programs.denoise.flops;
  }

  private async encode(prompts: readonly string[], concept: LearnedConcept | undefined): Promise<Float32Array> {
    const tokenizer = concept?.tokenizer ?? this.model.tokenizer;
    const ids = new Int32Array(this.batch * this.length);
    for (let i = 0; i < this.batch; i++) ids.set(tokenizer.pad(prompts[i] ?? '', this.length), i * this.length);
    const { states } = await this.programs.encode.run(concept === undefined ? { ids } : { ids, vectors: concept.vectors });
    return states as Float32Array;
  }

  /** Pictures [3, H, W] in [−1, 1], one per prompt, as their batches are done. */
  async *generate(options: GenerateOptions, concept?: LearnedConcept): AsyncGenerator<{ index: number; pixels: Float32Array }> {
    const { prompts, seed, guidance, steps } = options;
    const unconditional = await this.encode(
      Array.from({ length: this.batch }, () => options.negative ?? ''),
      concept,
    );
    const size = sizeOf(this.shape) / this.batch;
    for (let from = 0; from < prompts.length; from += this.batch) {
      const part = prompts.slice(from, from + this.batch);
      const conditional = await this.encode(part, concept);
      const noiseOf = (...step: number[]): Float32Array => {
        const noise = new Float32Array(sizeOf(this.shape));
        part.forEach((_, i) => {
          const picture = new Random(seed).fork('picture', options.indices?.[from + i] ?? from + i);
          noise.set((step.length === 0 ? picture : picture.fork('step', ...step)).normals(size), i * size);
        });
        return noise;
      };
      const denoise = async (latents: Float32Array, timestep: number): Promise<Float32Array> => {
        const timesteps = new Float32Array(this.batch).fill(timestep);
        const out = await this.programs.denoise.run({
          latents,
          timesteps,
          unconditional,
          conditional,
          guidance: Float32Array.of(guidance),
        });
        return out.prediction as Float32Array;
      };
      const latents = await samplers[options.sampler](denoise, noiseOf(), this.model.scheduler, {
        steps,
        karras: options.karras === true,
        noiseOf,
        onStep: (step) => options.onStep?.(from, step),
      });
      const { pixels } = await this.programs.decode.run({ latents });
      const length = pixels!.length / this.batch;
      for (let i = 0; i < part.length; i++) yield { index: from + i, pixels: (pixels as Float32Array).slice(i * length, (i + 1) * length) };
    }
  }

  async release(): Promise<void> {
    for (const program of Object.values(this.programs)) await program.release();
  }
}
