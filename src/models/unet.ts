/** The denoiser ε_θ, by the fields and tensor names of diffusers' UNet2DConditionModel. */
import * as z from 'zod';
import { add, concat, constant, cos, geglu, multiply, reshape, sin, sliceAxis, stopGradient, transpose } from '../graph/ops.ts';
import type { Tensor } from '../graph/tensor.ts';
import { attention, convolution, groupNorm, layerNorm, linear, linearParts, silu, tapOf, upsampledConvolution } from '../nn/layers.ts';
import type { AttentionTap, AttentionTaps } from '../nn/layers.ts';
import type { Parameters } from '../nn/parameters.ts';

const perBlock = z.union([z.int().positive(), z.array(z.int().positive())]);

export const unetConfig = z.object({
  sample_size: z.int().positive(),
  in_channels: z.int().positive().default(4),
  out_channels: z.int().positive().default(4),
  block_out_channels: z.array(z.int().positive()).min(1),
  layers_per_block: z.int().positive().default(2),
  down_block_types: z.array(z.enum(['CrossAttnDownBlock2D', 'DownBlock2D'])),
  up_block_types: z.array(z.enum(['CrossAttnUpBlock2D', 'UpBlock2D'])),
  cross_attention_dim: z.int().positive(),
  // diffusers' historic name: in Stable Diffusion this is the number of heads, not their width.
  attention_head_dim: perBlock.default(8),
  norm_num_groups: z.int().positive().default(32),
  norm_eps: z.number().default(1e-5),
  flip_sin_to_cos: z.boolean().default(true),
  freq_shift: z.number().default(0),
  use_linear_projection: z.boolean().default(false),
});
export type UnetConfig = z.infer<typeof unetConfig>;

/**
 * The text states [B, T, D] that each cross-attention layer sees. A function of the layer's number
 * (in the order of execution) lets a method condition every layer by itself, as XTI does.
 */
export type Conditioning = Tensor | ((layer: number) => Tensor);

export interface UnetOptions {
  /** The text's first token passes no gradient on to cross-attention's keys and values, as Custom Diffusion asks. */
  fixedFirstToken?: boolean;
  /** Sees what each cross-attention layer computes. */
  onAttention?: AttentionTaps;
}

/** Sinusoidal embedding of timesteps [B] → [B, width]. */
export function timestepEmbedding(timesteps: Tensor, width: number, config: Pick<UnetConfig, 'flip_sin_to_cos' | 'freq_shift'>): Tensor {
  const half = width / 2;
  const frequencies = Float32Array.from({ length: half }, (_, i) => Math.exp((-Math.log(10000) * i) / (half - config.freq_shift)));
  const angles = multiply(reshape(timesteps, [-1, 1]), constant(frequencies, [1, half]));
  const parts = config.flip_sin_to_cos ? [cos(angles), sin(angles)] : [sin(angles), cos(angles)];
  return concat(parts, 1);
}

/** [B, T, D] whose first token is a constant to what is differentiated. */
function fixFirst(x: Tensor): Tensor {
  return concat([stopGradient(sliceAxis(x, 1, 0, 1)), sliceAxis(x, 1, 1, x.shape[1]! - 1)], 1);
}

/** A batch as often as it takes to have `batch` members. */
const repeated = (x: Tensor, batch: number): Tensor =>
  x.shape[0] === batch
    ? x
    : concat(
        Array.from({ length: batch / x.shape[0]! }, () => x),
        0,
      );

class UnetBuilder {
  private readonly config: UnetConfig;
  private readonly time: Tensor; // [B, 4·C₀], already through SiLU
  private readonly text: (layer: number) => Tensor;
  private readonly options: UnetOptions;
  private layers = 0;
  constructor(config: UnetConfig, time: Tensor, text: Conditioning, options: UnetOptions) {
    this.config = config;
    this.time = time;
    this.text = typeof text === 'function' ? text : () => text;
    this.options = options;
  }

  resnet(p: Parameters, x: Tensor, channels: number): Tensor {
    const { norm_num_groups: groups, norm_eps: epsilon } = this.config;
    let h = convolution(p.in('conv1'), silu(groupNorm(p.in('norm1'), x, groups, epsilon)), channels, 3, { padding: 1 });
    const shift = repeated(linear(p.in('time_emb_proj'), this.time, channels), h.shape[0]!);
    h = add(h, reshape(shift, [shift.shape[0]!, channels, 1, 1]));
    h = convolution(p.in('conv2'), silu(groupNorm(p.in('norm2'), h, groups, epsilon)), channels, 3, { padding: 1 });
    return add(x.shape[1] === channels ? x : convolution(p.in('conv_shortcut'), x, channels, 1), h);
  }

  private attend(p: Parameters, x: Tensor, context: Tensor, heads: number, tap?: AttentionTap): Tensor {
    const width = x.shape[2]!;
    const fix = (t: Tensor): Tensor => (context === x || this.options.fixedFirstToken !== true ? t : fixFirst(t));
    const q = repeated(linear(p.in('to_q'), x, width, { bias: false }), context.shape[0]!);
    const k = fix(linear(p.in('to_k'), context, width, { bias: false }));
    const v = fix(linear(p.in('to_v'), context, width, { bias: false }));
    return linear(p.in('to_out').in(0), attention(q, k, v, heads, undefined, tap), width);
  }

