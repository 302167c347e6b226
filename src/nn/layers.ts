/** Layers as plain functions: (parameters, x) → x. Parameter names and layouts are PyTorch's. */
import { fewestChannels } from '../graph/lower-winograd.ts';
import {
  add,
  attention as fusedAttention,
  broadcast,
  constant,
  conv2d,
  divide,
  erf,
  gather,
  matmul,
  multiply,
  reshape,
  sliceAxis,
  softmax,
  standardize,
  swapLast,
  swish,
  transpose,
  transposedConv2d,
} from '../graph/ops.ts';
import type { ConvOptions } from '../graph/ops.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { Parameters } from './parameters.ts';

/** y = x Wᵀ + b over the last axis: [..., I] → [..., O]. */
export function linear(p: Parameters, x: Tensor, outputs: number, options: { bias?: boolean } = {}): Tensor {
  const y = p.adapted(x, matmul(x, swapLast(p.get('weight', [outputs, x.shape.at(-1)!]))));
  return options.bias === false ? y : add(y, p.get('bias', [outputs]));
}

/**
 * The outputs of `linear` in equal parts along the last axis. Frozen weights are taken part by part where they lie, so
 * that the whole is never there to be split.
 */
export function linearParts(p: Parameters, x: Tensor, outputs: number, parts: number): Tensor[] {
  const size = outputs / parts;
  const weight = p.get('weight', [outputs, x.shape.at(-1)!]);
  const starts = Array.from({ length: parts }, (_, i) => i * size);
  const plain = matmul(x, swapLast(weight));
  if (weight.op !== 'constant' || p.adapted(x, plain) !== plain) {
    const whole = linear(p, x, outputs);
    return starts.map((start) => sliceAxis(whole, whole.shape.length - 1, start, size));
  }
  const bias = p.get('bias', [outputs]);
  return starts.map((start) => add(matmul(x, swapLast(sliceAxis(weight, 0, start, size))), sliceAxis(bias, 0, start, size)));
}

/** [B, C, H, W] → [B, filters, H', W']. */
export function convolution(
  p: Parameters,
  x: Tensor,
  filters: number,
  kernel: number,
  options: ConvOptions & { bias?: boolean } = {},
): Tensor {
  const y = conv2d(x, p.get('weight', [filters, x.shape[1]!, kernel, kernel]), options);
  return options.bias === false ? y : add(y, reshape(p.get('bias', [filters]), [1, filters, 1, 1]));
}

/** Layer normalisation over the last axis. */
export function layerNorm(p: Parameters, x: Tensor, epsilon = 1e-5): Tensor {
  const width = x.shape.at(-1)!;
  return add(multiply(standardize(x, epsilon), p.get('weight', [width])), p.get('bias', [width]));
}

/** Group normalisation of [B, C, H, W]. */
export function groupNorm(p: Parameters, x: Tensor, groups: number, epsilon = 1e-5): Tensor {
  const [batch, channels] = x.shape as [number, number];
  const y = reshape(standardize(reshape(x, [batch, groups, -1]), epsilon), x.shape);
  const affine = (name: string): Tensor => reshape(p.get(name, [channels]), [1, channels, 1, 1]);
  return add(multiply(y, affine('weight')), affine('bias'));
}

/** Rows of a table [V, D] by int32 ids. */
export function embedding(p: Parameters, ids: Tensor, rows: number, width: number): Tensor {
  return gather(p.get('weight', [rows, width]), ids);
}

export const silu = (x: Tensor): Tensor => swish(x, 1);
export const gelu = (x: Tensor): Tensor => multiply(multiply(x, 0.5), add(erf(divide(x, Math.SQRT2)), 1));
/** CLIP's approximation of GELU. */
export const quickGelu = (x: Tensor): Tensor => swish(x, 1.702);

export type Activation = 'gelu' | 'quick_gelu' | 'silu';
export const activations: Record<Activation, (x: Tensor) => Tensor> = { gelu, quick_gelu: quickGelu, silu };

