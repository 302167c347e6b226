/** A diffusion model from a folder in diffusers' layout, or from one file in latent-diffusion's. */
import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import * as z from 'zod';
import { schedulerConfig } from '../diffusion/schedule.ts';
import type { Prediction, SchedulerConfig } from '../diffusion/schedule.ts';
import { UserError } from '../errors.ts';
import { input } from '../graph/ops.ts';
import type { Parameters } from '../nn/parameters.ts';
import { isTokenizerFolder, readTokenizer } from '../text/tokenizer.ts';
import type { ClipTokenizer } from '../text/tokenizer.ts';
import { clipText, clipTextConfig, clipTokenEmbedding } from './clip-text.ts';
import type { ClipTextConfig } from './clip-text.ts';
import { contextualizer, contextualizerConfig, maskTokens } from './contextualizer.ts';
import type { ContextualizerConfig } from './contextualizer.ts';
import { familyOf, pipelineFamily } from './family.ts';
import { currentText, currentVae } from './keys.ts';
import { choosePrediction, layouts, splitCheckpoint } from './stable-diffusion.ts';
import type { Layout } from './stable-diffusion.ts';
import { unet, unetConfig } from './unet.ts';
import type { UnetConfig } from './unet.ts';
import { vaeConfig, vaeDecode, vaeEncode } from './vae.ts';
import type { VaeConfig } from './vae.ts';
import { checkWeights, frozenParameters, openFile, openWeights } from './weights.ts';
import type { Weights } from './weights.ts';

export interface Component<C> {
  config: C;
  parameters: Parameters;
}

export interface DiffusionModel {
  /** What was loaded, as it was named: a folder in diffusers' layout, or a single file. */
  folder: string;
  tokenizer: ClipTokenizer;
  textEncoder: Component<ClipTextConfig>;
  unet: Component<UnetConfig>;
  vae: Component<VaeConfig>;
  scheduler: SchedulerConfig;
  contextualizer: Component<ContextualizerConfig> | undefined;
  /** What was assumed of the model because nothing says it: a line each, for the user. */
  notes?: readonly string[];
}

export interface LoadOptions {
  /** A folder with tokenizer.json, or with vocab.json and merges.txt, for a file that brings none. */
  tokenizer?: string | undefined;
  /** What the U-Net predicts, where the model does not say it or says it wrongly. */
  prediction?: Prediction | undefined;
}

const oneModel = 'a folder in diffusers’ layout, one .safetensors or .ckpt file of Stable Diffusion 1 or 2, or tiny';

/** Where a model's contextualizer lies: inside its folder, or beside its file, as NAME.contextualizer. */
export function contextualizerFolder(path: string): string {
  const isFile = existsSync(path) && !statSync(path).isDirectory();
  return isFile ? `${path.slice(0, path.length - extname(path).length)}.contextualizer` : join(path, 'contextualizer');
}

/** Loads a model. Throws a UserError that names the file and the remedy where something is missing or does not fit. */
export async function loadModel(path: string, options: LoadOptions = {}): Promise<DiffusionModel> {
  if (!existsSync(path)) throw new UserError(`--model ${path} does not exist: name ${oneModel}`);
  const model = statSync(path).isDirectory() ? await fromFolder(path, options) : await fromFile(path, options);
  const { tokenizer, textEncoder } = model;
  if (tokenizer.vocabularySize !== textEncoder.config.vocab_size)
    throw new UserError(
      `${path}: the tokenizer has ${tokenizer.vocabularySize} tokens and the text encoder ${textEncoder.config.vocab_size}: they are not of one model`,
    );
  const folder = contextualizerFolder(path);
  return { ...model, contextualizer: existsSync(folder) ? await readContextualizer(folder, textEncoder.config) : undefined };
}

async function readContextualizer(folder: string, text: ClipTextConfig): Promise<Component<ContextualizerConfig>> {
  const config = await readConfig(join(folder, 'config.json'), contextualizerConfig);
  for (const key of ['vocab_size', 'hidden_size'] as const)
    if (config[key] !== text[key])
      throw new UserError(`${folder} is of another text encoder: its ${key} is ${config[key]}, the model's is ${text[key]}`);
  return component(config, await openWeights(folder, 'model'), traces.contextualizer);
}

