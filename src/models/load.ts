/** A diffusion model from a folder in diffusers' layout, or from one file in latent-diffusion's. */
import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import type { Prediction, SchedulerConfig } from '../diffusion/schedule.ts';
import { UserError } from '../errors.ts';
import { openSafetensors } from '../files/safetensors.ts';
import type { TensorTable } from '../files/tensors.ts';
import { input } from '../graph/ops.ts';
import type { Parameters } from '../nn/parameters.ts';
import { isTokenizerFolder, readTokenizer } from '../text/tokenizer.ts';
import type { ClipTokenizer } from '../text/tokenizer.ts';
import { clipText, clipTokenEmbedding } from './clip-text.ts';
import type { ClipTextConfig } from './clip-text.ts';
import { oneModel, readConfig, readConfigs, readIndex } from './configs.ts';
import { contextualizer, contextualizerConfig, maskTokens, textWidth } from './contextualizer.ts';
import type { ContextualizerConfig } from './contextualizer.ts';
import { familyOf, pipelineFamily } from './family.ts';
import type { Family } from './family.ts';
import { currentText, currentVae } from './keys.ts';
import { choosePrediction, layouts, splitCheckpoint } from './stable-diffusion.ts';
import type { Layout } from './stable-diffusion.ts';
import { checkEncoder, checkShape, readContextualizerConfig } from './contextualizer-file.ts';
import { unet } from './unet.ts';
import type { UnetConfig } from './unet.ts';
import { vaeDecode, vaeEncode } from './vae.ts';
import type { VaeConfig } from './vae.ts';
import { checkWeights, frozenParameters, openFile, openWeights } from './weights.ts';
import type { Weights } from './weights.ts';

