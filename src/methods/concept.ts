/** Token embeddings with learned rows past the vocabulary. */
import { cast, gather, less, multiply, add, reshape, select, subtract, broadcast } from '../graph/ops.ts';
import type { Tensor } from '../graph/tensor.ts';
import { clipTokenEmbedding } from '../models/clip-text.ts';
import type { ClipTextConfig } from '../models/clip-text.ts';
import type { Component } from '../models/load.ts';

/**
 * Ids [B, T] → embeddings [B, T, D]; id V + k is row k of `learned` [n, D]. The frozen table is never
 * part of what is differentiated, whatever its size.
 */
export function embedTokens(textEncoder: Component<ClipTextConfig>, ids: Tensor, learned?: Tensor): Tensor {
  const { parameters, config } = textEncoder;
  if (learned === undefined) return clipTokenEmbedding(parameters, config, ids);
  const known = less(ids, config.vocab_size);
  const none = multiply(ids, 0);
  const frozen = clipTokenEmbedding(parameters, config, select(known, ids, none));
  const fresh = gather(learned, select(known, none, subtract(ids, config.vocab_size)));
  const share = broadcast(reshape(cast(known, 'float32'), [...ids.shape, 1]), frozen.shape);
  return add(multiply(frozen, share), multiply(fresh, subtract(1, share)));
}
