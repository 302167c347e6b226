/** A checkpoint of Stable Diffusion 1.5's exact shape with seeded random weights, and what a step at that size takes. */
import { existsSync } from 'node:fs';
import { copyFile, open, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseRecipe } from '../config.ts';
import { UserError } from '../errors.ts';
import { makeFolder, writeFailure } from '../disk.ts';
import type { Engine } from '../graph/engine.ts';
import { gradients } from '../graph/gradient.ts';
import { predictTogether } from '../graph/memory.ts';
import { input, mean, square, subtract } from '../graph/ops.ts';
import { Random } from '../graph/random.ts';
import { sizeOf } from '../graph/tensor.ts';
import type { Shape } from '../graph/tensor.ts';
import { methodOf } from '../methods/index.ts';
import { clipText, clipTextConfig, clipTokenEmbedding } from '../models/clip-text.ts';
import { contextualizer, contextualizerConfig, maskTokens } from '../models/contextualizer.ts';
import { loadModel } from '../models/load.ts';
import { unet, unetConfig } from '../models/unet.ts';
import { vaeConfig, vaeDecode, vaeEncode } from '../models/vae.ts';
import { Parameters, stateSource } from '../nn/parameters.ts';
import { customize } from '../trainer/customize.ts';
import { noiseStep } from './bench.ts';

const text = {
  _class_name: 'CLIPTextModel',
  architectures: ['CLIPTextModel'],
  model_type: 'clip_text_model',
  vocab_size: 49408,
  hidden_size: 768,
  intermediate_size: 3072,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  max_position_embeddings: 77,
  hidden_act: 'quick_gelu',
  layer_norm_eps: 1e-5,
  projection_dim: 768,
  bos_token_id: 49406,
  eos_token_id: 49407,
};
const cross = 'CrossAttnDownBlock2D';
const denoiser = {
  _class_name: 'UNet2DConditionModel',
  sample_size: 64,
  in_channels: 4,
  out_channels: 4,
  block_out_channels: [320, 640, 1280, 1280],
  layers_per_block: 2,
  down_block_types: [cross, cross, cross, 'DownBlock2D'],
  up_block_types: ['UpBlock2D', 'CrossAttnUpBlock2D', 'CrossAttnUpBlock2D', 'CrossAttnUpBlock2D'],
  cross_attention_dim: 768,
  attention_head_dim: 8,
  norm_num_groups: 32,
  norm_eps: 1e-5,
};
const vae = {
  _class_name: 'AutoencoderKL',
  in_channels: 3,
  out_channels: 3,
  latent_channels: 4,
  block_out_channels: [128, 256, 512, 512],
  layers_per_block: 2,
  norm_num_groups: 32,
  scaling_factor: 0.18215,
  sample_size: 512,
  down_block_types: Array.from({ length: 4 }, () => 'DownEncoderBlock2D'),
  up_block_types: Array.from({ length: 4 }, () => 'UpDecoderBlock2D'),
};
const psi = {
  _class_name: 'Contextualizer',
  vocab_size: 49408,
  hidden_size: 768,
  intermediate_size: 3072,
  num_hidden_layers: 2,
  num_attention_heads: 12,
  hidden_act: 'gelu',
};
const scheduler = {
  _class_name: 'PNDMScheduler',
  num_train_timesteps: 1000,
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  prediction_type: 'epsilon',
  set_alpha_to_one: false,
  steps_offset: 1,
};
const modelIndex = {
  _class_name: 'StableDiffusionPipeline',
  feature_extractor: [null, null],
  requires_safety_checker: false,
  safety_checker: [null, null],
  scheduler: ['diffusers', 'PNDMScheduler'],
  text_encoder: ['transformers', 'CLIPTextModel'],
  tokenizer: ['transformers', 'CLIPTokenizer'],
  unet: ['diffusers', 'UNet2DConditionModel'],
  vae: ['diffusers', 'AutoencoderKL'],
};
const tokenizerConfig = {
  tokenizer_class: 'CLIPTokenizer',
  model_max_length: 77,
  bos_token: '<|startoftext|>',
  eos_token: '<|endoftext|>',
  pad_token: '<|endoftext|>',
  unk_token: '<|endoftext|>',
};

