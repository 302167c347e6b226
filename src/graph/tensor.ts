/** The closed set of primitives and the symbolic tensors that they make. */

export type Dtype = 'float32' | 'int32' | 'bool';
export type Shape = readonly number[];

/** Where a constant's bytes are: in memory, or inside a file (a .safetensors checkpoint, say). */
export type ConstantSource = { kind: 'memory'; data: Float32Array | Int32Array | Uint8Array } | FileSource;
export interface FileSource {
  kind: 'file';
  path: string;
  offset: number;
  /** Bytes. */
  length: number;
  /** How the file holds the numbers; the constant itself is float32. */
  stored: 'float32' | 'float16' | 'bfloat16';
}

type None = Record<never, never>;
export interface ConvAttributes {
  stride: number;
  /** Zero padding before and after height, before and after width. */
  padding: readonly [top: number, bottom: number, left: number, right: number];
  /** The input is made of blocks of 2 × 2 equal values; of its gradient, only sums over blocks are read. */
  inPairs?: boolean;
}

/** Every primitive and its attributes. Each rule table is total over this interface. */
export interface Primitives {
  /** A value given at each run (`feed`) or kept by the engine between runs (`state`). */
  input: { name: string; role: 'feed' | 'state'; shape: Shape; dtype: Dtype };
  constant: { source: ConstantSource; shape: Shape; dtype: Dtype };

  negate: None;
  exp: None;
  log: None;
  sqrt: None;
  sigmoid: None;
  tanh: None;
  erf: None;
  sin: None;
  cos: None;

  add: None;
  subtract: None;
  multiply: None;
  divide: None;
  maximum: None;
  equal: None;
  less: None;
  /** `condition ? a : b`, element by element. */
  select: None;
  cast: { dtype: Dtype };
  /** The same value; no gradient flows back through it. */
  stopGradient: None;

  reshape: { shape: Shape };
  transpose: { permutation: readonly number[] };
  broadcast: { shape: Shape };
  slice: { starts: readonly number[]; sizes: readonly number[] };
  /** Zeros before and after each axis. */
  pad: { before: readonly number[]; after: readonly number[] };
  concat: { axis: number };

  /** Reductions keep the reduced axes, with size 1. */
  reduceSum: { axes: readonly number[] };
  reduceMax: { axes: readonly number[] };

  /** [..., M, K] × [..., K, N], or a shared right side [K, N]. */
  matmul: None;
  /** [B, C, H, W] with weights [O, C, kH, kW]. */
  conv2d: ConvAttributes;
  /** Gradient of conv2d to its input: (output gradient, weights). */
  conv2dInputGradient: ConvAttributes & { inputSize: readonly [height: number, width: number] };
  /** Gradient of conv2d to its weights: (input, output gradient). */
  conv2dWeightGradient: ConvAttributes & { kernel: readonly [height: number, width: number] };

  /** (x − mean) / √(variance + ε) over the last axis. */
  standardize: { epsilon: number };
  /** 1 / √(variance + ε) over the last axis, kept with size 1. */
  inverseDeviation: { epsilon: number };
  /** Gradient of standardize: (its result, the inverse deviation, output gradient). */
  standardizeGradient: None;
  /** Over the last axis. */
  softmax: None;

  /** x σ(βx): SiLU where β is 1. */
  swish: { beta: number };
  /** Gradient of swish: (x, output gradient). */
  swishGradient: { beta: number };

  /** GEGLU: (value, gate) → value · GELU(gate), of one shape; GELU(x) = x Φ(x) with Φ the normal distribution. */
  geglu: None;
  /** Gradient of GEGLU to one of its inputs: (value, gate, output gradient). */
  gegluGradient: { of: 'value' | 'gate' };

  /** Softmax attention over heads: queries [B, T, D], keys and values [B, S, D] → [B, T, D]. The scores are never whole in memory. */
  attention: { heads: number };
  /** Gradient of attention to one of its inputs: (queries, keys, values, output, output gradient). */
  attentionGradient: { heads: number; of: 'queries' | 'keys' | 'values' };

