/** Attention for shaders: no loops, and blocks of queries whose scores for all heads fit a binding. */
import type { OnnxBuilder } from './onnx.ts';
import type { Tensor } from './tensor.ts';

/** Queries are taken in so many blocks, of about the same size. */
function queryBlocks(b: OnnxBuilder, queries: Tensor, keys: Tensor, heads: number): { start: number; rows: number }[] {
  const [batch, length] = queries.shape as [number, number];
  const most = Math.max(1, Math.floor(b.bindingLimit / (4 * batch * heads * keys.shape[1]!)));
  const each = Math.ceil(length / Math.ceil(length / most));
  return Array.from({ length: Math.ceil(length / each) }, (_, i) => ({ start: i * each, rows: Math.min(each, length - i * each) }));
}

function taken(b: OnnxBuilder, x: string, { start, rows }: { start: number; rows: number }, length: number): string {
  if (rows === length) return x;
  return b.node('Slice', [x, b.ints([start]), b.ints([start + rows]), b.ints([1])]);
}

export function attentionInBlocks(y: Tensor<'attention'>, [q, k, v]: readonly string[], b: OnnxBuilder): string {
  const { heads } = y.attributes;
  const [queries, keys] = y.inputs as readonly Tensor[];
  const parts = queryBlocks(b, queries!, keys!, heads).map((block) =>
    b.node('MultiHeadAttention', [taken(b, q!, block, queries!.shape[1]!), k!, v!], { num_heads: heads }, 'com.microsoft'),
  );
  return parts.length === 1 ? parts[0]! : b.node('Concat', parts, { axis: 1 });
}

/** Gradients to queries, keys and values, in that order; see `attentionGradient` for the mathematics. */
export function gradientInBlocks(y: Tensor<'attentionGradient'>, inputs: readonly string[], b: OnnxBuilder): readonly string[] {
  const { heads } = y.attributes;
  const [queries, keys] = y.inputs as readonly Tensor[];
  const [batch, length, width] = queries!.shape as [number, number, number];
  const count = keys!.shape[1]!;
  const size = width / heads;
  const split = (x: string, tokens: number): string => {
    const byHead = b.node('Transpose', [b.node('Reshape', [x, b.ints([batch, tokens, heads, size])])], { perm: [0, 2, 1, 3] });
    return b.node('Reshape', [byHead, b.ints([batch * heads, tokens, size])]);
  };
  const joined = (x: string, tokens: number): string => {
    const byHead = b.node('Reshape', [x, b.ints([batch, heads, tokens, size])]);
    return b.node('Reshape', [b.node('Transpose', [byHead], { perm: [0, 2, 1, 3] }), b.ints([batch, tokens, width])]);
  };
  const exchanged = (x: string): string => b.node('Transpose', [x], { perm: [0, 2, 1] });
  const product = (left: string, right: string): string => b.node('MatMul', [left, right]);
  const total = (parts: readonly string[]): string => parts.reduce((sum, part) => b.node('Add', [sum, part]));
  const scale = b.constant(Float32Array.of(size ** -0.5), []);
  const scaled = (x: string): string => b.node('Mul', [x, scale]);

  const [q, out, g] = [inputs[0]!, inputs[3]!, inputs[4]!].map((x) => split(x, length)) as [string, string, string];
  const [k, v] = [scaled(split(inputs[1]!, count)), split(inputs[2]!, count)];
  const [keysAcross, valuesAcross] = [exchanged(k), exchanged(v)];
  const rowSum = b.node('ReduceSum', [b.wide(b.node('Mul', [g, out])), b.ints([2])], { keepdims: 1 });
  const parts = queryBlocks(b, queries!, keys!, heads).map((block) => {
    const [qi, gi, sumOf] = [q, g, rowSum].map((x) => taken(b, x, block, length)) as [string, string, string];
    const exact = b.node('Softmax', [b.wide(product(qi, keysAcross))], { axis: -1 });
    const flow = b.narrow(b.node('Mul', [exact, b.node('Sub', [b.wide(product(gi, valuesAcross)), sumOf])]));
    const weights = b.narrow(exact);
    return { queries: product(flow, k), keys: product(exchanged(flow), scaled(qi)), values: product(exchanged(weights), gi) };
  });
  const dq =
    parts.length === 1
      ? parts[0]!.queries
      : b.node(
          'Concat',
          parts.map((part) => part.queries),
          { axis: 1 },
        );
  const [dk, dv] = [total(parts.map((part) => part.keys)), total(parts.map((part) => part.values))];
  return [joined(dq, length), joined(dk, count), joined(dv, count)];
}
