/** The shape rule of every primitive: what it accepts and what it yields. */
import { internal } from '../errors.ts';
import { sameShape, sizeOf } from './tensor.ts';
import type { ConvAttributes, Dtype, PrimitiveName, Primitives, Shape, Tensor } from './tensor.ts';

export interface Result {
  shape: Shape;
  dtype: Dtype;
}
type Rule<P extends PrimitiveName> = (inputs: readonly Tensor[], attributes: Primitives[P]) => Result;

const show = (shape: Shape): string => `[${shape.join(', ')}]`;

function check(condition: boolean, message: () => string): void {
  if (!condition) throw internal(message());
}

/** NumPy's broadcasting of two shapes. */
export function broadcastShapes(a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const n = a[a.length - rank + i] ?? 1;
    const m = b[b.length - rank + i] ?? 1;
    check(n === m || n === 1 || m === 1, () => `shapes ${show(a)} and ${show(b)} do not broadcast`);
    return n === 1 ? m : n;
  });
}

function arity(inputs: readonly Tensor[], count: number, op: string): readonly Tensor[] {
  check(inputs.length === count, () => `${op} takes ${count} tensors, got ${inputs.length}`);
  return inputs;
}

/** So many tensors, all of them of floats. */
function floats(inputs: readonly Tensor[], count: number, op: string): readonly Tensor[] {
  check(
    arity(inputs, count, op).every((x) => x.dtype === 'float32'),
    () => `${op} takes float32, got ${inputs.map((x) => x.dtype).join(', ')}`,
  );
  return inputs;
}

const unary: Rule<PrimitiveName> = (inputs) => {
  const [x] = arity(inputs, 1, 'a unary primitive') as [Tensor];
  check(x.dtype === 'float32', () => `expected float32, got ${x.dtype}`);
  return { shape: x.shape, dtype: x.dtype };
};

const binary: Rule<PrimitiveName> = (inputs) => {
  const [a, b] = arity(inputs, 2, 'a binary primitive') as [Tensor, Tensor];
  check(a.dtype === b.dtype, () => `dtypes ${a.dtype} and ${b.dtype} differ`);
  return { shape: broadcastShapes(a.shape, b.shape), dtype: a.dtype };
};

function equalShapes(inputs: readonly Tensor[], count: number, op: string): Result {
  const [first, ...others] = arity(inputs, count, op) as [Tensor, ...Tensor[]];
  const fits = first.dtype === 'float32' && others.every((x) => x.dtype === 'float32' && sameShape(x.shape, first.shape));
  check(fits, () => `${op} of ${inputs.map((x) => `${x.dtype} ${show(x.shape)}`).join(', ')}`);
  return { shape: first.shape, dtype: 'float32' };
}

const comparison: Rule<PrimitiveName> = (inputs) => ({ shape: binary(inputs, {}).shape, dtype: 'bool' });

const reduction: Rule<'reduceSum' | 'reduceMax'> = (inputs, { axes }) => {
  const [x] = arity(inputs, 1, 'a reduction') as [Tensor];
  check(
    axes.every((axis) => axis >= 0 && axis < x.shape.length),
    () => `axes ${show(axes)} of ${show(x.shape)}`,
  );
  return { shape: x.shape.map((n, i) => (axes.includes(i) ? 1 : n)), dtype: x.dtype };
};

/** Output size of a convolution along one axis. */
export function convolvedSize(size: number, kernel: number, stride: number, before: number, after: number): number {
  return Math.floor((size + before + after - kernel) / stride) + 1;
}

function spatial({ stride, padding }: ConvAttributes, size: Shape, kernel: Shape): [number, number] {
  const height = convolvedSize(size[0]!, kernel[0]!, stride, padding[0], padding[1]);
  const width = convolvedSize(size[1]!, kernel[1]!, stride, padding[2], padding[3]);
  check(height > 0 && width > 0, () => `a kernel of ${show(kernel)} is larger than ${show(size)} with padding ${show(padding)}`);
  return [height, width];
}