const weightsFile = 'diffusion_pytorch_model.safetensors';
/** The folders that hold weights: their configuration, their file, and a trace that asks for every tensor. */
const components: Record<string, { config: object; file: string; trace: (p: Parameters) => void }> = {
  text_encoder: {
    config: text,
    file: 'model.safetensors',
    trace: (p) => {
      const config = clipTextConfig.parse(text);
      clipText(p, config, clipTokenEmbedding(p, config, input('ids', [1, 77], 'int32')));
    },
  },
  unet: {
    config: denoiser,
    file: weightsFile,
    trace: (p) => void unet(p, unetConfig.parse(denoiser), input('x', [1, 4, 64, 64]), input('t', [1]), input('text', [1, 77, 768])),
  },
  vae: {
    config: vae,
    file: weightsFile,
    trace: (p) => {
      const config = vaeConfig.parse(vae);
      vaeDecode(p, config, vaeEncode(p, config, input('pixels', [1, 3, 512, 512])).mean);
    },
  },
  contextualizer: {
    config: psi,
    file: 'model.safetensors',
    trace: (p) => {
      const config = contextualizerConfig.parse(psi);
      const tokens = maskTokens(p, config, input('tokens', [1, 77, 768]), input('mask', [1, 77]));
      contextualizer(p, config, tokens, input('table', [config.vocab_size, 768]));
    },
  },
};

/** Names and shapes of what a trace asks for, in its order. */
function shapesOf(trace: (p: Parameters) => void): [name: string, shape: Shape][] {
  const { source, tensors } = stateSource();
  trace(new Parameters(source));
  return [...tensors].map(([name, { shape }]) => [name, shape]);
}

const isTable = (name: string): boolean => /embedding(\.weight)?$/.test(name) && !name.startsWith('time_embedding');
/** Half the width of a tensor's uniform distribution: that of PyTorch's layers, CLIP's tables at their deviation 0.02. */
function spreadOf(name: string, shape: Shape): number {
  if (isTable(name)) return 0.02 * Math.sqrt(3);
  return shape.length < 2 ? 0.01 : 1 / Math.sqrt(sizeOf(shape) / shape[0]!);
}

/** Fills with uniform numbers in ±spread by xorshift32; returns the generator's next state. */
function fillUniform(out: Float32Array, state: number, spread: number): number {
  const scale = spread / 2 ** 31;
  let s = state;
  for (let i = 0; i < out.length; i++) {
    s ^= s << 13;
    s ^= s >>> 17;
    s ^= s << 5;
    out[i] = s * scale;
  }
  return s;
}

/** Streams a .safetensors of random weights: never more than 4 MB of it in memory. */
async function writeWeights(path: string, shapes: readonly [string, Shape][], seed: number): Promise<void> {
  let end = 0;
  const header = Object.fromEntries(
    shapes.map(([name, shape]) => [name, { dtype: 'F32', shape, data_offsets: [end, (end += 4 * sizeOf(shape))] }]),
  );
  const json = Buffer.from(JSON.stringify(header));
  const prefix = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, 0x20);
  prefix.writeBigUInt64LE(BigInt(prefix.length - 8));
  json.copy(prefix, 8);
  const file = await open(path, 'w');
  try {
    await file.write(prefix);
    const chunk = new Float32Array(2 ** 20);
    let state = (seed * 0x9e3779b9) ^ 0x6d2b79f5 || 1;
    for (const [name, shape] of shapes) {
      const ones = /norm\w*\.weight$/.test(name);
      for (let left = sizeOf(shape); left > 0; left -= chunk.length) {
        const part = chunk.subarray(0, Math.min(left, chunk.length));
        if (ones) part.fill(1);
        else state = fillUniform(part, state, spreadOf(name, shape));
        await file.write(new Uint8Array(part.buffer, 0, part.byteLength));
      }
    }
  } finally {
    await file.close();
  }
}

