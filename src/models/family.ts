/** What a file or folder of weights is, told from its tensors' names and shapes. */
import type { TensorTable } from '../files/tensors.ts';

export interface Family {
  /** In words, as `inspect` says it. */
  name: string;
  /** What Contextura can do with it: `--model`, `--artefact`, or nothing. */
  use: 'model' | 'artefact' | 'none';
  /** Why it is no model, as words that follow its name. */
  why?: string;
  /** The kind of Stable Diffusion, where it is one. */
  version?: 1 | 2;
}

interface Signature {
  family: Family;
  /** Whether a table of tensors is one. */
  is: (has: (pattern: RegExp) => boolean, shapeOf: (name: string) => readonly number[] | undefined, tensors: TensorTable) => boolean;
}

const ldmKey = 'model.diffusion_model.input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight';
const diffusersKey = 'down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight';
const inLdm = 'model.diffusion_model.input_blocks.0.0.weight';

const later = 'not supported yet';
const addition = 'an addition to a model, not a model';
const learned = 'which goes to --artefact, beside the model that it was learned on';
const part = 'one component of a model, not a whole one';

/** In order: what is told apart by what comes first. */
const signatures: readonly Signature[] = [
  { family: { name: 'a LoRA (kohya’s layout)', use: 'artefact', why: learned }, is: (has) => has(/^lora_(unet|te\d?|transformer)_/) },
  {
    family: { name: 'a LoRA (diffusers’ layout)', use: 'artefact', why: learned },
    is: (has) => has(/\.(lora_(A|B|up|down)|lora\.(up|down))\./) || has(/processor\.to_\w+_lora\./),
  },
  { family: { name: 'Custom Diffusion weights', use: 'artefact', why: learned }, is: (has) => has(/processor\.to_[kv]_custom_diffusion/) },
  {
    family: { name: 'a Flux checkpoint', use: 'none', why: later },
    is: (has) => has(/(^|\.)double_blocks\.\d+\./) || has(/(^|\.)single_transformer_blocks\.\d+\./),
  },
  {
    family: { name: 'a Stable Diffusion 3 checkpoint', use: 'none', why: later },
    is: (has) => has(/(^|\.)joint_blocks\.\d+\./) || has(/pos_embed\.proj\.weight$/),
  },
  {
    family: { name: 'a Stable Diffusion XL checkpoint', use: 'none', why: later },
    is: (has) => has(/^conditioner\.embedders\./) || has(/^(model\.diffusion_model\.)?label_emb\./) || has(/^add_embedding\./),
  },
  { family: { name: 'a ControlNet', use: 'none', why: addition }, is: (has) => has(/^(control_model\.|controlnet_|input_hint_block)/) },
  {
    family: { name: 'an inpainting checkpoint of Stable Diffusion', use: 'none', why: later },
    is: (_, shapeOf) => [inLdm, 'conv_in.weight'].some((name) => shapeOf(name)?.[1] === 9 && shapeOf(name)!.length === 4),
  },
  {
    family: { name: 'a variant of Stable Diffusion with further inputs (depth, editing or upscaling)', use: 'none', why: later },
    is: (_, shapeOf) => [inLdm, 'conv_in.weight'].some((name) => shapeOf(name)?.length === 4 && shapeOf(name)![1] !== 4),
  },
  {
    family: { name: 'Stable Diffusion 1 (single file)', use: 'model', version: 1 },
    is: (has, shapeOf) => shapeOf(ldmKey)?.[1] === 768 && has(/^cond_stage_model\./),
  },
  {
    family: { name: 'Stable Diffusion 2 (single file)', use: 'model', version: 2 },
    is: (has, shapeOf) => shapeOf(ldmKey)?.[1] === 1024 && has(/^cond_stage_model\./),
  },
  {
    family: { name: 'a U-Net in latent-diffusion’s layout without its text encoder', use: 'none', why: part },
    is: (has) => has(/^(model\.)?diffusion_model\.input_blocks\./),
  },
  {
    family: { name: 'a U-Net of Stable Diffusion 1 (diffusers’ layout, one component)', use: 'none', why: part },
    is: (_, shapeOf) => shapeOf(diffusersKey)?.[1] === 768,
  },
  {
    family: { name: 'a U-Net of Stable Diffusion 2 (diffusers’ layout, one component)', use: 'none', why: part },
    is: (_, shapeOf) => shapeOf(diffusersKey)?.[1] === 1024,
  },
  {
    family: { name: 'a U-Net (diffusers’ layout, one component)', use: 'none', why: part },
    is: (has) => has(/^down_blocks\.\d+\..*attn2\./),
  },
  { family: { name: 'a VAE', use: 'none', why: part }, is: (has) => has(/^(first_stage_model\.)?(encoder|decoder)\.(mid|mid_block)\./) },
  {
    family: { name: 'a CLIP model, text and image', use: 'none', why: part },
    is: (has) => has(/^text_model\.encoder\./) && has(/^vision_model\.encoder\./),
  },
  { family: { name: 'a CLIP text encoder', use: 'none', why: part }, is: (has) => has(/^text_model\.encoder\.layers\./) },
  {
    family: {
      name: 'a contextualizer and its mask embedding',
      use: 'none',
      why: 'a part of the MLM objective, which belongs into a model’s contextualizer folder',
    },
    is: (has) => has(/^mask_embedding$/),
  },
  {
    family: { name: 'a checkpoint of a run of Contextura', use: 'none', why: 'what contextura customize --resume goes on from' },
    is: (has) => has(/^adam\.1\./),
  },
  { family: { name: 'a vision transformer such as DINO', use: 'none', why: part }, is: (has) => has(/^embeddings\.cls_token$/) },
  {
    family: { name: 'an XTI embedding (one vector per layer)', use: 'artefact', why: learned },
    is: (_, __, tensors) => tensors.size > 1 && [...tensors.keys()].every((name) => /^((IN|OUT)\d\d|MID)$/.test(name)),
  },
  {
    family: { name: 'an embedding of Stable Diffusion XL', use: 'none', why: later },
    is: (_, shapeOf, tensors) => tensors.size === 2 && shapeOf('clip_l') !== undefined && shapeOf('clip_g') !== undefined,
  },
  {
    family: { name: 'a textual-inversion embedding', use: 'artefact', why: learned },
    is: (_, __, tensors) => {
      const floats = [...tensors.values()].filter(({ dtype }) => /^B?F/.test(dtype));
      const { shape = [], name = '' } = floats[0] ?? {};
      return (
        !/\.(weight|bias)$/.test(name) &&
        floats.length === 1 &&
        tensors.size <= 3 &&
        (shape.length === 1 || (shape.length === 2 && shape[0]! <= 128))
      );
    },
  },
];

/** The family of a table of tensors; undefined where none fits. */
export function familyOf(tensors: TensorTable): Family | undefined {
  const names = [...tensors.keys()];
  const has = (pattern: RegExp): boolean => names.some((name) => pattern.test(name));
  return signatures.find(({ is }) => is(has, (name) => tensors.get(name)?.shape, tensors))?.family;
}

const pipelines: Readonly<Record<string, string>> = {
  StableDiffusionXL: 'a Stable Diffusion XL model',
  StableDiffusion3: 'a Stable Diffusion 3 model',
  Flux: 'a Flux model',
  StableDiffusionInpaint: 'an inpainting model of Stable Diffusion',
  StableDiffusionControlNet: 'a ControlNet pipeline',
};

/** The family of a folder in diffusers' layout, by the class that its model_index.json names. */
export function pipelineFamily(className: string): Family {
  if (/^StableDiffusion(Img2Img)?Pipeline$/.test(className)) return { name: 'Stable Diffusion (folder)', use: 'model' };
  const kind = Object.keys(pipelines).find((name) => className.startsWith(name));
  return { name: kind === undefined ? `a ${className}` : `${pipelines[kind]} (${className})`, use: 'none', why: later };
}
