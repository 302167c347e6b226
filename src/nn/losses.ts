/** Losses: scalars of symbolic tensors. */
import {
  add,
  cast,
  constant,
  divide,
  equal,
  exp,
  log,
  max,
  multiply,
  reshape,
  stopGradient,
  subtract,
  sum,
  sqrt,
  square,
} from '../graph/ops.ts';
import type { Tensor } from '../graph/tensor.ts';

/** log Σ exp over the last axis, which is dropped. */
export function logSumExp(x: Tensor): Tensor {
  const top = stopGradient(max(x, [-1], true));
  const total = log(sum(exp(subtract(x, top)), [-1], true));
  return reshape(add(total, top), x.shape.slice(0, -1));
}

/** One-hot rows of int32 ids: [...] → [..., count]. */
export function oneHot(ids: Tensor, count: number): Tensor {
  const range = constant(
    Int32Array.from({ length: count }, (_, i) => i),
    [count],
  );
  return cast(equal(reshape(ids, [...ids.shape, 1]), range), 'float32');
}

/** Cross-entropy of logits [..., V] against ids [...], for each position. */
export function crossEntropy(logits: Tensor, ids: Tensor): Tensor {
  const chosen = sum(multiply(logits, oneHot(ids, logits.shape.at(-1)!)), [-1]);
  return subtract(logSumExp(logits), chosen);
}

/** Mean of values where weights are: Σ w·x / Σ w. */
export function weightedMean(values: Tensor, weights: Tensor): Tensor {
  return divide(sum(multiply(values, weights)), sum(weights));
}

/** Rows scaled to length 1 over the last axis. */
export function normalized(x: Tensor): Tensor {
  return divide(x, sqrt(add(sum(square(x), [-1], true), 1e-12)));
}

/** Where the largest logit [..., V] is that of the id [...]; where several are the largest, each is. */
export function argmaxMatches(logits: Tensor, ids: Tensor): Tensor {
  const chosen = sum(multiply(logits, oneHot(ids, logits.shape.at(-1)!)), [-1]);
  return equal(max(logits, [-1]), chosen);
}
