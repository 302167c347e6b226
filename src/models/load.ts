/** A diffusion model from a folder in diffusers' layout. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type * as z from 'zod';
import { schedulerConfig } from '../diffusion/schedule.ts';
import type { SchedulerConfig } from '../diffusion/schedule.ts';
import { UserError } from '../errors.ts';
import { openSafetensors, readTensor } from '../files/safetensors.ts';
import type { TensorTable } from '../files/tensors.ts';
import { constant, fileConstant } from '../graph/ops.ts';
import type { Tensor } from '../graph/tensor.ts';
import { Parameters } from '../nn/parameters.ts';
import { readTokenizer } from '../text/tokenizer.ts';
import type { ClipTokenizer } from '../text/tokenizer.ts';
import { clipTextConfig } from './clip-text.ts';
import type { ClipTextConfig } from './clip-text.ts';
import { contextualizerConfig } from './contextualizer.ts';
import type { ContextualizerConfig } from './contextualizer.ts';
import { checkEncoder, checkShape, readContextualizerConfig } from './contextualizer-file.ts';
import { unetConfig } from './unet.ts';
import type { UnetConfig } from './unet.ts';
import { vaeConfig } from './vae.ts';
import type { VaeConfig } from './vae.ts';

export interface Component<C> {
  config: C;
  parameters: Parameters;
}

export interface DiffusionModel {
  folder: string;
  tokenizer: ClipTokenizer;
  textEncoder: Component<ClipTextConfig>;
  unet: Component<UnetConfig>;
  vae: Component<VaeConfig>;
  scheduler: SchedulerConfig;
  contextualizer: Component<ContextualizerConfig> | undefined;
}

async function readConfig<C>(path: string, schema: z.ZodType<C>): Promise<C> {
  const text = await readFile(path, 'utf8').catch(() => {
    throw new UserError(`${path} cannot be read: a model is a folder in diffusers' layout, or tiny`);
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new UserError(`${path} is not JSON: fetch the model again`);
  }
  const result = schema.safeParse(json);
  if (!result.success) throw new UserError(`${path}: ${result.error.issues[0]!.path.join('.')}: ${result.error.issues[0]!.message}`);
  return result.data;
}

/** Frozen parameters: constants that stay in the file where it holds float32, decoded otherwise. */
export async function frozenParameters(path: string): Promise<Parameters> {
  const file = await openSafetensors(path);
  const decoded = new Map<string, Float32Array>();
  for (const { name, dtype } of file.tensors.values())
    if (dtype !== 'F32' && /^B?F/.test(dtype)) decoded.set(name, await readTensor(file, name));
  const made = new Map<string, Tensor>();
  return new Parameters((name, shape) => {
    const known = made.get(name);
    if (known !== undefined) return known;
    const entry = file.tensors.get(name);
    if (entry === undefined) throw new UserError(`${path} has no tensor ${name}: its config.json does not describe it`);
    if (entry.shape.join() !== shape.join())
      throw new UserError(`${path}: tensor ${name} is [${entry.shape.join(', ')}], its config.json asks for [${shape.join(', ')}]`);
    const data = decoded.get(name);
    const tensor = data === undefined ? fileConstant(path, entry.offset, shape) : constant(data, shape);
    made.set(name, tensor);
    return tensor;
  });
}

async function component<C>(folder: string, schema: z.ZodType<C>, weights: string): Promise<Component<C>> {
  return { config: await readConfig(join(folder, 'config.json'), schema), parameters: await frozenParameters(join(folder, weights)) };
}

/** The stored tensors of a model folder's text encoder: what its hash is made of. */
export const textEncoderTensors = async (folder: string): Promise<TensorTable> =>
  (await openSafetensors(join(folder, 'text_encoder', 'model.safetensors'))).tensors;

/**
 * ψ of a model folder: contextualizer.safetensors, which knows its text encoder, or a folder contextualizer with a
 * config.json. `path` names another file. Throws a UserError where it belongs to another text encoder.
 */
export async function contextualizerOf(
  folder: string,
  text: ClipTextConfig,
  path?: string,
): Promise<Component<ContextualizerConfig> | undefined> {
  const single = path ?? join(folder, 'contextualizer.safetensors');
  if (path !== undefined || existsSync(single))
    return {
      config: await readContextualizerConfig(single, text, await textEncoderTensors(folder)),
      parameters: await frozenParameters(single),
    };
  const psi = join(folder, 'contextualizer');
  if (!existsSync(psi)) return undefined;
  const whole = await component(psi, contextualizerConfig, 'model.safetensors');
  const weights = join(psi, 'model.safetensors');
  checkShape(weights, whole.config, text);
  checkEncoder(weights, (await openSafetensors(weights)).metadata.text_encoder_sha256, await textEncoderTensors(folder));
  return whole;
}

/** Loads `folder`. Throws a UserError that names the file and the remedy where something is missing or does not fit. */
export async function loadModel(folder: string): Promise<DiffusionModel> {
  if (!existsSync(join(folder, 'model_index.json')))
    throw new UserError(`${folder} has no model_index.json: --model takes a folder in diffusers' layout, or tiny`);
  const diffusion = 'diffusion_pytorch_model.safetensors';
  const textEncoder = await component(join(folder, 'text_encoder'), clipTextConfig, 'model.safetensors');
  return {
    folder,
    tokenizer: await readTokenizer(join(folder, 'tokenizer')),
    textEncoder,
    unet: await component(join(folder, 'unet'), unetConfig, diffusion),
    vae: await component(join(folder, 'vae'), vaeConfig, diffusion),
    scheduler: await readConfig(join(folder, 'scheduler', 'scheduler_config.json'), schedulerConfig),
    contextualizer: await contextualizerOf(folder, textEncoder.config),
  };
}

/** Side of a model's pictures, in pixels. */
export const pixelSize = (model: DiffusionModel): number =>
  model.unet.config.sample_size * 2 ** (model.vae.config.block_out_channels.length - 1);
