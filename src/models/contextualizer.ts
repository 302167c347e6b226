/**
 * The contextualizer ψ and its mask embedding p_mask: self-attention over the text encoder's states
 * and a vocabulary head, which name the words that were masked before the encoder (paper, section 3.2).
 */
import * as z from 'zod';
import { add, multiply, reshape, subtract } from '../graph/ops.ts';
import type { Tensor } from '../graph/tensor.ts';
import { layerNorm, linear } from '../nn/layers.ts';
import type { Parameters } from '../nn/parameters.ts';
import { clipEncoder } from './clip-text.ts';

export const contextualizerConfig = z.object({
  vocab_size: z.int().positive(),
  hidden_size: z.int().positive(),
  intermediate_size: z.int().positive(),
  num_hidden_layers: z.int().positive().default(2),
  num_attention_heads: z.int().positive(),
  hidden_act: z.enum(['quick_gelu', 'gelu']).default('gelu'),
  layer_norm_eps: z.number().default(1e-5),
});
export type ContextualizerConfig = z.infer<typeof contextualizerConfig>;

/** Token embeddings [B, T, D] with p_mask where `mask` [B, T] is 1. */
export function maskTokens(p: Parameters, config: ContextualizerConfig, tokens: Tensor, mask: Tensor): Tensor {
  const maskEmbedding = reshape(p.get('mask_embedding', [config.hidden_size]), [1, 1, config.hidden_size]);
  const share = reshape(mask, [...mask.shape, 1]);
  return add(multiply(tokens, subtract(1, share)), multiply(maskEmbedding, share));
}

/** Text states [B, T, D] → logits over the vocabulary [B, T, V]. */
export function contextualizer(p: Parameters, config: ContextualizerConfig, states: Tensor): Tensor {
  const hidden = layerNorm(p.in('final_layer_norm'), clipEncoder(p.in('encoder'), config, states), config.layer_norm_eps);
  return linear(p.in('head'), hidden, config.vocab_size);
}
