/** Stable Diffusion 1 and 2 as one file in latent-diffusion's layout, which says nothing of itself but its tensors. */
import { schedulerConfig } from '../diffusion/schedule.ts';
import type { Prediction, SchedulerConfig } from '../diffusion/schedule.ts';
import { clipTextConfig } from './clip-text.ts';
import type { ClipTextConfig } from './clip-text.ts';
import { currentText, ldmUnet, ldmVae, openClipText, toLdmUnet, toLdmVae, toOpenClip, under } from './keys.ts';
import { unetConfig } from './unet.ts';
import type { UnetConfig } from './unet.ts';
import { vaeConfig } from './vae.ts';
import type { VaeConfig } from './vae.ts';
import type { Weights } from './weights.ts';

/** What the makers of a kind of checkpoint have published about it. */
export interface Layout {
  name: string;
  textEncoder: ClipTextConfig;
  unet: UnetConfig;
  vae: VaeConfig;
  scheduler: SchedulerConfig;
  /** Whether the text encoder's tensors have OpenCLIP's names. */
  openClip: boolean;
  /** The token that fills a prompt up. */
  padding: string;
  /** Side of the latents by what the U-Net predicts, and which of the two it does where nothing says so. */
  latentSize: Record<Prediction, number>;
  prediction: Prediction;
}

const cross = 'CrossAttnDownBlock2D';
const crossUp = 'CrossAttnUpBlock2D';
const denoiser = {
  sample_size: 64,
  block_out_channels: [320, 640, 1280, 1280],
  layers_per_block: 2,
  down_block_types: [cross, cross, cross, 'DownBlock2D'],
  up_block_types: ['UpBlock2D', crossUp, crossUp, crossUp],
};
const vae = vaeConfig.parse({ block_out_channels: [128, 256, 512, 512], layers_per_block: 2 });
const words = { vocab_size: 49408, max_position_embeddings: 77, eos_token_id: 49407 };

export const layouts: Record<1 | 2, Layout> = {
  1: {
    name: 'Stable Diffusion 1',
    textEncoder: clipTextConfig.parse({
      ...words,
      hidden_size: 768,
      intermediate_size: 3072,
      num_hidden_layers: 12,
      num_attention_heads: 12,
      hidden_act: 'quick_gelu',
      projection_dim: 768,
    }),
    unet: unetConfig.parse({ ...denoiser, cross_attention_dim: 768, attention_head_dim: 8 }),
    vae,
    scheduler: schedulerConfig.parse({}),
    openClip: false,
    padding: '<|endoftext|>',
    latentSize: { epsilon: 64, v_prediction: 64 },
    prediction: 'epsilon',
  },
  2: {
    name: 'Stable Diffusion 2',
    // OpenCLIP ViT-H/14 without its last layer: the U-Net was trained on the states of the last but one.
    textEncoder: clipTextConfig.parse({
      ...words,
      hidden_size: 1024,
      intermediate_size: 4096,
      num_hidden_layers: 23,
      num_attention_heads: 16,
      hidden_act: 'gelu',
      projection_dim: 512,
    }),
    unet: unetConfig.parse({ ...denoiser, cross_attention_dim: 1024, attention_head_dim: [5, 10, 20, 20], use_linear_projection: true }),
    vae,
    scheduler: schedulerConfig.parse({}),
    openClip: true,
    padding: '!',
    latentSize: { epsilon: 64, v_prediction: 96 },
    prediction: 'v_prediction',
  },
};

/** The three components of a single file, under diffusers' and transformers' names. */
export function splitCheckpoint(weights: Weights, layout: Layout): Record<'textEncoder' | 'unet' | 'vae', Weights> {
  const { source, tensors } = weights;
  const part = (what: string, table: Weights['tensors']): Weights => ({
    source: `${source} (${what})`,
    tensors: table,
    layout: layout.name,
  });
  const text = layout.openClip
    ? openClipText(under(tensors, 'cond_stage_model.model.'), layout.textEncoder.num_hidden_layers)
    : currentText(under(tensors, 'cond_stage_model.transformer.'));
  return {
    textEncoder: part('text encoder', text),
    unet: part('U-Net', ldmUnet(under(tensors, 'model.diffusion_model.'), layout.unet.layers_per_block)),
    vae: part('VAE', ldmVae(under(tensors, 'first_stage_model.'), layout.vae.block_out_channels.length)),
  };
}

type Values = Readonly<Record<string, { data: Float32Array; shape: readonly number[] }>>;

/** Whether a text encoder is that of Stable Diffusion 2, whose single files have OpenCLIP's names. */
export const isOpenClip = ({ hidden_size: width }: ClipTextConfig): boolean => width === layouts[2].textEncoder.hidden_size;

/** The three components under the names of a single file: `splitCheckpoint` backwards. */
export function joinCheckpoint(
  parts: Record<'textEncoder' | 'unet' | 'vae', Values>,
  layout: Pick<Layout, 'unet' | 'vae' | 'openClip'>,
): Record<string, { data: Float32Array; shape: readonly number[] }> {
  const out: Record<string, { data: Float32Array; shape: readonly number[] }> = {};
  const put = (prefix: string, values: Values): void => {
    for (const [name, value] of Object.entries(values)) out[prefix + name] = value;
  };
  if (layout.openClip) put('cond_stage_model.model.', toOpenClip(parts.textEncoder));
  else put('cond_stage_model.transformer.', parts.textEncoder);
  put('model.diffusion_model.', toLdmUnet(parts.unet, layout.unet.layers_per_block));
  put('first_stage_model.', toLdmVae(parts.vae, layout.vae.block_out_channels.length));
  return out;
}

/**
 * What a single file's U-Net predicts: as the caller says, else the `parameterization` of the .yaml that is
 * distributed with it, else its metadata (`modelspec.prediction_type`), else what most of its kind do. No certain sign
 * is in the tensors.
 */
export function choosePrediction(
  layout: Layout,
  told: { option?: Prediction | undefined; yaml?: string | undefined; metadata?: Readonly<Record<string, string>> | undefined },
): { prediction: Prediction; guessed: boolean } {
  // latent-diffusion's own default is ε.
  const inYaml = told.yaml === undefined ? undefined : (/^\s*parameterization:\s*["']?(\w+)/m.exec(told.yaml)?.[1] ?? 'eps');
  const written = inYaml ?? told.metadata?.['modelspec.prediction_type'] ?? '';
  const known: Record<string, Prediction> = { v: 'v_prediction', v_prediction: 'v_prediction', eps: 'epsilon', epsilon: 'epsilon' };
  const prediction = told.option ?? known[written];
  return prediction === undefined ? { prediction: layout.prediction, guessed: true } : { prediction, guessed: false };
}