export const shapeRules: { [P in PrimitiveName]: Rule<P> } = {
  input: (_, { shape, dtype }) => ({ shape, dtype }),
  constant: (_, { shape, dtype }) => ({ shape, dtype }),
  negate: unary,
  exp: unary,
  log: unary,
  sqrt: unary,
  sigmoid: unary,
  tanh: unary,
  erf: unary,
  sin: unary,
  cos: unary,
  add: binary,
  subtract: binary,
  multiply: binary,
  divide: binary,
  maximum: binary,
  equal: comparison,
  less: comparison,
  select: (inputs) => {
    const [condition, a, b] = arity(inputs, 3, 'select') as [Tensor, Tensor, Tensor];
    check(condition.dtype === 'bool' && a.dtype === b.dtype, () => `select of ${condition.dtype}, ${a.dtype}, ${b.dtype}`);
    return { shape: broadcastShapes(condition.shape, broadcastShapes(a.shape, b.shape)), dtype: a.dtype };
  },
  cast: (inputs, { dtype }) => ({ shape: arity(inputs, 1, 'cast')[0]!.shape, dtype }),
  stopGradient: (inputs) => ({ shape: inputs[0]!.shape, dtype: inputs[0]!.dtype }),
  reshape: (inputs, { shape }) => {
    const [x] = arity(inputs, 1, 'reshape') as [Tensor];
    const whole = shape.every((n) => Number.isInteger(n) && n >= 0);
    check(whole && sizeOf(shape) === sizeOf(x.shape), () => `cannot reshape ${show(x.shape)} to ${show(shape)}`);
    return { shape, dtype: x.dtype };
  },
  transpose: (inputs, { permutation }) => {
    const [x] = arity(inputs, 1, 'transpose') as [Tensor];
    const valid = sameShape(
      permutation.toSorted((a, b) => a - b),
      x.shape.map((_, i) => i),
    );
    check(valid, () => `permutation ${show(permutation)} of ${show(x.shape)}`);
    return { shape: permutation.map((axis) => x.shape[axis]!), dtype: x.dtype };
  },
  broadcast: (inputs, { shape }) => {
    const [x] = arity(inputs, 1, 'broadcast') as [Tensor];
    check(sameShape(broadcastShapes(x.shape, shape), shape), () => `cannot broadcast ${show(x.shape)} to ${show(shape)}`);
    return { shape, dtype: x.dtype };
  },
  slice: (inputs, { starts, sizes }) => {
    const [x] = arity(inputs, 1, 'slice') as [Tensor];
    const inside = x.shape.every((n, i) => starts[i]! >= 0 && sizes[i]! > 0 && starts[i]! + sizes[i]! <= n);
    check(starts.length === x.shape.length && inside, () => `slice ${show(starts)} + ${show(sizes)} of ${show(x.shape)}`);
    return { shape: sizes, dtype: x.dtype };
  },
  pad: (inputs, { before, after }) => {
    const [x] = arity(inputs, 1, 'pad') as [Tensor];
    const fits = before.length === x.shape.length && after.length === x.shape.length && [...before, ...after].every((n) => n >= 0);
    check(fits, () => `padding ${show(before)}, ${show(after)} of ${show(x.shape)}`);
    return { shape: x.shape.map((n, i) => before[i]! + n + after[i]!), dtype: x.dtype };
  },
  concat: (inputs, { axis }) => {
    const first = inputs[0]!;
    for (const x of inputs) {
      const fits = x.dtype === first.dtype && x.shape.every((n, i) => i === axis || n === first.shape[i]);
      check(fits && x.shape.length === first.shape.length, () => `concat of ${inputs.map((t) => show(t.shape)).join(', ')}`);
    }
    const total = inputs.reduce((sum, x) => sum + x.shape[axis]!, 0);
    return { shape: first.shape.map((n, i) => (i === axis ? total : n)), dtype: first.dtype };
  },
  reduceSum: reduction,
  reduceMax: reduction,
  matmul: (inputs) => {
    const [a, b] = floats(inputs, 2, 'matmul') as [Tensor, Tensor];
    const shared = b.shape.length === 2 || sameShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
    const fits = a.shape.length >= 2 && b.shape.length >= 2 && shared && a.shape.at(-1) === b.shape.at(-2);
    check(fits, () => `matmul of ${show(a.shape)} and ${show(b.shape)}`);
    return { shape: [...a.shape.slice(0, -1), b.shape.at(-1)!], dtype: 'float32' };
  },
  conv2d: (inputs, attributes) => {
    const [x, w] = floats(inputs, 2, 'conv2d') as [Tensor, Tensor];
    const fits = x.shape.length === 4 && w.shape.length === 4 && x.shape[1] === w.shape[1];
    check(fits, () => `conv2d of ${show(x.shape)} with weights ${show(w.shape)}`);
    return { shape: [x.shape[0]!, w.shape[0]!, ...spatial(attributes, x.shape.slice(2), w.shape.slice(2))], dtype: 'float32' };
  },
  conv2dInputGradient: (inputs, attributes) => {
    const [g, w] = floats(inputs, 2, 'conv2dInputGradient') as [Tensor, Tensor];
    const fits = sameShape(g.shape.slice(2), spatial(attributes, attributes.inputSize, w.shape.slice(2)));
    check(fits && g.shape[1] === w.shape[0], () => `conv2d input gradient of ${show(g.shape)} with ${show(w.shape)}`);
    return { shape: [g.shape[0]!, w.shape[1]!, ...attributes.inputSize], dtype: 'float32' };
  },
  conv2dWeightGradient: (inputs, attributes) => {
    const [x, g] = floats(inputs, 2, 'conv2dWeightGradient') as [Tensor, Tensor];
    const fits = sameShape(g.shape.slice(2), spatial(attributes, x.shape.slice(2), attributes.kernel));
    check(fits && g.shape[0] === x.shape[0], () => `conv2d weight gradient of ${show(x.shape)} with ${show(g.shape)}`);
    return { shape: [g.shape[1]!, x.shape[1]!, ...attributes.kernel], dtype: 'float32' };
  },
  standardize: (inputs) => unary(inputs, {}),
  inverseDeviation: (inputs) => ({ shape: [...floats(inputs, 1, 'inverseDeviation')[0]!.shape.slice(0, -1), 1], dtype: 'float32' }),
  standardizeGradient: (inputs) => {
    const [y, inverse, g] = floats(inputs, 3, 'standardizeGradient') as [Tensor, Tensor, Tensor];
    const fits = sameShape(y.shape, g.shape) && sameShape(inverse.shape, [...y.shape.slice(0, -1), 1]);
    check(fits, () => `standardizeGradient of ${show(y.shape)}, ${show(inverse.shape)}, ${show(g.shape)}`);
    return { shape: y.shape, dtype: 'float32' };
  },
  softmax: (inputs) => unary(inputs, {}),
  swish: (inputs) => unary(inputs, {}),
  swishGradient: (inputs) => equalShapes(inputs, 2, 'swishGradient'),
  geglu: (inputs) => equalShapes(inputs, 2, 'geglu'),
  gegluGradient: (inputs) => equalShapes(inputs, 3, 'gegluGradient'),
  attention: (inputs, { heads }) => {
    const [q, k, v] = floats(inputs, 3, 'attention') as [Tensor, Tensor, Tensor];
    const fits = q.shape.length === 3 && sameShape(k.shape, v.shape) && q.shape[0] === k.shape[0] && q.shape[2] === k.shape[2];
    check(fits && q.shape[2]! % heads === 0, () => `attention of ${show(q.shape)}, ${show(k.shape)}, ${show(v.shape)} in ${heads} heads`);
    return { shape: q.shape, dtype: 'float32' };
  },
  attentionGradient: (inputs, { of }) => {
    const [q, k] = floats(inputs, 5, 'attentionGradient') as [Tensor, Tensor];
    return { shape: of === 'queries' ? q.shape : k.shape, dtype: 'float32' };
  },
  adamw: (inputs) => {
    equalShapes(inputs.slice(0, 4), 4, 'adamw');
    check(inputs.length === 9 && inputs.slice(4).every((x) => x.shape.length === 0), () => 'adamw takes four tensors and five numbers');
    return { shape: inputs[0]!.shape, dtype: 'float32' };
  },
  gather: (inputs) => {
    const [table, ids] = arity(inputs, 2, 'gather') as [Tensor, Tensor];
    check(table.shape.length === 2 && ids.dtype === 'int32', () => `gather of ${show(table.shape)} by ${ids.dtype} ids`);
    return { shape: [...ids.shape, table.shape[1]!], dtype: table.dtype };
  },
  scatterAdd: (inputs, { rows }) => {
    const [values, ids] = arity(inputs, 2, 'scatterAdd') as [Tensor, Tensor];
    const fits = values.dtype === 'float32' && ids.dtype === 'int32' && sameShape(values.shape.slice(0, -1), ids.shape);
    check(fits, () => `scatterAdd of ${values.dtype} ${show(values.shape)} at ${ids.dtype} ${show(ids.shape)}`);
    return { shape: [rows, values.shape.at(-1)!], dtype: 'float32' };
  },
};