const modelIndex = z.object({ _class_name: z.string(), _diffusers_version: z.string().optional(), _name_or_path: z.string().optional() });

/** model_index.json of a folder in diffusers' layout. */
export const readIndex = (folder: string): Promise<z.infer<typeof modelIndex>> => readConfig(join(folder, 'model_index.json'), modelIndex);

type Found = Omit<DiffusionModel, 'contextualizer'>;

async function fromFolder(folder: string, options: LoadOptions): Promise<Found> {
  if (!existsSync(join(folder, 'model_index.json'))) throw new UserError(`${folder} has no model_index.json: --model takes ${oneModel}`);
  const { _class_name: name } = await readIndex(folder);
  const family = pipelineFamily(name);
  if (family.use !== 'model') throw new UserError(`${folder} is ${family.name}: ${family.why ?? ''}; --model takes ${oneModel}`);
  const at = (part: string): string => join(folder, part);
  const config = <C>(part: string, schema: z.ZodType<C>): Promise<C> => readConfig(join(at(part), 'config.json'), schema, fixed[part]);
  const scheduler = await readConfig(join(at('scheduler'), 'scheduler_config.json'), schedulerConfig, fixed.scheduler);
  const [text, denoiser] = [await config('text_encoder', clipTextConfig), await config('unet', unetConfig)];
  const diffusion = 'diffusion_pytorch_model';
  const [textWeights, vaeWeights] = [
    await openWeights(at('text_encoder'), 'model', 'pytorch_model'),
    await openWeights(at('vae'), diffusion),
  ];
  return {
    folder,
    tokenizer: await readTokenizer(options.tokenizer ?? at('tokenizer')),
    textEncoder: component(text, { ...textWeights, tensors: currentText(textWeights.tensors) }, traces.textEncoder),
    unet: component(denoiser, await openWeights(at('unet'), diffusion), traces.unet),
    vae: component(await config('vae', vaeConfig), { ...vaeWeights, tensors: currentVae(vaeWeights.tensors) }, traces.vae),
    scheduler: { ...scheduler, prediction_type: options.prediction ?? scheduler.prediction_type },
  };
}

async function fromFile(path: string, options: LoadOptions): Promise<Found> {
  const weights = await openFile(path);
  const family = familyOf(weights.tensors);
  if (family?.version === undefined)
    throw new UserError(
      family === undefined
        ? `${path} holds ${weights.tensors.size} tensors of no known kind; --model takes ${oneModel}`
        : `${path} is ${family.name}: ${family.why ?? ''}; --model takes ${oneModel}`,
    );
  return { ...(await singleFile(path, weights, layouts[family.version], options)), folder: path };
}

/** A model from the tensors of one file. */
export async function singleFile(path: string, weights: Weights, layout: Layout, options: LoadOptions): Promise<Found> {
  const parts = splitCheckpoint(weights, layout);
  const yaml = await readFile(`${path.slice(0, path.length - extname(path).length)}.yaml`, 'utf8').catch(() => undefined);
  const { prediction, guessed } = choosePrediction(layout, { option: options.prediction, yaml, metadata: weights.metadata });
  const folder = options.tokenizer ?? [join(dirname(path), 'tokenizer'), dirname(path)].find(isTokenizerFolder);
  if (folder === undefined)
    throw new UserError(
      `${path} brings no tokenizer: put CLIP's vocab.json and merges.txt into ${join(dirname(path), 'tokenizer')}, or name their folder with --tokenizer`,
    );
  return {
    folder: path,
    tokenizer: (await readTokenizer(folder)).withPadding(layout.padding),
    textEncoder: component(layout.textEncoder, parts.textEncoder, traces.textEncoder),
    unet: component({ ...layout.unet, sample_size: layout.latentSize[prediction] }, parts.unet, traces.unet),
    vae: component(layout.vae, parts.vae, traces.vae),
    scheduler: { ...layout.scheduler, prediction_type: prediction },
    notes:
      guessed && layout.latentSize.epsilon !== layout.latentSize.v_prediction
        ? [
            `${path} does not say what its U-Net predicts: v at ${8 * layout.latentSize.v_prediction} pixels is assumed, as most of ${layout.name} do; --prediction epsilon is for the others (${8 * layout.latentSize.epsilon} pixels)`,
          ]
        : [],
  };
}