export interface Component<C> {
  config: C;
  parameters: Parameters;
  /** Its stored tensors, where it was read from files. */
  tensors?: TensorTable;
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

/** Where a model's contextualizer lies: inside its folder, or beside its file, as NAME.contextualizer. */
export function contextualizerFolder(path: string): string {
  const isFile = existsSync(path) && !statSync(path).isDirectory();
  return isFile ? beside(path, '.contextualizer') : join(path, 'contextualizer');
}

/** A file's path with another ending. */
const beside = (path: string, ending: string): string => path.slice(0, path.length - extname(path).length) + ending;

/** Loads a model. Throws a UserError that names the file and the remedy where something is missing or does not fit. */
export async function loadModel(path: string, options: LoadOptions = {}): Promise<DiffusionModel> {
  if (!existsSync(path)) throw new UserError(`--model ${path} does not exist: name ${oneModel}`);
  const model = statSync(path).isDirectory() ? await fromFolder(path, options) : await fromFile(path, options);
  const { tokenizer, textEncoder } = model;
  if (tokenizer.vocabularySize !== textEncoder.config.vocab_size)
    throw new UserError(
      `${path}: the tokenizer has ${tokenizer.vocabularySize} tokens and the text encoder ${textEncoder.config.vocab_size}: they are not of one model`,
    );
  return { ...model, contextualizer: await readContextualizer(contextualizerFolder(path), textEncoder) };
}

/**
 * ψ of a model: NAME.safetensors, which knows its text encoder, or a folder NAME with a config.json; NAME is
 * `contextualizerFolder`. Throws a UserError where it belongs to another text encoder.
 */
async function readContextualizer(
  folder: string,
  { config: text, tensors: encoder }: Component<ClipTextConfig>,
): Promise<Component<ContextualizerConfig> | undefined> {
  const single = `${folder}.safetensors`;
  if (existsSync(single))
    return component(await readContextualizerConfig(single, text, encoder!), await openFile(single), traces.contextualizer);
  if (!existsSync(folder)) return undefined;
  const config = await readConfig(join(folder, 'config.json'), contextualizerConfig);
  checkShape(folder, config, text);
  const weights = join(folder, 'model.safetensors');
  if (existsSync(weights)) checkEncoder(weights, (await openSafetensors(weights)).metadata.text_encoder_sha256, encoder!);
  return component(config, await openWeights(folder, 'model'), traces.contextualizer);
}

/** A model with ψ of a file of its own, as `contextura pretrain contextualizer` writes it. Throws a UserError where it is none, or another text encoder's. */
export async function withContextualizer(model: DiffusionModel, path: string): Promise<DiffusionModel> {
  if (!existsSync(path))
    throw new UserError(`--contextualizer ${path} does not exist: name a file that contextura pretrain contextualizer has written`);
  const { config: text, tensors } = model.textEncoder;
  const config = await readContextualizerConfig(path, text, tensors!);
  return { ...model, contextualizer: component(config, await openFile(path), traces.contextualizer) };
}

type Found = Omit<DiffusionModel, 'contextualizer'>;

async function fromFolder(folder: string, options: LoadOptions): Promise<Found> {
  if (!existsSync(join(folder, 'model_index.json'))) throw new UserError(`${folder} has no model_index.json: --model takes ${oneModel}`);
  const family = pipelineFamily((await readIndex(folder))._class_name);
  if (family.use !== 'model') throw refusal(folder, family);
  const { textEncoder: text, unet: denoiser, vae, scheduler } = await readConfigs(folder);
  const at = (part: string): string => join(folder, part);
  const diffusion = 'diffusion_pytorch_model';
  const textWeights = await openWeights(at('text_encoder'), 'model', 'pytorch_model');
  const vaeWeights = await openWeights(at('vae'), diffusion);
  return {
    folder,
    tokenizer: await readTokenizer(options.tokenizer ?? at('tokenizer')),
    textEncoder: component(text, { ...textWeights, tensors: currentText(textWeights.tensors) }, traces.textEncoder),
    unet: component(denoiser, await openWeights(at('unet'), diffusion), traces.unet),
    vae: component(vae, { ...vaeWeights, tensors: currentVae(vaeWeights.tensors) }, traces.vae),
    scheduler: { ...scheduler, prediction_type: options.prediction ?? scheduler.prediction_type },
  };
}

const refusal = (path: string, { name, why }: Family): UserError => new UserError(`${path} is ${name}, ${why}; --model takes ${oneModel}`);

async function fromFile(path: string, options: LoadOptions): Promise<Found> {
  const weights = await openFile(path);
  const family = familyOf(weights.tensors);
  if (family === undefined)
    throw new UserError(`${path} holds ${weights.tensors.size} tensors of no known kind; --model takes ${oneModel}`);
  if (family.version === undefined) throw refusal(path, family);
  return singleFile(path, weights, layouts[family.version], options);
}

/** A model from the tensors of one file. */
export async function singleFile(path: string, weights: Weights, layout: Layout, options: LoadOptions): Promise<Found> {
  const parts = splitCheckpoint(weights, layout);
  const yaml = await readFile(beside(path, '.yaml'), 'utf8').catch(() => undefined);
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
export const traces = {
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
    run: (p: Parameters, c: ContextualizerConfig): unknown => {
      const tokens = input('tokens', [1, 2, textWidth(c)]);
      return contextualizer(p, c, maskTokens(p, c, tokens, input('mask', [1, 2])), input('table', [c.vocab_size, textWidth(c)]));
    },
    ignored: /^$/,
  },
};

function component<C>(config: C, weights: Weights, trace: { run: (p: Parameters, config: C) => unknown; ignored: RegExp }): Component<C> {
  checkWeights(weights, (p) => trace.run(p, config), trace.ignored);
  return { config, parameters: frozenParameters(weights), tensors: weights.tensors };
}

/** Side of a model's pictures, in pixels. */
export const pixelSize = (model: DiffusionModel): number =>
  model.unet.config.sample_size * 2 ** (model.vae.config.block_out_channels.length - 1);