/**
 * Writes the checkpoint to `folder` unless it is there: 4.7 GB in diffusers' layout, with a contextualizer. `vocabulary`
 * is a folder with CLIP's vocab.json and merges.txt. Throws a UserError where it has none, or the disk is full.
 */
export async function writeSd15(folder: string, vocabulary: string, seed = 0): Promise<void> {
  if (existsSync(join(folder, 'model_index.json'))) return;
  for (const name of ['vocab.json', 'merges.txt'])
    if (!existsSync(join(vocabulary, name)))
      throw new UserError(
        `${join(vocabulary, name)} does not exist: give --vocabulary the tokenizer folder of a Stable Diffusion 1 checkpoint`,
      );
  const staged = `${folder}.${process.pid}.part`;
  const json = (path: string, value: object): Promise<void> => writeFile(join(staged, path), `${JSON.stringify(value, undefined, 2)}\n`);
  try {
    for (const name of [...Object.keys(components), 'tokenizer', 'scheduler']) await makeFolder(join(staged, name));
    for (const [i, [name, { config, file, trace }]] of Object.entries(components).entries()) {
      await json(join(name, 'config.json'), config);
      await writeWeights(join(staged, name, file), shapesOf(trace), seed + i + 1);
    }
    for (const name of ['vocab.json', 'merges.txt']) await copyFile(join(vocabulary, name), join(staged, 'tokenizer', name));
    await json('tokenizer/tokenizer_config.json', tokenizerConfig);
    await json('scheduler/scheduler_config.json', scheduler);
    await json('model_index.json', modelIndex);
    await rename(staged, folder);
  } catch (error) {
    await rm(staged, { recursive: true, force: true });
    throw writeFailure(folder, error);
  }
}

export interface Sd15Options {
  engine: Engine;
  /** Where `writeSd15` wrote. */
  folder: string;
  /** Photographs. */
  images: string;
  /** What the photographs show. */
  subject: string;
  method: string;
  richPrompts: readonly string[];
  promptBatch: number;
  lambda: number;
  steps: number;
  /** The run's folder. */
  out: string;
  versions: Record<string, string>;
}

export interface Sd15Figures {
  /** From the start until the first step begins: pictures, VAE encoding, tracing, differentiation, session. */
  prepareSeconds: number;
  /** Each step. */
  stepSeconds: number[];
  /** Processor time of each step, all threads together. */
  cpuSeconds: number[];
  /** Largest resident memory of the process so far, in GB (10⁹ bytes), pages of mapped weights included. */
  peakGB: number;
  artefact: string;
}

export const peakGB = (): number => (process.resourceUsage().maxRSS * 1024) / 1e9;

/** A method, with the MLM objective where it trains anything of the text, on photographs through `customize`, at 512 × 512 pixels and batch 1. */
export async function measureCustomize(options: Sd15Options): Promise<Sd15Figures> {
  const { engine, folder, images, subject, richPrompts, promptBatch, steps, out } = options;
  const start = performance.now();
  const model = await loadModel(folder);
  const method = methodOf(options.method);
  const lambda = method.trainsText({ vectors: 1, rank: 4, loraText: false }) ? options.lambda : 0;
  const recipe = parseRecipe({
    ...method.defaults,
    model: folder,
    images,
    class: subject,
    method: method.name,
    steps,
    batchSize: 1,
    accumulation: 1,
    priorCount: 0,
    promptBatch,
    lambda,
    flip: false,
    sampleEvery: 0,
  });
  const [stepSeconds, cpuSeconds]: [number[], number[]] = [[], []];
  let used = process.cpuUsage();
  let prepareSeconds = Number.NaN;
  let last = start;
  let artefact = '';
  for await (const event of customize({ engine, model, recipe, prompts: richPrompts, out, versions: options.versions })) {
    const seconds = (performance.now() - last) / 1000;
    const { user, system } = process.cpuUsage(used);
    last = performance.now();
    used = process.cpuUsage();
    if (event.kind === 'start') prepareSeconds = (last - start) / 1000;
    if (event.kind === 'step') {
      stepSeconds.push(seconds);
      cpuSeconds.push((user + system) / 1e6);
    }
    if (event.kind === 'done') artefact = event.artefact;
  }
  return { prepareSeconds, stepSeconds, cpuSeconds, peakGB: peakGB(), artefact };
}

