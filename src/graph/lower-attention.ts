/** Attention for ONNX Runtime: its fused operator forwards, a loop over blocks of queries backwards. */
import { attentionInBlocks, gradientInBlocks } from './lower-attention-webgpu.ts';
import type { OnnxBuilder } from './onnx.ts';
import type { Tensor } from './tensor.ts';

/** Scores that one turn of the backward loop holds, in elements: 8 MB, which stay in the processor's cache. */
const blockLimit = 2 ** 21;

const contrib = 'com.microsoft';

export function attention(y: Tensor<'attention'>, inputs: readonly string[], b: OnnxBuilder): string {
  if (b.device === 'webgpu') return attentionInBlocks(y, inputs, b);
  return b.node('MultiHeadAttention', inputs, { num_heads: y.attributes.heads }, contrib);
}

/** Queries of one turn, as many as stay within the limit and divide all of them evenly, and how many turns that makes. */
export function scoresPerTurn(queries: Tensor, keys: Tensor): { rows: number; blocks: number } {
  const [length, count] = [queries.shape[1]!, keys.shape[1]!];
  let rows = Math.min(Math.max(1, Math.floor(blockLimit / count)), length);
  while (length % rows !== 0) rows--;
  return { rows, blocks: length / rows };
}

/**
 * Gradients to queries, keys and values together, recomputing the scores block by block. With P the weights and
 * dP = g·Vᵀ, the scores' gradient is P ∘ (dP − rowsum(g ∘ y)); the row sum rides along as one more column of g.
 */
export function attentionGradient(y: Tensor<'attentionGradient'>, inputs: readonly string[], b: OnnxBuilder): string {
  const { heads, of } = y.attributes;
  const results = b.shared(`attentionGradient ${inputs.join()} ${heads}`, () =>
    b.device === 'webgpu' ? gradientInBlocks(y, inputs, b) : gradientInLoop(y, inputs, b),
  );
  return results[{ queries: 0, keys: 1, values: 2 }[of]]!;
}

function gradientInLoop(y: Tensor<'attentionGradient'>, inputs: readonly string[], b: OnnxBuilder): readonly string[] {
  const { heads } = y.attributes;
  const [queries, keys] = y.inputs as readonly Tensor[];
  const [batch, length, width] = queries!.shape as [number, number, number];
  const count = keys!.shape[1]!;
  const size = width / heads;
  const { rows, blocks } = scoresPerTurn(queries!, keys!);
  const turns = batch * heads * blocks;
  const split = (x: string, tokens: number, shape: readonly number[]): string => {
    const byHead = b.node('Transpose', [b.node('Reshape', [x, b.ints([batch, tokens, heads, size])])], { perm: [0, 2, 1, 3] });
    return b.node('Reshape', [byHead, b.ints(shape)]);
  };
  const inBlocks = [turns, rows, size];
  const [q, out, g] = [inputs[0]!, inputs[3]!, inputs[4]!].map((x) => split(x, length, inBlocks)) as [string, string, string];
  const [k, v] = [inputs[1]!, inputs[2]!].map((x) => split(x, count, [batch * heads, count, size])) as [string, string];
  const rowSum = b.node('ReduceSum', [b.node('Mul', [g, out]), b.ints([2])], { keepdims: 1 });
  const wide = b.node('Concat', [g, b.node('Neg', [rowSum])], { axis: 2 });
  const ones = b.constant(new Float32Array(batch * heads * count).fill(1), [batch * heads, count, 1]);
  const wideValues = b.node('Concat', [v, ones], { axis: 2 });
  const head = b.longs(Array.from({ length: turns }, (_, i) => Math.floor(i / blocks)));
  const block = [rows, size];
  const body = b.subgraph(
    [
      { shape: block, dtype: 'float32' },
      { shape: block, dtype: 'float32' },
      { shape: [rows, size + 1], dtype: 'float32' },
      { shape: [], dtype: 'int64' },
    ],
    ([qi, gi, wi, at]) => {
      const product = (left: string, right: string, attributes: Record<string, number>): string =>
        b.node('FusedMatMul', [left, right], attributes, contrib);
      const alpha = size ** -0.5;
      const ki = b.node('Gather', [k, at!], { axis: 0 });
      const vi = b.node('Gather', [wideValues, at!], { axis: 0 });
      const weights = b.node('Softmax', [product(qi!, ki, { transB: 1, alpha })], { axis: -1 });
      const dValues = product(weights, gi!, { transA: 1 });
      const flow = b.node('Mul', [weights, product(wi!, vi, { transB: 1 })]);
      return [
        { name: product(flow, ki, { alpha }), shape: block },
        { name: product(flow, qi!, { transA: 1, alpha }), shape: [count, size] },
        { name: dValues, shape: [count, size] },
      ];
    },
  );
  const [dq, dk, dv] = b.multi('Scan', [q, g, wide, head], 3, { body, num_scan_inputs: 4 }) as [string, string, string];
  const join = (x: string, tokens: number): string => {
    const byHead = b.node('Reshape', [x, b.ints([batch, heads, tokens, size])]);
    return b.node('Reshape', [b.node('Transpose', [byHead], { perm: [0, 2, 1, 3] }), b.ints([batch, tokens, width])]);
  };
  const overBlocks = (x: string): string =>
    blocks === 1
      ? x
      : b.node('ReduceSum', [b.node('Reshape', [x, b.ints([batch * heads, blocks, count, size])]), b.ints([1])], { keepdims: 0 });
  return [join(dq, length), join(overBlocks(dk), count), join(overBlocks(dv), count)];
}
