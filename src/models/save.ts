/** A loaded model as a folder in diffusers' layout, so that what came as one file leaves as what other tools open. */
import { join } from 'node:path';
import { writeAtomically } from '../files/atomic.ts';
import { valuesOf } from '../files/constants.ts';
import { writeSafetensors } from '../files/safetensors.ts';
import type { NewTensor } from '../files/safetensors.ts';
import { onDemand } from '../graph/values.ts';
import { Parameters, stateSource } from '../nn/parameters.ts';
import { endToken, startToken } from '../text/tokenizer.ts';
import { traces } from './load.ts';
import type { Component, DiffusionModel } from './load.ts';

/** model_index.json of a pipeline without a safety checker. */
export const pipelineIndex = {
  _class_name: 'StableDiffusionPipeline',
  feature_extractor: [null, null],
  requires_safety_checker: false,
  safety_checker: [null, null],
  scheduler: ['diffusers', 'DDIMScheduler'],
  text_encoder: ['transformers', 'CLIPTextModel'],
  tokenizer: ['transformers', 'CLIPTokenizer'],
  unet: ['diffusers', 'UNet2DConditionModel'],
  vae: ['diffusers', 'AutoencoderKL'],
} as const;

const json = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;

/** The weights of a component, under diffusers' or transformers' names, read on demand. */
export function weightsOf<C>({ config, parameters }: Component<C>, run: (p: Parameters, config: C) => unknown): Record<string, NewTensor> {
  const { source, tensors } = stateSource();
  run(new Parameters(source), config);
  return Object.fromEntries([...tensors].map(([name, { shape }]) => [name, onDemand(shape, () => valuesOf(parameters.get(name, shape)))]));
}

/** Writes a model's tokenizer into a folder. */
export async function writeTokenizer(folder: string, { tokenizer, textEncoder }: DiffusionModel): Promise<void> {
  const { vocab, merges } = tokenizer.definition;
  const special = { bos_token: startToken, eos_token: endToken, pad_token: tokenizer.paddingToken, unk_token: endToken };
  const { max_position_embeddings: length } = textEncoder.config;
  const config = { tokenizer_class: 'CLIPTokenizer', model_max_length: length, ...special };
  await writeAtomically(join(folder, 'vocab.json'), JSON.stringify(vocab));
  if (Object.keys(tokenizer.added).length > 0) await writeAtomically(join(folder, 'added_tokens.json'), json(tokenizer.added));
  await writeAtomically(join(folder, 'merges.txt'), `${['#version: 0.2', ...merges].join('\n')}\n`);
  await writeAtomically(join(folder, 'tokenizer_config.json'), json(config));
  await writeAtomically(join(folder, 'special_tokens_map.json'), json(special));
}

/**
 * Writes a model's folder: configs, tokenizer, scheduler, weights as float32 or float16. Weights files whose paths in the
 * folder are in `without` are left to the caller.
 */
export async function writeModelFolder(
  folder: string,
  model: DiffusionModel,
  without: ReadonlySet<string> = new Set(),
  dtype: 'F32' | 'F16' = 'F32',
): Promise<void> {
  const { tokenizer, textEncoder, unet, vae, scheduler } = model;
  const write = (name: string, value: object): Promise<void> => writeAtomically(join(folder, name), json(value));
  await writeTokenizer(join(folder, 'tokenizer'), model);
  const text = { architectures: ['CLIPTextModel'], model_type: 'clip_text_model', bos_token_id: tokenizer.start };
  await write('text_encoder/config.json', { ...text, ...textEncoder.config, eos_token_id: tokenizer.end });
  await write('unet/config.json', { _class_name: 'UNet2DConditionModel', ...unet.config });
  await write('vae/config.json', {
    _class_name: 'AutoencoderKL',
    ...vae.config,
    down_block_types: vae.config.block_out_channels.map(() => 'DownEncoderBlock2D'),
    up_block_types: vae.config.block_out_channels.map(() => 'UpDecoderBlock2D'),
  });
  await write('scheduler/scheduler_config.json', { _class_name: 'DDIMScheduler', ...scheduler });
  const weights = {
    'text_encoder/model.safetensors': () => weightsOf(textEncoder, traces.textEncoder.run),
    'unet/diffusion_pytorch_model.safetensors': () => weightsOf(unet, traces.unet.run),
    'vae/diffusion_pytorch_model.safetensors': () => weightsOf(vae, traces.vae.run),
  };
  for (const [name, values] of Object.entries(weights))
    if (!without.has(name)) await writeSafetensors(join(folder, name), values(), { format: 'pt' }, dtype);
  await write('model_index.json', pipelineIndex);
}
