/** Attention for ONNX Runtime: its fused operator forwards, a loop over blocks of queries backwards. */
import { attentionInBlocks, gradientInBlocks } from './lower-attention-webgpu.ts';
import type { OnnxBuilder, Subgraph } from './onnx.ts';
import type { Shape, Tensor } from './tensor.ts';

/** Scores that one turn of the backward loop holds, in elements: 4 MB, so that three of them stay in the processor’s cache. */
const blockLimit = 2 ** 20;

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

/**
 * A loop over heads, each of which is cut out in its turn, around one over blocks of queries, which adds up the gradients
 * of keys and values, transposed: so the scores are the wide factor of each product, which lies as the product reads it.
 */
function gradientInLoop(y: Tensor<'attentionGradient'>, inputs: readonly string[], b: OnnxBuilder): readonly string[] {
  const { heads } = y.attributes;
  const [queries, keys] = y.inputs as readonly Tensor[];
  const [batch, length, width] = queries!.shape as [number, number, number];
  const count = keys!.shape[1]!;
  const size = width / heads;
  const alpha = size ** -0.5;
  const { rows, blocks } = scoresPerTurn(queries!, keys!);
  const apart = (x: string, tokens: number): string => b.node('Reshape', [x, b.ints([batch, tokens, heads, size])]);
  const [q, out, g] = [inputs[0]!, inputs[3]!, inputs[4]!].map((x) => apart(x, length)) as [string, string, string];
  const [k, v] = [inputs[1]!, inputs[2]!].map((x) => apart(x, count)) as [string, string];
  const ones = b.constant(new Float32Array(count).fill(1), [count, 1]);
  const zeros = b.constant(new Float32Array(size * count), [size, count]);
  const places = Array.from({ length: batch * heads }, (_, i) => [Math.floor(i / heads), i % heads]);
  const rowsOf = (values: readonly number[][]): string => b.node('Reshape', [b.longs(values.flat()), b.ints([batch * heads, 2])]);
  const values = (...shape: number[]): { shape: Shape; dtype: 'float32' } => ({ shape, dtype: 'float32' });
  const product = (left: string, right: string, attributes: Record<string, number>): string =>
    b.node('FusedMatMul', [left, right], attributes, contrib);
  const ofHead = (ki: string, vi: string): Subgraph =>
    b.subgraph(
      [values(size, count), values(size, count), values(rows, size), values(rows, size), values(rows, size + 1)],
      ([dk, dv, qi, gi, wi]) => {
        const weights = b.node('Softmax', [product(qi!, ki, { transB: 1, alpha })], { axis: -1 });
        const dValues = b.node('Gemm', [gi!, weights, dv!], { transA: 1 });
        const flow = b.node('Mul', [weights, product(wi!, vi, { transB: 1 })]);
        return [
          { name: b.node('Gemm', [qi!, flow, dk!], { transA: 1, alpha }), shape: [size, count] },
          { name: dValues, shape: [size, count] },
          { name: product(flow, ki, { alpha }), shape: [rows, size] },
        ];
      },
    );
  const place = { shape: [2], dtype: 'int64' } as const;
  const body = b.subgraph([place, place], ([from, to]) => {
    const cut = (x: string, ...shape: number[]): string =>
      b.node('Reshape', [b.node('Slice', [x, from!, to!, b.ints([0, 2])]), b.ints(shape)]);
    const inTurns = (x: string): string => cut(x, blocks, rows, size);
    const [qh, gh, kh, vh] = [inTurns(q), inTurns(g), cut(k, count, size), cut(v, count, size)] as const;
    const rowSum = b.node('ReduceSum', [b.node('Mul', [gh, inTurns(out)]), b.ints([2])], { keepdims: 1 });
    const wide = b.node('Concat', [gh, b.node('Neg', [rowSum])], { axis: 2 });
    const inner = { body: ofHead(kh, b.node('Concat', [vh, ones], { axis: 1 })), num_scan_inputs: 3 };
    const [dk, dv, dq] = b.multi('Scan', [zeros, zeros, qh, gh, wide], 3, inner) as [string, string, string];
    return [
      { name: dq, shape: [blocks, rows, size] },
      { name: dk, shape: [size, count] },
      { name: dv, shape: [size, count] },
    ];
  });
  const outer = { body, num_scan_inputs: 2 };
  const ends = places.map((at) => at.map((i) => i + 1));
  const [dq, dk, dv] = b.multi('Scan', [rowsOf(places), rowsOf(ends)], 3, outer) as [string, string, string];
  const join = (x: string, perm: readonly number[], shape: readonly number[]): string => {
    const byHead = b.node('Reshape', [x, b.ints([batch, heads, ...shape])]);
    return b.node('Reshape', [b.node('Transpose', [byHead], { perm }), b.ints([batch, -1, width])]);
  };
  return [join(dq, [0, 2, 1, 3], [length, size]), join(dk, [0, 3, 1, 2], [size, count]), join(dv, [0, 3, 1, 2], [size, count])];
}
