/** Constructors: plain functions from tensors to tensors. Numbers stand for scalar constants. */
import { internal } from '../errors.ts';
import { shapeRules } from './shapes.ts';
import { Tensor, lookup, sameShape, sizeOf } from './tensor.ts';
import type { ConvAttributes, Dtype, FileSource, PrimitiveName, Primitives, Shape } from './tensor.ts';

export type Operand = Tensor | number;

function apply<P extends PrimitiveName>(op: P, inputs: readonly Tensor[], attributes: Primitives[P]): Tensor {
  const { shape, dtype } = lookup(shapeRules, op)(inputs, attributes);
  return new Tensor(op, inputs, attributes, shape, dtype);
}

/** A value given at each run. */
export function input(name: string, shape: Shape, dtype: Dtype = 'float32'): Tensor {
  return apply('input', [], { name, role: 'feed', shape, dtype });
}

/** A value that the engine keeps between runs, under this name; a program may update it in place. */
export function state(name: string, shape: Shape, dtype: Dtype = 'float32'): Tensor {
  return apply('input', [], { name, role: 'state', shape, dtype });
}

export function constant(data: Float32Array | Int32Array | Uint8Array, shape: Shape): Tensor {
  if (data.length !== sizeOf(shape)) throw internal(`constant of ${data.length} elements for [${shape.join(', ')}]`);
  const dtype = data instanceof Float32Array ? 'float32' : data instanceof Int32Array ? 'int32' : 'bool';
  return apply('constant', [], { source: { kind: 'memory', data }, shape, dtype });
}

/** A float32 constant whose bytes stay inside a file, which may hold half-precision ones. */
export function fileConstant(path: string, offset: number, shape: Shape, stored: FileSource['stored'] = 'float32'): Tensor {
  const length = sizeOf(shape) * (stored === 'float32' ? 4 : 2);
  return apply('constant', [], { source: { kind: 'file', path, offset, length, stored }, shape, dtype: 'float32' });
}

export function scalar(value: number, dtype: 'float32' | 'int32' = 'float32'): Tensor {
  return constant(dtype === 'float32' ? Float32Array.of(value) : Int32Array.of(value), []);
}

function operand(value: Operand, like: Operand): Tensor {
  if (value instanceof Tensor) return value;
  return scalar(value, like instanceof Tensor && like.dtype === 'int32' ? 'int32' : 'float32');
}

function pair(a: Operand, b: Operand): [Tensor, Tensor] {
  return [operand(a, b), operand(b, a)];
}

export const negate = (x: Tensor): Tensor => apply('negate', [x], {});
export const exp = (x: Tensor): Tensor => apply('exp', [x], {});
export const log = (x: Tensor): Tensor => apply('log', [x], {});
export const sqrt = (x: Tensor): Tensor => apply('sqrt', [x], {});
export const sigmoid = (x: Tensor): Tensor => apply('sigmoid', [x], {});
export const tanh = (x: Tensor): Tensor => apply('tanh', [x], {});
export const erf = (x: Tensor): Tensor => apply('erf', [x], {});
export const sin = (x: Tensor): Tensor => apply('sin', [x], {});
export const cos = (x: Tensor): Tensor => apply('cos', [x], {});

export const add = (a: Operand, b: Operand): Tensor => apply('add', pair(a, b), {});
export const subtract = (a: Operand, b: Operand): Tensor => apply('subtract', pair(a, b), {});
export const multiply = (a: Operand, b: Operand): Tensor => apply('multiply', pair(a, b), {});
export const divide = (a: Operand, b: Operand): Tensor => apply('divide', pair(a, b), {});
export const maximum = (a: Operand, b: Operand): Tensor => apply('maximum', pair(a, b), {});
export const equal = (a: Operand, b: Operand): Tensor => apply('equal', pair(a, b), {});
export const less = (a: Operand, b: Operand): Tensor => apply('less', pair(a, b), {});
export const select = (condition: Tensor, a: Operand, b: Operand): Tensor => apply('select', [condition, ...pair(a, b)], {});
/** |x|, as the larger of x and −x. */
export const abs = (x: Tensor): Tensor => maximum(x, negate(x));
export const square = (x: Tensor): Tensor => multiply(x, x);
export const cast = (x: Tensor, dtype: Dtype): Tensor => (x.dtype === dtype ? x : apply('cast', [x], { dtype }));
export const stopGradient = (x: Tensor): Tensor => apply('stopGradient', [x], {});