export interface CompileFigures {
  /** Trace, differentiate, lower, session, of a whole training step; again each time. */
  compileSeconds: number[];
  /** Processor time of the same, all threads together. */
  cpuSeconds: number[];
}

/** How long it takes until a step of textual inversion with the MLM objective could run, several times over. */
export async function measureCompiling(engine: Engine, folder: string, promptBatch: number, times: number): Promise<CompileFigures> {
  const figures: CompileFigures = { compileSeconds: [], cpuSeconds: [] };
  for (let i = 0; i < times; i++) {
    const model = await loadModel(folder);
    const [start, used] = [performance.now(), process.cpuUsage()];
    const step = await noiseStep(engine, model, { batchSize: 1, promptBatch, lambda: 1e-4 });
    const { user, system } = process.cpuUsage(used);
    figures.compileSeconds.push((performance.now() - start) / 1000);
    figures.cpuSeconds.push((user + system) / 1e6);
    await step.release();
  }
  return figures;
}

export interface UnetFigures {
  /** Trace and differentiate. */
  traceSeconds: number;
  /** Lower, and make a session. */
  sessionSeconds: number;
  /** Each step after the first. */
  stepSeconds: number[];
  /** Processor time of each step, all threads together. */
  cpuSeconds: number[];
  peakGB: number;
  /** What `predictTogether` says that the step adds to the process. */
  predictedGB: number;
  teraflops: number;
}

/** The U-Net alone, forwards and backwards to the prompt's states: what the peer script of other frameworks measures. */
export async function measureUnet(engine: Engine, folder: string, steps: number, profile?: string): Promise<UnetFigures> {
  const model = await loadModel(folder);
  let start = performance.now();
  const shape = [1, 4, 64, 64];
  const states = input('states', [1, 77, 768]);
  const predicted = unet(model.unet.parameters, model.unet.config, input('latents', shape), input('timesteps', [1]), states);
  const loss = mean(square(subtract(predicted, input('noise', shape))));
  const outputs = { loss, gradient: gradients(loss, [states], { sparing: engine.lowMemory })[0]! };
  const traceSeconds = (performance.now() - start) / 1000;
  start = performance.now();
  const program = await engine.compile({ outputs, ...(profile !== undefined && { profile }) });
  const sessionSeconds = (performance.now() - start) / 1000;
  const random = new Random(0);
  const feeds = {
    states: random.normals(77 * 768),
    latents: random.normals(sizeOf(shape)),
    noise: random.normals(sizeOf(shape)),
    timesteps: Float32Array.of(500),
  };
  await program.run(feeds);
  const [stepSeconds, cpuSeconds]: [number[], number[]] = [[], []];
  for (let i = 0; i < steps; i++) {
    start = performance.now();
    const before = process.cpuUsage();
    await program.run(feeds);
    const { user, system } = process.cpuUsage(before);
    stepSeconds.push((performance.now() - start) / 1000);
    cpuSeconds.push((user + system) / 1e6);
  }
  await program.release();
  const predictedGB = predictTogether([{ outputs, sparing: engine.lowMemory }]) / 1e9;
  return { traceSeconds, sessionSeconds, stepSeconds, cpuSeconds, peakGB: peakGB(), predictedGB, teraflops: program.flops / 1e12 };
}
