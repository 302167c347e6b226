/** Token embeddings with learned rows past the vocabulary. */
import { add, broadcast, cast, gather, less, multiply, reshape, select, subtract } from '../graph/ops.ts';
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

/** `count` copies of one vector, [count, D]. */
export function repeated(vector: Float32Array, count: number): { data: Float32Array; shape: readonly number[] } {
  const data = new Float32Array(count * vector.length);
  for (let i = 0; i < count; i++) data.set(vector, i * vector.length);
  return { data, shape: [count, vector.length] };
}