/** Scores of one layer, in elements, past which they are not kept for the backward pass: 16 MB. */
const scoresKept = 2 ** 22;

/** What an attention layer computes on its way. */
export interface AttentionSeen {
  /** [B, heads, T, S] */
  probabilities: Tensor;
  /** Before the softmax, scaled and masked. [B, heads, T, S] */
  scores: Tensor;
  /** Not scaled. [B, heads, T, D / heads] */
  queries: Tensor;
  /** [B, heads, S, D / heads] */
  values: Tensor;
}
export type AttentionTap = (seen: AttentionSeen) => void;
/** A tap of a model's attention layers, by their number in the order of execution. */
export type AttentionTaps = (layer: number, seen: AttentionSeen) => void;
/** One layer's. */
export const tapOf = (taps: AttentionTaps | undefined, layer: number): AttentionTap | undefined =>
  taps === undefined ? undefined : (seen) => taps(layer, seen);

/**
 * Softmax attention over heads. Queries [B, T, D], keys and values [B, S, D]; `mask` [T, S] is added
 * to the scores. → [B, T, D]
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, heads: number, mask?: Tensor, tap?: AttentionTap): Tensor {
  const [batch, length, width] = q.shape as [number, number, number];
  if (tap === undefined && mask === undefined && batch * heads * length * k.shape[1]! > scoresKept) return fusedAttention(q, k, v, heads);
  const size = width / heads;
  const split = (x: Tensor): Tensor => transpose(reshape(x, [batch, x.shape[1]!, heads, size]), [0, 2, 1, 3]);
  const queries = split(q);
  const plain = matmul(multiply(queries, size ** -0.5), swapLast(split(k)));
  const scores = mask === undefined ? plain : add(plain, mask);
  const weights = softmax(scores);
  const values = split(v);
  tap?.({ probabilities: weights, scores, queries, values });
  return reshape(transpose(matmul(weights, values), [0, 2, 1, 3]), [batch, length, width]);
}

/** A kernel of 3, for pictures doubled by repetition, as one of 4 for the pictures themselves, from which two steps are one. */
const summedTaps = [
  [0, 0, 1],
  [0, 1, 1],
  [1, 1, 0],
  [1, 0, 0],
];

/**
 * A 3 × 3 convolution of pictures up-sampled by two: [B, C, H, W] → [B, filters, 2H, 2W]. Neighbours that repeat one value
 * share a product with the sum of their weights, so that it is a transposed convolution of 4 × 4 and takes 4/9 of the arithmetic.
 * Of many channels it stays a convolution, which may go by Winograd's filtering: in pairs as little arithmetic, and no sums of weights.
 */
export function upsampledConvolution(p: Parameters, x: Tensor, filters: number): Tensor {
  const [, channels, height, width] = x.shape as [number, number, number, number];
  if (Math.min(channels, filters) >= fewestChannels) return convolution(p, upsample2(x), filters, 3, { padding: 1, inPairs: true });
  const taps = [0, 1, 2];
  const sums = taps.flatMap((i) => taps.flatMap((j) => summedTaps.flatMap((row) => summedTaps.map((column) => row[i]! * column[j]!))));
  const weight = reshape(transpose(p.get('weight', [filters, channels, 3, 3]), [1, 0, 2, 3]), [channels * filters, 9]);
  const summed = reshape(matmul(weight, constant(Float32Array.from(sums), [9, 16])), [channels, filters, 4, 4]);
  const y = transposedConv2d(x, summed, { stride: 2, padding: 1, outputSize: [2 * height, 2 * width] });
  return add(y, reshape(p.get('bias', [filters]), [1, filters, 1, 1]));
}

/** Nearest-neighbour up-sampling by two: [B, C, H, W] → [B, C, 2H, 2W]. */
export function upsample2(x: Tensor): Tensor {
  const [b, c, h, w] = x.shape as [number, number, number, number];
  return reshape(broadcast(reshape(x, [b, c, h, 1, w, 1]), [b, c, h, 2, w, 2]), [b, c, 2 * h, 2 * w]);
}
