/** L_mlm: masked language modelling of rich prompts, in text space alone (paper, equation 5). */
import { cast, less, multiply, select } from '../graph/ops.ts';
import type { Tensor } from '../graph/tensor.ts';
import { clipText } from '../models/clip-text.ts';
import type { ClipTextConfig } from '../models/clip-text.ts';
import { contextualizer, maskTokens } from '../models/contextualizer.ts';
import type { ContextualizerConfig } from '../models/contextualizer.ts';
import { crossEntropy, weightedMean } from '../nn/losses.ts';
import type { Parameters } from '../nn/parameters.ts';
import { argmaxMatches } from '../nn/losses.ts';

export interface MlmModel {
  textEncoder: Parameters;
  text: ClipTextConfig;
  contextualizer: Parameters;
  config: ContextualizerConfig;
}

/**
 * Mean cross-entropy at the masked positions and the share named rightly. Tokens [B, T, D] are
 * unmasked embeddings, ids [B, T] what they were, mask [B, T] where to hide them.
 */
export function mlmLoss(model: MlmModel, tokens: Tensor, ids: Tensor, mask: Tensor): { loss: Tensor; accuracy: Tensor } {
  const states = clipText(model.textEncoder, model.text, maskTokens(model.contextualizer, model.config, tokens, mask));
  const logits = contextualizer(model.contextualizer, model.config, states);
  // A placeholder's id is past the vocabulary; it is never masked, so any target will do.
  const targets = select(less(ids, model.config.vocab_size), ids, multiply(ids, 0));
  return {
    loss: weightedMean(crossEntropy(logits, targets), mask),
    accuracy: weightedMean(cast(argmaxMatches(logits, targets), 'float32'), mask),
  };
}
