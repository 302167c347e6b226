/** The config.json files of a model's folder: read, and held against what this project computes. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { schedulerConfig } from '../diffusion/schedule.ts';
import type { SchedulerConfig } from '../diffusion/schedule.ts';
import { UserError } from '../errors.ts';
import { clipTextConfig } from './clip-text.ts';
import type { ClipTextConfig } from './clip-text.ts';
import { unetConfig } from './unet.ts';
import type { UnetConfig } from './unet.ts';
import { vaeConfig } from './vae.ts';
import type { VaeConfig } from './vae.ts';

/** What `--model` takes, for errors. */
export const oneModel =
  'a folder in diffusers’ layout, one .safetensors or .ckpt file of Stable Diffusion 1 or 2, a hub’s owner/name, or tiny';

/** A JSON file of a model's folder by its schema. Throws a UserError that names the first field that is wrong. */
export async function readConfig<C>(path: string, schema: z.ZodType<C>, only: Record<string, readonly unknown[]> = {}): Promise<C> {
  const text = await readFile(path, 'utf8').catch(() => {
    throw new UserError(`${path} cannot be read: a model is ${oneModel}`);
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new UserError(`${path} is not JSON: fetch the model again`);
  }
  for (const [key, allowed] of Object.entries(only)) {
    const value = (json as Record<string, unknown> | null)?.[key];
    const wrong = value === undefined ? undefined : [value].flat().find((one) => !allowed.includes(one));
    if (wrong !== undefined)
      throw new UserError(`${path}: ${key} is ${JSON.stringify(value)}, which is not supported yet; ${JSON.stringify(allowed[0])} is`);
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const { path: key, message } = result.error.issues[0]!;
  throw new UserError(`${path}: ${key.length === 0 ? '' : `${key.join('.')}: `}${message}`);
}

/** Fields that change what a component computes, and the values that are computed here. */
const computed = {
  unet: {
    act_fn: ['silu'],
    addition_embed_type: [null],
    center_input_sample: [false],
    class_embed_type: [null],
    down_block_types: ['CrossAttnDownBlock2D', 'DownBlock2D'],
    dual_cross_attention: [false],
    encoder_hid_dim: [null],
    in_channels: [4],
    mid_block_type: ['UNetMidBlock2DCrossAttn'],
    num_class_embeds: [null],
    only_cross_attention: [false],
    resnet_time_scale_shift: ['default'],
    time_cond_proj_dim: [null],
    transformer_layers_per_block: [1],
    up_block_types: ['CrossAttnUpBlock2D', 'UpBlock2D'],
  },
  vae: {
    act_fn: ['silu'],
    down_block_types: ['DownEncoderBlock2D'],
    mid_block_add_attention: [true],
    shift_factor: [null, 0],
    up_block_types: ['UpDecoderBlock2D'],
    use_post_quant_conv: [true],
    use_quant_conv: [true],
  },
  scheduler: { rescale_betas_zero_snr: [false], trained_betas: [null] },
};

/** What contradicts itself in a U-Net's config. */
function wrongUnet(config: UnetConfig): string | undefined {
  const { block_out_channels: widths, attention_head_dim: heads, norm_num_groups: groups } = config;
  for (const key of ['down_block_types', 'up_block_types'] as const)
    if (config[key].length !== widths.length) return `${key} names ${config[key].length} levels and block_out_channels ${widths.length}`;
  if (typeof heads !== 'number' && heads.length !== widths.length)
    return `attention_head_dim names ${heads.length} levels and block_out_channels ${widths.length}`;
  const bad = widths.find((width, i) => width % groups !== 0 || width % (typeof heads === 'number' ? heads : heads[i]!) !== 0);
  return bad === undefined ? undefined : `${bad} channels can not be split into ${groups} groups and ${[heads].flat().join(' or ')} heads`;
}

export interface ModelConfigs {
  textEncoder: ClipTextConfig;
  unet: UnetConfig;
  vae: VaeConfig;
  scheduler: SchedulerConfig;
}

/** All configs of a folder in diffusers' layout. */
export async function readConfigs(folder: string): Promise<ModelConfigs> {
  const path = (part: string): string => join(folder, part, part === 'scheduler' ? 'scheduler_config.json' : 'config.json');
  const configs = {
    textEncoder: await readConfig(path('text_encoder'), clipTextConfig),
    unet: await readConfig(path('unet'), unetConfig, computed.unet),
    vae: await readConfig(path('vae'), vaeConfig, computed.vae),
    scheduler: await readConfig(path('scheduler'), schedulerConfig, computed.scheduler),
  };
  const { textEncoder, unet, vae } = configs;
  const wrong = (part: string, what: string | undefined): void => {
    if (what !== undefined) throw new UserError(`${path(part)} contradicts itself: ${what}`);
  };
  wrong('unet', wrongUnet(unet));
  const odd = vae.block_out_channels.find((width) => width % vae.norm_num_groups !== 0);
  wrong('vae', odd === undefined ? undefined : `${odd} channels can not be split into ${vae.norm_num_groups} groups`);
  const { hidden_size: width, num_attention_heads: heads } = textEncoder;
  wrong('text_encoder', width % heads === 0 ? undefined : `hidden_size ${width} can not be split into ${heads} heads`);
  if (unet.cross_attention_dim !== width)
    throw new UserError(
      `${folder}: the U-Net takes text states ${unet.cross_attention_dim} wide and the text encoder gives ${width}: they are not of one model`,
    );
  return configs;
}

const modelIndex = z.object({ _class_name: z.string(), _diffusers_version: z.string().optional(), _name_or_path: z.string().optional() });

/** model_index.json of a folder in diffusers' layout. */
export const readIndex = (folder: string): Promise<z.infer<typeof modelIndex>> => readConfig(join(folder, 'model_index.json'), modelIndex);