  transformer(p: Parameters, x: Tensor, level: number): Tensor {
    const [, channels, height, width] = x.shape as [number, number, number, number];
    const { attention_head_dim: perLevel, use_linear_projection: linearProjection, norm_num_groups: groups } = this.config;
    const heads = typeof perLevel === 'number' ? perLevel : perLevel[level]!;
    const toTokens = (t: Tensor): Tensor => transpose(reshape(t, [t.shape[0]!, channels, height * width]), [0, 2, 1]);
    const toImage = (t: Tensor): Tensor => reshape(transpose(t, [0, 2, 1]), [t.shape[0]!, channels, height, width]);
    const normed = groupNorm(p.in('norm'), x, groups, 1e-6);
    let h = linearProjection
      ? linear(p.in('proj_in'), toTokens(normed), channels)
      : toTokens(convolution(p.in('proj_in'), normed, channels, 1));
    const block = p.in('transformer_blocks').in(0);
    const self = layerNorm(block.in('norm1'), h);
    h = add(h, this.attend(block.in('attn1'), self, self, heads));
    const layer = this.layers++;
    const tap = tapOf(this.options.onAttention, layer);
    const text = this.text(layer);
    const attended = this.attend(block.in('attn2'), layerNorm(block.in('norm2'), h), text, heads, tap);
    h = add(repeated(h, text.shape[0]!), attended);
    const proj = block.in('ff').in('net').in(0).in('proj');
    const [value, gate] = linearParts(proj, layerNorm(block.in('norm3'), h), 8 * channels, 2) as [Tensor, Tensor];
    const gated = geglu(value, gate);
    h = add(h, linear(block.in('ff').in('net').in(2), gated, channels));
    const out = linearProjection ? toImage(linear(p.in('proj_out'), h, channels)) : convolution(p.in('proj_out'), toImage(h), channels, 1);
    return add(repeated(x, out.shape[0]!), out);
  }
}

/**
 * Noisy latents [B, C, H, W], timesteps [B] (float32), text states of [n B, T, D] → the prediction [n B, C, H, W]: with n
 * prompts for each of the latents, what comes before the first cross-attention is computed once for all of them.
 */
export function unet(
  p: Parameters,
  config: UnetConfig,
  latents: Tensor,
  timesteps: Tensor,
  text: Conditioning,
  options: UnetOptions = {},
): Tensor {
  const { block_out_channels: widths, layers_per_block: depth, norm_num_groups: groups, norm_eps: epsilon } = config;
  const first = widths[0]!;
  const embedded = linear(p.in('time_embedding').in('linear_1'), timestepEmbedding(timesteps, first, config), 4 * first);
  const time = silu(linear(p.in('time_embedding').in('linear_2'), silu(embedded), 4 * first));
  const b = new UnetBuilder(config, time, text, options);
  let h = convolution(p.in('conv_in'), latents, first, 3, { padding: 1 });
  const skips = [h];
  widths.forEach((width, i) => {
    const block = p.in('down_blocks').in(i);
    for (let j = 0; j < depth; j++) {
      h = b.resnet(block.in('resnets').in(j), h, width);
      if (config.down_block_types[i] === 'CrossAttnDownBlock2D') h = b.transformer(block.in('attentions').in(j), h, i);
      skips.push(h);
    }
    if (i < widths.length - 1) {
      h = convolution(block.in('downsamplers').in(0).in('conv'), h, width, 3, { stride: 2, padding: 1 });
      skips.push(h);
    }
  });
  const last = widths.length - 1;
  const mid = p.in('mid_block');
  h = b.resnet(mid.in('resnets').in(0), h, widths[last]!);
  h = b.transformer(mid.in('attentions').in(0), h, last);
  h = b.resnet(mid.in('resnets').in(1), h, widths[last]!);
  widths.toReversed().forEach((width, i) => {
    const block = p.in('up_blocks').in(i);
    for (let j = 0; j <= depth; j++) {
      h = b.resnet(block.in('resnets').in(j), concat([h, repeated(skips.pop()!, h.shape[0]!)], 1), width);
      if (config.up_block_types[i] === 'CrossAttnUpBlock2D') h = b.transformer(block.in('attentions').in(j), h, last - i);
    }
    if (i < last) h = upsampledConvolution(block.in('upsamplers').in(0).in('conv'), h, width);
  });
  h = silu(groupNorm(p.in('conv_norm_out'), h, groups, epsilon));
  return convolution(p.in('conv_out'), h, config.out_channels, 3, { padding: 1 });
}

/**
 * Cross-attention layers in the order of execution, by the names of latent-diffusion's blocks: IN01 … MID … OUT11 in
 * Stable Diffusion 1 (P+, Voynov et al., 2023), with the prefix of their parameters.
 */
export function crossAttentionLayers(config: UnetConfig): { name: string; prefix: string }[] {
  const { layers_per_block: depth, down_block_types: down, up_block_types: up } = config;
  const two = (n: number): string => String(n).padStart(2, '0');
  const inside = (block: string, j: number): string => `${block}.attentions.${j}.transformer_blocks.0.attn2`;
  const of = (
    types: readonly string[],
    count: number,
    name: (i: number, j: number) => string,
    block: string,
  ): { name: string; prefix: string }[] =>
    types.flatMap((type, i) =>
      type.startsWith('CrossAttn')
        ? Array.from({ length: count }, (_, j) => ({ name: name(i, j), prefix: inside(`${block}_blocks.${i}`, j) }))
        : [],
    );
  return [
    ...of(down, depth, (i, j) => `IN${two(1 + i * (depth + 1) + j)}`, 'down'),
    { name: 'MID', prefix: inside('mid_block', 0) },
    ...of(up, depth + 1, (i, j) => `OUT${two(i * (depth + 1) + j)}`, 'up'),
  ];
}