/** What each component asks for, in any of its uses, and what its files may hold besides. */
const traces = {
  textEncoder: {
    run: (p: Parameters, c: ClipTextConfig): unknown => clipText(p, c, clipTokenEmbedding(p, c, input('ids', [1, 2], 'int32'))),
    ignored: /^(text_projection\.weight|logit_scale)$/,
  },
  unet: {
    run: (p: Parameters, c: UnetConfig): unknown => {
      const side = 2 ** (c.block_out_channels.length - 1);
      const text = input('text', [1, 2, c.cross_attention_dim]);
      return unet(p, c, input('latents', [1, c.in_channels, side, side]), input('timesteps', [1]), text);
    },
    ignored: /^$/,
  },
  vae: {
    run: (p: Parameters, c: VaeConfig): unknown => {
      const side = 2 ** (c.block_out_channels.length - 1);
      return [
        vaeEncode(p, c, input('pixels', [1, c.in_channels, side, side])),
        vaeDecode(p, c, input('latents', [1, c.latent_channels, 1, 1])),
      ];
    },
    ignored: /^(loss|model_ema)\./,
  },
  contextualizer: {
    run: (p: Parameters, c: ContextualizerConfig): unknown =>
      contextualizer(p, c, maskTokens(p, c, input('tokens', [1, 2, c.hidden_size]), input('mask', [1, 2]))),
    ignored: /^$/,
  },
};

function component<C>(config: C, weights: Weights, trace: { run: (p: Parameters, config: C) => unknown; ignored: RegExp }): Component<C> {
  checkWeights(weights, (p) => trace.run(p, config), trace.ignored);
  return { config, parameters: frozenParameters(weights) };
}

/** Fields that change what a component computes, and the values that are computed here. */
const fixed: Record<string, Record<string, readonly unknown[]>> = {
  unet: {
    act_fn: ['silu'],
    addition_embed_type: [null],
    class_embed_type: [null],
    num_class_embeds: [null],
    encoder_hid_dim: [null],
    time_cond_proj_dim: [null],
    transformer_layers_per_block: [1],
    dual_cross_attention: [false],
    only_cross_attention: [false],
    resnet_time_scale_shift: ['default'],
    mid_block_type: ['UNetMidBlock2DCrossAttn'],
    center_input_sample: [false],
    in_channels: [4],
  },
  vae: {
    act_fn: ['silu'],
    down_block_types: ['DownEncoderBlock2D'],
    up_block_types: ['UpDecoderBlock2D'],
    mid_block_add_attention: [true],
    use_quant_conv: [true],
    use_post_quant_conv: [true],
    shift_factor: [null, 0],
  },
  scheduler: { trained_betas: [null], rescale_betas_zero_snr: [false] },
};

async function readConfig<C>(path: string, schema: z.ZodType<C>, only: Record<string, readonly unknown[]> = {}): Promise<C> {
  const text = await readFile(path, 'utf8').catch(() => {
    throw new UserError(`${path} cannot be read: a model is ${oneModel}`);
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new UserError(`${path} is not JSON: fetch the model again`);
  }
  const result = schema.safeParse(json);
  if (!result.success) {
    const { path: key, message } = result.error.issues[0]!;
    throw new UserError(`${path}: ${key.length === 0 ? '' : `${key.join('.')}: `}${message}`);
  }
  for (const [key, allowed] of Object.entries(only)) {
    const value = (json as Record<string, unknown>)[key];
    const wrong = value === undefined ? undefined : [value].flat().find((one) => !allowed.includes(one));
    if (wrong !== undefined)
      throw new UserError(`${path}: ${key} is ${JSON.stringify(value)}, which is not supported yet; ${JSON.stringify(allowed[0])} is`);
  }
  return result.data;
}

/** Side of a model's pictures, in pixels. */
export const pixelSize = (model: DiffusionModel): number =>
  model.unet.config.sample_size * 2 ** (model.vae.config.block_out_channels.length - 1);
