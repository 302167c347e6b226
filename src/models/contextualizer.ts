/**
 * The contextualizer ψ and its mask embedding p_mask: self-attention over the text encoder's states
 * and a vocabulary head, which name the words that were masked before the encoder (paper, section 3.2).
 */
import * as z from 'zod';
import { add, matmul, multiply, reshape, subtract, swapLast } from '../graph/ops.ts';
import type { Tensor } from '../graph/tensor.ts';
import { layerNorm, linear } from '../nn/layers.ts';
import type { Parameters } from '../nn/parameters.ts';
import { clipEncoder } from './clip-text.ts';

export const contextualizerConfig = z
  .object({
    vocab_size: z.int().positive(),
    hidden_size: z.int().positive().describe('width of ψ'),
    text_hidden_size: z.int().positive().optional().describe('width of the text encoder, where ψ has another'),
    intermediate_size: z.int().positive(),
    num_hidden_layers: z.int().min(0).default(2),
    num_attention_heads: z.int().positive(),
    vocabulary_head: z
      .enum(['free', 'tied'])
      .default('free')
      .describe('tied: the logits are products with the encoder’s own token embeddings'),
    hidden_act: z.enum(['quick_gelu', 'gelu']).default('gelu'),
    layer_norm_eps: z.number().default(1e-5),
  })
  .refine((config) => config.hidden_size % config.num_attention_heads === 0, {
    path: ['num_attention_heads'],
    error: 'hidden_size must be a multiple of it',
  });
export type ContextualizerConfig = z.infer<typeof contextualizerConfig>;

/** Width of the text encoder that ψ reads. */
export const textWidth = (config: ContextualizerConfig): number => config.text_hidden_size ?? config.hidden_size;

/** Token embeddings [B, T, D] with p_mask where `mask` [B, T] is 1. */
export function maskTokens(p: Parameters, config: ContextualizerConfig, tokens: Tensor, mask: Tensor): Tensor {
  const width = textWidth(config);
  const maskEmbedding = reshape(p.get('mask_embedding', [width]), [1, 1, width]);
  const share = reshape(mask, [...mask.shape, 1]);
  return add(multiply(tokens, subtract(1, share)), multiply(maskEmbedding, share));
}

/** ψ without its head: text states [B, T, D] → its own states [B, T, W]. */
export function contextualizerStates(p: Parameters, config: ContextualizerConfig, states: Tensor): Tensor {
  const own = textWidth(config) === config.hidden_size ? states : linear(p.in('in_proj'), states, config.hidden_size);
  return layerNorm(p.in('final_layer_norm'), clipEncoder(p.in('encoder'), config, own), config.layer_norm_eps);
}

/** The vocabulary head: states [..., W] → logits [..., V]. `table` [V, D] is the encoder's token embedding, which a tied head multiplies with. */
export function vocabularyHead(p: Parameters, config: ContextualizerConfig, hidden: Tensor, table: Tensor): Tensor {
  if (config.vocabulary_head === 'free') return linear(p.in('head'), hidden, config.vocab_size);
  const projected = linear(p.in('head'), hidden, textWidth(config));
  return add(matmul(projected, swapLast(table)), p.get('head.vocabulary_bias', [config.vocab_size]));
}

/** Text states [B, T, D] → logits over the vocabulary [B, T, V]. */
export function contextualizer(p: Parameters, config: ContextualizerConfig, states: Tensor, table: Tensor): Tensor {
  return vocabularyHead(p, config, contextualizerStates(p, config, states), table);
}
