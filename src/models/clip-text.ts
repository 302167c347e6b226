/** CLIP's text encoder Γ, by the fields and tensor names of transformers' CLIPTextModel. */
import * as z from 'zod';
import { add, cast, constant, equal, gather, multiply, pad, reshape, sliceAxis, subtract, sum } from '../graph/ops.ts';
import type { Tensor } from '../graph/tensor.ts';
import { activations, attention, layerNorm, linear, tapOf } from '../nn/layers.ts';
import type { AttentionTaps } from '../nn/layers.ts';
import type { Parameters } from '../nn/parameters.ts';

export const clipTextConfig = z.object({
  vocab_size: z.int().positive(),
  hidden_size: z.int().positive(),
  intermediate_size: z.int().positive(),
  num_hidden_layers: z.int().positive(),
  num_attention_heads: z.int().positive(),
  max_position_embeddings: z.int().positive().default(77),
  hidden_act: z.enum(['quick_gelu', 'gelu']).default('quick_gelu'),
  layer_norm_eps: z.number().default(1e-5),
  projection_dim: z.int().positive().optional(),
  eos_token_id: z.int().optional(),
});
export type ClipTextConfig = z.infer<typeof clipTextConfig>;

/** Shared by CLIP's two towers and ViTs: pre-norm transformer layers over [B, T, D]. */
export interface TransformerConfig {
  hidden_size: number;
  intermediate_size: number;
  num_hidden_layers: number;
  num_attention_heads: number;
  hidden_act: 'quick_gelu' | 'gelu';
  layer_norm_eps: number;
}

export function clipEncoder(p: Parameters, config: TransformerConfig, x: Tensor, mask?: Tensor, onAttention?: AttentionTaps): Tensor {
  const { hidden_size: width, num_attention_heads: heads, layer_norm_eps: epsilon } = config;
  let hidden = x;
  for (let i = 0; i < config.num_hidden_layers; i++) {
    const layer = p.in('layers').in(i);
    const self = layer.in('self_attn');
    const normed = layerNorm(layer.in('layer_norm1'), hidden, epsilon);
    const [q, k, v] = ['q_proj', 'k_proj', 'v_proj'].map((name) => linear(self.in(name), normed, width)) as [Tensor, Tensor, Tensor];
    hidden = add(hidden, linear(self.in('out_proj'), attention(q, k, v, heads, mask, tapOf(onAttention, i)), width));
    const mlp = layer.in('mlp');
    const inner = linear(mlp.in('fc1'), layerNorm(layer.in('layer_norm2'), hidden, epsilon), config.intermediate_size);
    hidden = add(hidden, linear(mlp.in('fc2'), activations[config.hidden_act](inner), width));
  }
  return hidden;
}

/** Added to attention scores: −3.4e38 above the diagonal. [T, T] */
export function causalMask(length: number): Tensor {
  const data = Float32Array.from({ length: length * length }, (_, i) => (i % length > Math.floor(i / length) ? -3.4e38 : 0));
  return constant(data, [length, length]);
}

/** Rows of the token embedding: ids [B, T] → [B, T, D]. */
export function clipTokenEmbedding(p: Parameters, config: ClipTextConfig, ids: Tensor): Tensor {
  return gather(p.in('text_model').in('embeddings').in('token_embedding').get('weight', [config.vocab_size, config.hidden_size]), ids);
}

/** From token embeddings [B, T, D] to the last hidden state [B, T, D], final layer norm included. */
export function clipText(p: Parameters, config: ClipTextConfig, tokens: Tensor, onAttention?: AttentionTaps): Tensor {
  const model = p.in('text_model');
  const length = tokens.shape[1]!;
  const positions = model.in('embeddings').in('position_embedding').get('weight', [config.max_position_embeddings, config.hidden_size]);
  const x = add(tokens, reshape(sliceAxis(positions, 0, 0, length), [1, length, config.hidden_size]));
  const hidden = clipEncoder(model.in('encoder'), config, x, causalMask(length), onAttention);
  return layerNorm(model.in('final_layer_norm'), hidden, config.layer_norm_eps);
}

/** transformers' text embedding: the state at the first end token, projected. Hidden [B, T, D], ids [B, T] → [B, projection]. */
export function clipTextProjection(p: Parameters, config: ClipTextConfig, hidden: Tensor, ids: Tensor): Tensor {
  const [batch, length, width] = hidden.shape as [number, number, number];
  const isEnd = cast(equal(ids, constant(Int32Array.of(config.eos_token_id ?? config.vocab_size - 1), [])), 'float32');
  const before = pad(sliceAxis(isEnd, 1, 0, length - 1), [0, 1], [0, 0]);
  const first = reshape(multiply(isEnd, subtract(1, before)), [batch, length, 1]);
  return linear(p.in('text_projection'), sum(multiply(hidden, first), [1]), config.projection_dim ?? width, { bias: false });
}