/** An axis counted from the end where it is negative. Throws an internal error where there is none such. */
function axisOf(x: Tensor, axis: number): number {
  const rank = x.shape.length;
  if (!(axis >= -rank && axis < rank)) throw internal(`axis ${axis} of [${x.shape.join(', ')}]`);
  return axis < 0 ? axis + rank : axis;
}

/** One dimension may be −1: it takes what is left. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const known = shape.reduce((product, n) => (n === -1 ? product : product * n), 1);
  const left = sizeOf(x.shape) / known;
  const full = shape.map((n) => (n === -1 && Number.isInteger(left) ? left : n));
  return sameShape(full, x.shape) ? x : apply('reshape', [x], { shape: full });
}
/** A transpose of a transpose is one, or none. */
export function transpose(x: Tensor, permutation: readonly number[]): Tensor {
  if (x.op === 'transpose') {
    const inner = (x as Tensor<'transpose'>).attributes.permutation;
    return transpose(
      x.inputs[0]!,
      permutation.map((axis) => inner[axis]!),
    );
  }
  return sameShape(
    permutation,
    x.shape.map((_, i) => i),
  )
    ? x
    : apply('transpose', [x], { permutation });
}
/** Exchange the last two axes. */
export function swapLast(x: Tensor): Tensor {
  const rank = x.shape.length;
  return transpose(x, [...Array.from({ length: rank - 2 }, (_, i) => i), rank - 1, rank - 2]);
}
export function broadcast(x: Tensor, shape: Shape): Tensor {
  return sameShape(shape, x.shape) ? x : apply('broadcast', [x], { shape });
}
export function slice(x: Tensor, starts: readonly number[], sizes: readonly number[]): Tensor {
  return sameShape(sizes, x.shape) && starts.every((n) => n === 0) ? x : apply('slice', [x], { starts, sizes });
}
/** `size` entries of one axis, from `start`. */
export function sliceAxis(x: Tensor, axis: number, start: number, size: number): Tensor {
  const along = axisOf(x, axis);
  return slice(
    x,
    x.shape.map((_, i) => (i === along ? start : 0)),
    x.shape.map((n, i) => (i === along ? size : n)),
  );
}
export function pad(x: Tensor, before: readonly number[], after: readonly number[]): Tensor {
  return [...before, ...after].every((n) => n === 0) ? x : apply('pad', [x], { before, after });
}
export function concat(tensors: readonly Tensor[], axis: number): Tensor {
  return tensors.length === 1 ? tensors[0]! : apply('concat', tensors, { axis: axisOf(tensors[0]!, axis) });
}

function reduce(op: 'reduceSum' | 'reduceMax', x: Tensor, axes: readonly number[] | undefined, keep: boolean): Tensor {
  const resolved = (axes ?? x.shape.map((_, i) => i)).map((axis) => axisOf(x, axis));
  const reduced = resolved.length === 0 ? x : apply(op, [x], { axes: resolved });
  return keep
    ? reduced
    : reshape(
        reduced,
        x.shape.filter((_, i) => !resolved.includes(i)),
      );
}
/** Sum over the axes (all of them when none are named). */
export const sum = (x: Tensor, axes?: readonly number[], keep = false): Tensor => reduce('reduceSum', x, axes, keep);
export const max = (x: Tensor, axes?: readonly number[], keep = false): Tensor => reduce('reduceMax', x, axes, keep);
export function mean(x: Tensor, axes?: readonly number[], keep = false): Tensor {
  const total = sum(x, axes, keep);
  return multiply(total, sizeOf(total.shape) / sizeOf(x.shape));
}

