/** Image encoders: CLIP's image tower, the plain ViT of DINO and DINOv2's, by transformers' names. */
import * as z from 'zod';
import { add, broadcast, concat, multiply, reshape, sliceAxis, transpose } from '../graph/ops.ts';
import type { Tensor } from '../graph/tensor.ts';
import { activations, attention, convolution, layerNorm, linear } from '../nn/layers.ts';
import type { Parameters } from '../nn/parameters.ts';
import { clipEncoder } from './clip-text.ts';

export const vitConfig = z.object({
  hidden_size: z.int().positive(),
  intermediate_size: z.int().positive(),
  num_hidden_layers: z.int().positive(),
  num_attention_heads: z.int().positive(),
  image_size: z.int().positive(),
  patch_size: z.int().positive(),
  num_channels: z.int().positive().default(3),
  hidden_act: z.enum(['quick_gelu', 'gelu']).default('gelu'),
  layer_norm_eps: z.number().default(1e-12),
  projection_dim: z.int().positive().optional(),
});
export type VitConfig = z.infer<typeof vitConfig>;

type Patching = Pick<VitConfig, 'hidden_size' | 'patch_size'>;

/** Class token, then patch tokens [B, 1 + n, D] of pictures [B, C, S, S]. */
function patches(convolutionOf: Parameters, classToken: Tensor, config: Patching, pixels: Tensor, bias: boolean): Tensor {
  const batch = pixels.shape[0]!;
  const width = config.hidden_size;
  const grid = convolutionPatches(convolutionOf, pixels, config, bias);
  const tokens = transpose(reshape(grid, [batch, width, -1]), [0, 2, 1]);
  return concat([broadcast(reshape(classToken, [1, 1, width]), [batch, 1, width]), tokens], 1);
}

function convolutionPatches(p: Parameters, pixels: Tensor, config: Patching, bias: boolean): Tensor {
  return convolution(p, pixels, config.hidden_size, config.patch_size, { stride: config.patch_size, bias });
}

const firstToken = (x: Tensor): Tensor => reshape(sliceAxis(x, 1, 0, 1), [x.shape[0]!, x.shape[2]!]);

/** transformers' CLIPVisionModelWithProjection: pixels [B, 3, S, S] → image embeddings [B, projection]. */
export function clipImage(p: Parameters, config: VitConfig, pixels: Tensor): Tensor {
  const model = p.in('vision_model');
  const e = model.in('embeddings');
  const count = (config.image_size / config.patch_size) ** 2 + 1;
  const x = patches(e.in('patch_embedding'), e.get('class_embedding', [config.hidden_size]), config, pixels, false);
  const positions = e.in('position_embedding').get('weight', [count, config.hidden_size]);
  const normed = layerNorm(model.in('pre_layrnorm'), add(x, reshape(positions, [1, count, config.hidden_size])), config.layer_norm_eps);
  const hidden = clipEncoder(model.in('encoder'), config, normed);
  const pooled = layerNorm(model.in('post_layernorm'), firstToken(hidden), config.layer_norm_eps);
  return linear(p.in('visual_projection'), pooled, config.projection_dim ?? config.hidden_size, { bias: false });
}

/** transformers' ViTModel, as DINO uses it: pixels [B, 3, S, S] → class token [B, D]. */
export function vit(p: Parameters, config: VitConfig, pixels: Tensor): Tensor {
  const { hidden_size: width, layer_norm_eps: epsilon } = config;
  const e = p.in('embeddings');
  const count = (config.image_size / config.patch_size) ** 2 + 1;
  const tokens = patches(e.in('patch_embeddings').in('projection'), e.get('cls_token', [1, 1, width]), config, pixels, true);
  let hidden = add(tokens, e.get('position_embeddings', [1, count, width]));
  for (let i = 0; i < config.num_hidden_layers; i++) {
    const layer = p.in('encoder').in('layer').in(i);
    const normed = layerNorm(layer.in('layernorm_before'), hidden, epsilon);
    const self = layer.in('attention').in('attention');
    const [q, k, v] = ['query', 'key', 'value'].map((name) => linear(self.in(name), normed, width)) as [Tensor, Tensor, Tensor];
    const attended = linear(layer.in('attention').in('output').in('dense'), attention(q, k, v, config.num_attention_heads), width);
    hidden = add(hidden, attended);
    const inner = linear(
      layer.in('intermediate').in('dense'),
      layerNorm(layer.in('layernorm_after'), hidden, epsilon),
      config.intermediate_size,
    );
    hidden = add(hidden, linear(layer.in('output').in('dense'), activations[config.hidden_act](inner), width));
  }
  return firstToken(layerNorm(p.in('layernorm'), hidden, epsilon));
}

export const dinov2Config = z
  .object({
    hidden_size: z.int().positive(),
    mlp_ratio: z.number().positive().default(4),
    num_hidden_layers: z.int().positive(),
    num_attention_heads: z.int().positive(),
    image_size: z.int().positive().default(518),
    patch_size: z.int().positive().default(14),
    num_channels: z.int().positive().default(3),
    hidden_act: z.enum(['quick_gelu', 'gelu']).default('gelu'),
    layer_norm_eps: z.number().default(1e-6),
    use_swiglu_ffn: z.literal(false, 'DINOv2 giant (use_swiglu_ffn) is not supported: use small, base or large').default(false),
  })
  .transform((config) => ({ ...config, intermediate_size: Math.trunc(config.hidden_size * config.mlp_ratio) }));
export type Dinov2Config = z.infer<typeof dinov2Config>;

/**
 * transformers' Dinov2Model: pixels [B, 3, S, S] → class token [B, D]. `positions` [1, 1 + n, D] are the file's own
 * `embeddings.position_embeddings`, resampled where the picture has another grid than the file.
 */
export function dinov2(p: Parameters, config: Dinov2Config, pixels: Tensor, positions: Tensor): Tensor {
  const { hidden_size: width, layer_norm_eps: epsilon } = config;
  const e = p.in('embeddings');
  const tokens = patches(e.in('patch_embeddings').in('projection'), e.get('cls_token', [1, 1, width]), config, pixels, true);
  let hidden = add(tokens, positions);
  for (let i = 0; i < config.num_hidden_layers; i++) {
    const layer = p.in('encoder').in('layer').in(i);
    const normed = layerNorm(layer.in('norm1'), hidden, epsilon);
    const self = layer.in('attention').in('attention');
    const [q, k, v] = ['query', 'key', 'value'].map((name) => linear(self.in(name), normed, width)) as [Tensor, Tensor, Tensor];
    const attended = linear(layer.in('attention').in('output').in('dense'), attention(q, k, v, config.num_attention_heads), width);
    hidden = add(hidden, multiply(attended, layer.in('layer_scale1').get('lambda1', [width])));
    const inner = linear(layer.in('mlp').in('fc1'), layerNorm(layer.in('norm2'), hidden, epsilon), config.intermediate_size);
    const out = linear(layer.in('mlp').in('fc2'), activations[config.hidden_act](inner), width);
    hidden = add(hidden, multiply(out, layer.in('layer_scale2').get('lambda1', [width])));
  }
  return firstToken(layerNorm(p.in('layernorm'), hidden, epsilon));
}