  /**
   * What AdamW makes of a parameter or of one of its moments: (parameter, moment 1, moment 2, gradient; then numbers: what
   * the gradient is scaled by, both bias corrections, the learning rate, the share of the parameter that decay leaves).
   */
  adamw: { of: 'parameter' | 'moment1' | 'moment2'; beta1: number; beta2: number; epsilon: number; decays: boolean };

  /** Rows of a table [V, D] by ids [...]: [..., D]. */
  gather: None;
  /** Sum of value rows [..., D] into zeros [rows, D] at ids [...]. */
  scatterAdd: { rows: number };
}

export type PrimitiveName = keyof Primitives;

let counter = 0;

/** A symbolic tensor: one primitive applied to other tensors. Shapes are static. */
export class Tensor<P extends PrimitiveName = PrimitiveName> {
  readonly id: number = counter++;
  readonly op: P;
  readonly inputs: readonly Tensor[];
  readonly attributes: Primitives[P];
  readonly shape: Shape;
  readonly dtype: Dtype;
  constructor(op: P, inputs: readonly Tensor[], attributes: Primitives[P], shape: Shape, dtype: Dtype) {
    this.op = op;
    this.inputs = inputs;
    this.attributes = attributes;
    this.shape = shape;
    this.dtype = dtype;
  }
}

/** Number of elements of a shape. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, n) => product * n, 1);
}

const elementBytes = { float32: 4, int32: 4, bool: 1 } as const;
export const bytesOf = (t: Tensor): number => sizeOf(t.shape) * elementBytes[t.dtype];

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((n, i) => n === b[i]);
}

/** Arithmetic on floats, element by element. */
export const arithmetic: readonly PrimitiveName[] = [
  'negate',
  'exp',
  'log',
  'sqrt',
  'sigmoid',
  'tanh',
  'erf',
  'add',
  'subtract',
  'multiply',
  'divide',
  'maximum',
  'swish',
  'geglu',
];

/** Dispatch through a rule table that is total over the primitives. */
export function lookup<R>(table: { [P in PrimitiveName]: (...args: never[]) => R }, op: PrimitiveName): (...args: unknown[]) => R {
  return table[op] as (...args: unknown[]) => R;
}

/** Which of several roots or inputs is reached first where a graph is walked or written. */
export type WritingOrder = 'first' | 'last';

/** All tensors that the roots depend on, each after its inputs; of several roots or inputs the first is reached first, or the last. */
export function topologicalOrder(roots: readonly Tensor[], from: WritingOrder = 'first'): Tensor[] {
  const order: Tensor[] = [];
  const seen = new Set<Tensor>();
  const stack: { tensor: Tensor; left: Tensor[] }[] = [];
  /** In the order in which they are popped. */
  const turns = (tensors: readonly Tensor[]): Tensor[] => (from === 'first' ? tensors.toReversed() : [...tensors]);
  const left = turns(roots);
  for (let root = left.pop(); root !== undefined; root = left.pop()) {
    if (!seen.has(root)) stack.push({ tensor: root, left: turns(root.inputs) });
    seen.add(root);
    while (stack.length > 0) {
      const top = stack[stack.length - 1]!;
      const input = top.left.pop();
      if (input === undefined) {
        order.push(top.tensor);
        stack.pop();
      } else if (!seen.has(input)) {
        seen.add(input);
        stack.push({ tensor: input, left: turns(input.inputs) });
      }
    }
  }
  return order;
}

/** Tensors that no run changes: constants, and what is made of them alone. `order` has each after its inputs. */
export function fixedTensors(order: readonly Tensor[]): Set<Tensor> {
  const fixed = new Set<Tensor>();
  for (const t of order) if (t.op === 'constant' || (t.inputs.length > 0 && t.inputs.every((x) => fixed.has(x)))) fixed.add(t);
  return fixed;
}

/** Whether a tensor is a constant, or made of constants alone. */
export const isFixed = (x: Tensor): boolean => fixedTensors(topologicalOrder([x])).has(x);

/** What a constant is, however many graphs name it. */
export function keyOf({ id, attributes: { source } }: Tensor<'constant'>): string {
  return source.kind === 'file' ? `${source.path} ${source.offset}` : `${id}`;
}