export const matmul = (a: Tensor, b: Tensor): Tensor => apply('matmul', [a, b], {});
/** A single padding number stands for all four sides. */
export type ConvOptions = Partial<Omit<ConvAttributes, 'padding'>> & { padding?: number | ConvAttributes['padding'] };

/** [B, C, H, W] with weights [O, C, kH, kW]. */
export function conv2d(x: Tensor, weight: Tensor, options: ConvOptions = {}): Tensor {
  const { stride = 1, padding: p = 0, inPairs = false } = options;
  return apply('conv2d', [x, weight], { stride, padding: typeof p === 'number' ? [p, p, p, p] : p, ...(inPairs && { inPairs }) });
}
export function conv2dInputGradient(g: Tensor, weight: Tensor, attributes: Primitives['conv2dInputGradient']): Tensor {
  return apply('conv2dInputGradient', [g, weight], attributes);
}
/** [B, C, H, W] with weights [C, O, kH, kW] → [B, O, outputs]: the gradient of a convolution to its input, which is the same map. */
export function transposedConv2d(
  x: Tensor,
  weight: Tensor,
  { stride, padding: p, outputSize }: { stride: number; padding: number; outputSize: readonly [height: number, width: number] },
): Tensor {
  return conv2dInputGradient(x, weight, { stride, padding: [p, p, p, p], inputSize: outputSize });
}
export function conv2dWeightGradient(x: Tensor, g: Tensor, attributes: Primitives['conv2dWeightGradient']): Tensor {
  return apply('conv2dWeightGradient', [x, g], attributes);
}
export const standardize = (x: Tensor, epsilon: number): Tensor => apply('standardize', [x], { epsilon });
export const inverseDeviation = (x: Tensor, epsilon: number): Tensor => apply('inverseDeviation', [x], { epsilon });
export const standardizeGradient = (y: Tensor, inverse: Tensor, g: Tensor): Tensor => apply('standardizeGradient', [y, inverse, g], {});
export const softmax = (x: Tensor): Tensor => apply('softmax', [x], {});
export const attention = (queries: Tensor, keys: Tensor, values: Tensor, heads: number): Tensor =>
  apply('attention', [queries, keys, values], { heads });
/** x σ(βx) (Ramachandran et al. 2017, Searching for Activation Functions). */
export const swish = (x: Tensor, beta: number): Tensor => apply('swish', [x], { beta });
export const swishGradient = (x: Tensor, g: Tensor, beta: number): Tensor => apply('swishGradient', [x, g], { beta });
/** value · GELU(gate), of one shape (Shazeer 2020, GLU Variants Improve Transformer). */
export const geglu = (value: Tensor, gate: Tensor): Tensor => apply('geglu', [value, gate], {});
export function gegluGradient(inputs: readonly Tensor[], of: Primitives['gegluGradient']['of']): Tensor {
  return apply('gegluGradient', inputs, { of });
}
/** @param numbers what the gradient is scaled by, both bias corrections, the learning rate, the share that decay leaves */
export function adamwUpdate(
  [parameter, moment1, moment2, gradient]: readonly [parameter: Tensor, moment1: Tensor, moment2: Tensor, gradient: Tensor],
  numbers: readonly Operand[],
  attributes: Primitives['adamw'],
): Tensor {
  return apply('adamw', [parameter, moment1, moment2, gradient, ...numbers.map((n) => operand(n, parameter))], attributes);
}
export function attentionGradient(inputs: readonly Tensor[], heads: number, of: Primitives['attentionGradient']['of']): Tensor {
  return apply('attentionGradient', inputs, { heads, of });
}
export const gather = (table: Tensor, ids: Tensor): Tensor => apply('gather', [table, ids], {});
export const scatterAdd = (values: Tensor, ids: Tensor, rows: number): Tensor => apply('scatterAdd', [values, ids], { rows });

/** Sum a tensor down to a shape that broadcasts to its own. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const extra = x.shape.length - shape.length;
  const axes = x.shape.map((_, i) => i).filter((i) => i < extra || (shape[i - extra] === 1 && x.shape[i] !== 1));
  return reshape(sum(x, axes, true), shape);
}
