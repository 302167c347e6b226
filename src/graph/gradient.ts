/** Reverse mode: one rule per primitive, and a walk over the paths that reach the targets. */
import { internal } from '../errors.ts';
import {
  add,
  attentionGradient,
  broadcast,
  cast,
  concat,
  conv2d,
  conv2dInputGradient,
  conv2dWeightGradient,
  cos,
  divide,
  equal,
  exp,
  gather,
  gegluGradient,
  inverseDeviation,
  matmul,
  multiply,
  negate,
  pad,
  reshape,
  scalar,
  scatterAdd,
  select,
  sin,
  slice,
  sliceAxis,
  square,
  standardizeGradient,
  subtract,
  sum,
  sumTo,
  swapLast,
  swishGradient,
  transpose,
} from './ops.ts';
import { Recomputation } from './recompute.ts';
import { lookup, topologicalOrder } from './tensor.ts';
import type { PrimitiveName, Tensor } from './tensor.ts';

/**
 * Gradients to each input, given the output's. A rule computes only what `needed` asks for;
 * `undefined` says that nothing flows there.
 */
type Rule<P extends PrimitiveName> = (y: Tensor<P>, g: Tensor, needed: readonly boolean[]) => (Tensor | undefined)[];

/** Nothing flows back: the primitive is piecewise constant or a leaf. */
const noGradient: Rule<PrimitiveName> = (y) => y.inputs.map(() => undefined);
/** Only ever made by a gradient rule: second derivatives are not supported. */
const firstOrderOnly: Rule<PrimitiveName> = (y) => {
  throw internal(`${y.op} has no gradient: it is itself part of a gradient`);
};

const x0 = (y: Tensor): Tensor => y.inputs[0]!;
const x1 = (y: Tensor): Tensor => y.inputs[1]!;

export const gradientRules: { [P in PrimitiveName]: Rule<P> } = {
  input: noGradient,
  constant: noGradient,
  negate: (_, g) => [negate(g)],
  exp: (y, g) => [multiply(g, y)],
  log: (y, g) => [divide(g, x0(y))],
  sqrt: (y, g) => [divide(multiply(g, 0.5), y)],
  sigmoid: (y, g) => [multiply(g, multiply(y, subtract(1, y)))],
  tanh: (y, g) => [multiply(g, subtract(1, square(y)))],
  erf: (y, g) => [multiply(g, multiply(2 / Math.sqrt(Math.PI), exp(negate(square(x0(y))))))],
  sin: (y, g) => [multiply(g, cos(x0(y)))],
  cos: (y, g) => [negate(multiply(g, sin(x0(y))))],
  add: (y, g) => y.inputs.map((x) => sumTo(g, x.shape)),
  subtract: (y, g, needed) => [needed[0] ? sumTo(g, x0(y).shape) : undefined, needed[1] ? sumTo(negate(g), x1(y).shape) : undefined],
  multiply: (y, g, needed) => [
    needed[0] ? sumTo(multiply(g, x1(y)), x0(y).shape) : undefined,
    needed[1] ? sumTo(multiply(g, x0(y)), x1(y).shape) : undefined,
  ],
  divide: (y, g, needed) => [
    needed[0] ? sumTo(divide(g, x1(y)), x0(y).shape) : undefined,
    needed[1] ? sumTo(negate(divide(multiply(g, y), x1(y))), x1(y).shape) : undefined,
  ],
  // Ties share the gradient, as in PyTorch.
  maximum: (y, g) => {
    const tie = cast(equal(x0(y), x1(y)), 'float32');
    return [x0(y), x1(y)].map((x) => sumTo(multiply(g, multiply(cast(equal(x, y), 'float32'), subtract(1, multiply(tie, 0.5)))), x.shape));
  },
  equal: noGradient,
  less: noGradient,
  select: (y, g) => {
    const [condition, a, b] = y.inputs as [Tensor, Tensor, Tensor];
    return [undefined, sumTo(select(condition, g, 0), a.shape), sumTo(select(condition, 0, g), b.shape)];
  },
  cast: noGradient,
  stopGradient: noGradient,
  reshape: (y, g) => [reshape(g, x0(y).shape)],
  transpose: (y, g) => [
    transpose(
      g,
      y.attributes.permutation.map((_, i) => y.attributes.permutation.indexOf(i)),
    ),
  ],
  broadcast: (y, g) => [sumTo(g, x0(y).shape)],
  slice: (y, g) => {
    const { starts, sizes } = y.attributes;
    return [
      pad(
        g,
        starts,
        x0(y).shape.map((n, i) => n - starts[i]! - sizes[i]!),
      ),
    ];
  },
  pad: (y, g) => [slice(g, y.attributes.before, x0(y).shape)],
  concat: (y, g, needed) => {
    let start = 0;
    return y.inputs.map((x, i) => {
      const size = x.shape[y.attributes.axis]!;
      start += size;
      return needed[i] ? sliceAxis(g, y.attributes.axis, start - size, size) : undefined;
    });
  },
  reduceSum: (y, g) => [broadcast(g, x0(y).shape)],
  // Ties share the gradient.
  reduceMax: (y, g) => {
    const hit = cast(equal(x0(y), y), 'float32');
    return [multiply(hit, divide(g, sum(hit, y.attributes.axes, true)))];
  },
  matmul: (y, g, needed) => {
    const [a, b] = [x0(y), x1(y)];
    const da = needed[0] ? matmul(g, swapLast(b)) : undefined;
    if (!needed[1]) return [da, undefined];
    if (b.shape.length > 2 || a.shape.length === 2) return [da, matmul(swapLast(a), g)];
    const rows = reshape(a, [-1, a.shape.at(-1)!]);
    return [da, matmul(swapLast(rows), reshape(g, [-1, g.shape.at(-1)!]))];
  },
  conv2d: (y, g, needed) => {
    const [x, w] = [x0(y), x1(y)];
    const size = (t: Tensor): [number, number] => [t.shape[2]!, t.shape[3]!];
    return [
      needed[0] ? conv2dInputGradient(g, w, { ...y.attributes, inputSize: size(x) }) : undefined,
      needed[1] ? conv2dWeightGradient(x, g, { ...y.attributes, kernel: size(w) }) : undefined,
    ];
  },
  // The adjoint of the adjoint is the convolution itself.
  conv2dInputGradient: (y, g, needed) => {
    const [h, w] = [x0(y), x1(y)];
    const { stride, padding } = y.attributes;
    return [
      needed[0] ? conv2d(g, w, { stride, padding }) : undefined,
      needed[1] ? conv2dWeightGradient(g, h, { stride, padding, kernel: [w.shape[2]!, w.shape[3]!] }) : undefined,
    ];
  },
  conv2dWeightGradient: firstOrderOnly,
  standardize: (y, g) => [standardizeGradient(y, inverseDeviation(x0(y), y.attributes.epsilon), g)],
  inverseDeviation: firstOrderOnly,
  standardizeGradient: firstOrderOnly,
  softmax: (y, g) => {
    const weighted = multiply(g, y);
    return [subtract(weighted, multiply(y, sum(weighted, [-1], true)))];
  },
  swish: (y, g) => [swishGradient(x0(y), g, y.attributes.beta)],
  swishGradient: firstOrderOnly,
  geglu: (y, g, needed) => (['value', 'gate'] as const).map((of, i) => (needed[i] ? gegluGradient([...y.inputs, g], of) : undefined)),
  gegluGradient: firstOrderOnly,
  attention: (y, g, needed) =>
    (['queries', 'keys', 'values'] as const).map((of, i) =>
      needed[i] ? attentionGradient([...y.inputs, y, g], y.attributes.heads, of) : undefined,
    ),
  attentionGradient: firstOrderOnly,
  adamw: firstOrderOnly,
  gather: (y, g) => [scatterAdd(g, x1(y), x0(y).shape[0]!), undefined],
  scatterAdd: (y, g) => [gather(g, x1(y)), undefined],
};

