/** Token embeddings with learned rows past the vocabulary. */
import { add, broadcast, cast, gather, less, multiply, reshape, select, subtract } from '../graph/ops.ts';
import type { Tensor } from '../graph/tensor.ts';
import { clipTokenEmbedding } from '../models/clip-text.ts';
import type { ClipTextConfig } from '../models/clip-text.ts';
import type { Component } from '../models/load.ts';
import type { Weight } from './method.ts';

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

/** Rows [n, D] `count` times over, [count · n, D]. */
export function repeated({ data: rows, shape }: Weight, count: number): Weight {
  const data = new Float32Array(count * rows.length);
  for (let i = 0; i < count; i++) data.set(rows, i * rows.length);
  return { data, shape: [count * shape[0]!, shape[1]!] };
}

/** Vectors [n, D] or [D] one after the other, [Σn, D]. */
export function joined(parts: readonly Weight[]): Weight {
  const width = parts[0]!.shape.at(-1)!;
  const data = Float32Array.from(parts.flatMap((part) => [...part.data]));
  return { data, shape: [data.length / width, width] };
}
