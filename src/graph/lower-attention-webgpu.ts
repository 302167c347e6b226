/** Attention for shaders: no loops, and blocks of queries whose scores for all heads fit a binding. */
import type { OnnxBuilder } from './onnx.ts';
import type { Tensor } from './tensor.ts';

interface Block {
  start: number;
  rows: number;
}

/** What the attention of some queries over some keys is cut into. */
class Heads {
  private readonly b: OnnxBuilder;
  private readonly batch: number;
  private readonly heads: number;
  private readonly size: number;
  private readonly length: number;
  /** Queries are taken in so many blocks, of about the same size. */
  readonly blocks: readonly Block[];
  constructor(b: OnnxBuilder, queries: Tensor, keys: Tensor, heads: number) {
    const [batch, length, width] = queries.shape as [number, number, number];
    const most = Math.max(1, Math.floor(b.bindingLimit / (4 * batch * heads * keys.shape[1]!)));
    const each = Math.ceil(length / Math.ceil(length / most));
    this.b = b;
    this.batch = batch;
    this.heads = heads;
    this.size = width / heads;
    this.length = length;
    this.blocks = Array.from({ length: Math.ceil(length / each) }, (_, i) => ({
      start: i * each,
      rows: Math.min(each, length - i * each),
    }));
  }

  /** [B, tokens, heads × size] as [B × heads, tokens, size]. */
  split(x: string, tokens: number): string {
    const { b, batch, heads, size } = this;
    const byHead = b.node('Transpose', [b.node('Reshape', [x, b.ints([batch, tokens, heads, size])])], { perm: [0, 2, 1, 3] });
    return b.node('Reshape', [byHead, b.ints([batch * heads, tokens, size])]);
  }
  joined(x: string, tokens: number): string {
    const { b, batch, heads, size } = this;
    const byHead = b.node('Reshape', [x, b.ints([batch, heads, tokens, size])]);
    return b.node('Reshape', [b.node('Transpose', [byHead], { perm: [0, 2, 1, 3] }), b.ints([batch, tokens, heads * size])]);
  }
  exchanged(x: string): string {
    return this.b.node('Transpose', [x], { perm: [0, 2, 1] });
  }
  product(left: string, right: string): string {
    return this.b.node('MatMul', [left, right]);
  }
  scaled(x: string): string {
    return this.b.node('Mul', [x, this.b.number(this.size ** -0.5)]);
  }
  /** A block's rows of what has as many as there are queries. */
  taken(x: string, { start, rows }: Block): string {
    const { b, length } = this;
    return rows === length ? x : b.node('Slice', [x, b.ints([start]), b.ints([start + rows]), b.ints([1])]);
  }
  /** How much each query of a block attends to each key, given the scaled keys transposed. */
  weights(queries: string, keysAcross: string): string {
    return this.b.node('Softmax', [this.product(queries, keysAcross)], { axis: -1 });
  }
  /** Blocks one after another. */
  together(parts: readonly string[]): string {
    return parts.length === 1 ? parts[0]! : this.b.node('Concat', parts, { axis: 1 });
  }
}

/** By products, as the gradient has it: ONNX Runtime's fused attention is wrong where a subgroup is small (4 or 8 threads were tried). */
export function attentionInBlocks(y: Tensor<'attention'>, inputs: readonly string[], b: OnnxBuilder): string {
  const [queries, keys] = y.inputs as readonly Tensor[];
  const h = new Heads(b, queries!, keys!, y.attributes.heads);
  const [length, count] = [queries!.shape[1]!, keys!.shape[1]!];
  const q = h.split(inputs[0]!, length);
  const keysAcross = h.exchanged(h.scaled(h.split(inputs[1]!, count)));
  const v = h.split(inputs[2]!, count);
  const parts = h.blocks.map((block) => h.product(h.weights(h.taken(q, block), keysAcross), v));
  return h.joined(h.together(parts), length);
}

/** Gradients to queries, keys and values, in that order; see `attentionGradient` for the mathematics. */
export function gradientInBlocks(y: Tensor<'attentionGradient'>, inputs: readonly string[], b: OnnxBuilder): readonly string[] {
  const [queries, keys] = y.inputs as readonly Tensor[];
  const h = new Heads(b, queries!, keys!, y.attributes.heads);
  const [length, count] = [queries!.shape[1]!, keys!.shape[1]!];
  const total = (parts: readonly string[]): string => parts.reduce((sum, part) => b.node('Add', [sum, part]));

  const [q, out, g] = [inputs[0]!, inputs[3]!, inputs[4]!].map((x) => h.split(x, length)) as [string, string, string];
  const [k, v] = [h.scaled(h.split(inputs[1]!, count)), h.split(inputs[2]!, count)];
  const [keysAcross, valuesAcross] = [h.exchanged(k), h.exchanged(v)];
  const rowSum = b.node('ReduceSum', [b.node('Mul', [g, out]), b.ints([2])], { keepdims: 1 });
  const parts = h.blocks.map((block) => {
    const [qi, gi, sumOf] = [q, g, rowSum].map((x) => h.taken(x, block)) as [string, string, string];
    const weights = h.weights(qi, keysAcross);
    const flow = b.node('Mul', [weights, b.node('Sub', [h.product(gi, valuesAcross), sumOf])]);
    // Sums over queries as transposes of what is wanted: the blocks' scores are the largest, and stay as they lie.
    return {
      queries: h.product(flow, k),
      keys: h.product(h.exchanged(h.scaled(qi)), flow),
      values: h.product(h.exchanged(gi), weights),
    };
  });
  const dq = h.together(parts.map((part) => part.queries));
  const dk = total(parts.map((part) => part.keys));
  const dv = total(parts.map((part) => part.values));
  return [h.joined(dq, length), h.joined(h.exchanged(dk), count), h.joined(h.exchanged(dv), count)];
}