/** The sum of two flows; of neighbouring parts of one axis it is what they are when joined. */
function together(a: Tensor, b: Tensor): Tensor {
  if (a.op !== 'pad' || b.op !== 'pad') return add(a, b);
  const [first, second] = [a, b].toSorted((x, y) => startOf(x) - startOf(y)) as [Tensor<'pad'>, Tensor<'pad'>];
  const rank = a.shape.length;
  const axes = Array.from({ length: rank }, (_, i) => i).filter(
    (i) => x0(first).shape[i] !== a.shape[i] || x0(second).shape[i] !== a.shape[i],
  );
  const axis = axes[0]!;
  const end = first.attributes.before[axis]! + x0(first).shape[axis]!;
  if (axes.length > 1 || end !== second.attributes.before[axis]) return add(a, b);
  const after = Array.from({ length: rank }, (_, i) => (i === axis ? second.attributes.after[axis]! : 0));
  return pad(concat([x0(first), x0(second)], axis), first.attributes.before, after);
}
const startOf = (x: Tensor): number => (x as Tensor<'pad'>).attributes.before.reduce((total, n) => total + n, 0);

export interface GradientOptions {
  /** Compute again in the backward pass what takes much memory to keep and a few hundredths of the time to make. */
  sparing?: boolean;
}

/**
 * Gradients of a scalar with respect to the targets, in their order. Only tensors on a path from a
 * target to the loss are visited, so what is frozen costs nothing.
 * Throws an internal error when the loss is not a scalar or does not depend on a target.
 */
export function gradients(loss: Tensor, targets: readonly Tensor[], { sparing = false }: GradientOptions = {}): Tensor[] {
  if (loss.shape.length > 0) throw internal(`the loss must be a scalar, got [${loss.shape.join(', ')}]`);
  const order = topologicalOrder([loss]);
  const active = new Set<Tensor>(targets);
  for (const tensor of order) {
    if (tensor.op !== 'stopGradient' && tensor.inputs.some((x) => active.has(x))) active.add(tensor);
  }
  const cotangents = new Map<Tensor, Tensor>([[loss, scalar(1)]]);
  const recomputation = new Recomputation(order, sparing);
  for (const y of order.toReversed()) {
    const g = cotangents.get(y);
    if (g === undefined || !active.has(y)) continue;
    const needed = y.inputs.map((x) => active.has(x));
    if (!needed.includes(true)) continue;
    const flows = lookup(gradientRules, y.op)(recomputation.view(y), g, needed);
    y.inputs.forEach((x, i) => {
      const flow = flows[i];
      if (!needed[i] || flow === undefined) return;
      const earlier = cotangents.get(x);
      cotangents.set(x, earlier === undefined ? flow : together(earlier, flow));
    });
  }
  return targets.map((target) => {
    const g = cotangents.get(target);
    if (g === undefined) throw internal(`the loss does not depend on a target of shape [${target.shape.join(', ')}]`);
    return g;
  });
}
