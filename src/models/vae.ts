/** The VAE, by the fields and tensor names of diffusers' AutoencoderKL. */
import * as z from 'zod';
import { add, exp, maximum, multiply, negate, reshape, sliceAxis, transpose } from '../graph/ops.ts';
import type { Tensor } from '../graph/tensor.ts';
import { attention, convolution, groupNorm, linear, silu, upsampledConvolution } from '../nn/layers.ts';
import type { Parameters } from '../nn/parameters.ts';

export const vaeConfig = z.object({
  in_channels: z.int().positive().default(3),
  out_channels: z.int().positive().default(3),
  latent_channels: z.int().positive().default(4),
  block_out_channels: z.array(z.int().positive()).min(1),
  layers_per_block: z.int().positive().default(1),
  norm_num_groups: z.int().positive().default(32),
  scaling_factor: z.number().positive().default(0.18215),
  sample_size: z.int().positive().optional(),
});
export type VaeConfig = z.infer<typeof vaeConfig>;

const epsilon = 1e-6;

function resnet(p: Parameters, x: Tensor, channels: number, groups: number): Tensor {
  let h = convolution(p.in('conv1'), silu(groupNorm(p.in('norm1'), x, groups, epsilon)), channels, 3, { padding: 1 });
  h = convolution(p.in('conv2'), silu(groupNorm(p.in('norm2'), h, groups, epsilon)), channels, 3, { padding: 1 });
  return add(x.shape[1] === channels ? x : convolution(p.in('conv_shortcut'), x, channels, 1), h);
}

function spatialAttention(p: Parameters, x: Tensor, groups: number): Tensor {
  const [batch, channels] = x.shape as [number, number];
  const tokens = transpose(reshape(groupNorm(p.in('group_norm'), x, groups, epsilon), [batch, channels, -1]), [0, 2, 1]);
  const [q, k, v] = ['to_q', 'to_k', 'to_v'].map((name) => linear(p.in(name), tokens, channels)) as [Tensor, Tensor, Tensor];
  const attended = linear(p.in('to_out').in(0), attention(q, k, v, 1), channels);
  return add(x, reshape(transpose(attended, [0, 2, 1]), x.shape));
}

function middle(p: Parameters, x: Tensor, groups: number): Tensor {
  const channels = x.shape[1]!;
  const h = spatialAttention(p.in('attentions').in(0), resnet(p.in('resnets').in(0), x, channels, groups), groups);
  return resnet(p.in('resnets').in(1), h, channels, groups);
}

/** Pictures [B, 3, H, W] in [−1, 1] → moments of the latents: mean and log-variance, [B, 4, h, w] each. */
export function vaeEncode(p: Parameters, config: VaeConfig, pixels: Tensor): { mean: Tensor; logVariance: Tensor } {
  const e = p.in('encoder');
  const { block_out_channels: widths, norm_num_groups: groups, latent_channels: latent } = config;
  let h = convolution(e.in('conv_in'), pixels, widths[0]!, 3, { padding: 1 });
  widths.forEach((width, i) => {
    const block = e.in('down_blocks').in(i);
    for (let j = 0; j < config.layers_per_block; j++) h = resnet(block.in('resnets').in(j), h, width, groups);
    if (i < widths.length - 1) {
      h = convolution(block.in('downsamplers').in(0).in('conv'), h, width, 3, { stride: 2, padding: [0, 1, 0, 1] });
    }
  });
  h = middle(e.in('mid_block'), h, groups);
  h = convolution(e.in('conv_out'), silu(groupNorm(e.in('conv_norm_out'), h, groups, epsilon)), 2 * latent, 3, { padding: 1 });
  const moments = convolution(p.in('quant_conv'), h, 2 * latent, 1);
  const clamped = negate(maximum(negate(maximum(sliceAxis(moments, 1, latent, latent), -30)), -20));
  return { mean: sliceAxis(moments, 1, 0, latent), logVariance: clamped };
}

/** Latents [B, 4, h, w] (not scaled) → pictures [B, 3, H, W]. */
export function vaeDecode(p: Parameters, config: VaeConfig, latents: Tensor): Tensor {
  const d = p.in('decoder');
  const { norm_num_groups: groups } = config;
  const widths = config.block_out_channels.toReversed();
  let h = convolution(p.in('post_quant_conv'), latents, config.latent_channels, 1);
  h = convolution(d.in('conv_in'), h, widths[0]!, 3, { padding: 1 });
  h = middle(d.in('mid_block'), h, groups);
  widths.forEach((width, i) => {
    const block = d.in('up_blocks').in(i);
    for (let j = 0; j <= config.layers_per_block; j++) h = resnet(block.in('resnets').in(j), h, width, groups);
    if (i < widths.length - 1) h = upsampledConvolution(block.in('upsamplers').in(0).in('conv'), h, width);
  });
  return convolution(d.in('conv_out'), silu(groupNorm(d.in('conv_norm_out'), h, groups, epsilon)), config.out_channels, 3, { padding: 1 });
}

/** A sample of the latents: mean + σ·noise. */
export function vaeSample(moments: { mean: Tensor; logVariance: Tensor }, noise: Tensor): Tensor {
  return add(moments.mean, multiply(exp(multiply(moments.logVariance, 0.5)), noise));
}
