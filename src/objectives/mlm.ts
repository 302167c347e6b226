/** L_mlm: masked language modelling of rich prompts, in text space alone (paper, equation 5). */
import { cast, gather, less, multiply, reshape, select } from '../graph/ops.ts';
import type { Tensor } from '../graph/tensor.ts';
import { clipText } from '../models/clip-text.ts';
import type { ClipTextConfig } from '../models/clip-text.ts';
import { contextualizer, contextualizerStates, maskTokens, textWidth, vocabularyHead } from '../models/contextualizer.ts';
import type { ContextualizerConfig } from '../models/contextualizer.ts';
import { crossEntropy, weightedMean } from '../nn/losses.ts';
import type { Parameters } from '../nn/parameters.ts';
import { argmaxMatches } from '../nn/losses.ts';

export interface MlmModel {
  textEncoder: Parameters;
  text: ClipTextConfig;
  contextualizer: Parameters;
  config: ContextualizerConfig;
  /** The text encoder as ψ was trained with it: what a tied head multiplies with is fixed like ψ (paper, Algorithm 2, line 2). */
  base: Parameters;
}

/** The token embedding [V, D] of a tied head. */
const tokenTable = ({ base, config }: MlmModel): Tensor =>
  base.get('text_model.embeddings.token_embedding.weight', [config.vocab_size, textWidth(config)]);

/**
 * Mean cross-entropy at the masked positions and the share named rightly. Tokens [B, T, D] are
 * unmasked embeddings, ids [B, T] what they were, mask [B, T] where to hide them.
 */
export function mlmLoss(model: MlmModel, tokens: Tensor, ids: Tensor, mask: Tensor): { loss: Tensor; accuracy: Tensor } {
  const states = clipText(model.textEncoder, model.text, maskTokens(model.contextualizer, model.config, tokens, mask));
  const logits = contextualizer(model.contextualizer, model.config, states, tokenTable(model));
  // A placeholder's id is past the vocabulary; it is never masked, so any target will do.
  const targets = select(less(ids, model.config.vocab_size), ids, multiply(ids, 0));
  return {
    loss: weightedMean(crossEntropy(logits, targets), mask),
    accuracy: weightedMean(cast(argmaxMatches(logits, targets), 'float32'), mask),
  };
}

/**
 * The same for ordinary captions, with the head at the masked positions alone, a fraction of the work
 * where the vocabulary is large: positions [M] index the B·T tokens, targets [M] are what they were,
 * weights [M] are 0 where a position is only filling.
 */
export function mlmLossAt(
  model: MlmModel,
  tokens: Tensor,
  mask: Tensor,
  at: { positions: Tensor; targets: Tensor; weights: Tensor },
): { loss: Tensor; accuracy: Tensor } {
  const { contextualizer: p, config } = model;
  const hidden = contextualizerStates(p, config, clipText(model.textEncoder, model.text, maskTokens(p, config, tokens, mask)));
  const rows = gather(reshape(hidden, [-1, config.hidden_size]), at.positions);
  const logits = vocabularyHead(p, config, rows, tokenTable(model));
  return {
    loss: weightedMean(crossEntropy(logits, at.targets), at.weights),
    accuracy: weightedMean(cast(argmaxMatches(logits, at.targets), 'float32'), at.weights),
  };
}
