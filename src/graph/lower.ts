/** Lowering: one rule per primitive, from the graph to the bytes of an ONNX model. */
import path from 'node:path';
import { internal } from '../errors.ts';
import { adamw } from './lower-adamw.ts';
import { channelAffine, scaleAndShift } from './lower-affine.ts';
import { attention, attentionGradient } from './lower-attention.ts';
import { gather, isInBlocks, scatterAdd } from './lower-gather.ts';
import { spread } from './lower-elementwise.ts';
import { geglu, gegluGradient } from './lower-geglu.ts';
import { constantRows, factorRows, matmul } from './lower-matmul.ts';
import { inverseDeviation, standardize, standardizeGradient } from './lower-norm.ts';
import { swish, swishGradient } from './lower-swish.ts';
import { cosine, sine } from './lower-trigonometry.ts';
import { halves, products } from './precision.ts';
import type { Precision } from './precision.ts';
import { prepareTaps } from './lower-winograd.ts';
import { weightGradient } from './lower-weight-gradient.ts';
import { convolution, inputGradient, readsAsStored } from './lower-convolution.ts';
import { OnnxBuilder } from './onnx.ts';
import type { LoweringOptions, OnnxModel } from './onnx.ts';
import { lookup, topologicalOrder } from './tensor.ts';
import type { PrimitiveName, Tensor } from './tensor.ts';

/** Emit ONNX nodes for a primitive, and name the value that holds its result. */
type Rule<P extends PrimitiveName> = (y: Tensor<P>, inputs: readonly string[], b: OnnxBuilder) => string;

const simple =
  (op: string): Rule<PrimitiveName> =>
  (_, inputs, b) =>
    b.node(op, inputs);
/** Of two numbers or tensors. */
const binary =
  (op: string): Rule<PrimitiveName> =>
  (y, inputs, b) =>
    b.node(
      op,
      inputs.map((name, i) => (y.inputs[i]!.shape.length === 0 ? spread(name, y.shape, b) : name)),
    );

export const lowerings: { [P in PrimitiveName]: Rule<P> } = {
  input: (y, _, b) => b.input(y.attributes.name, y.shape, y.dtype),
  constant: (y, _, b) => b.leaf(y, y.shape),
  // ONNX Runtime's Neg for the CPU works in one thread.
  negate: (y, [x], b) => (b.device === 'cpu' && y.dtype === 'float32' ? b.node('Mul', [x!, b.number(-1)]) : b.node('Neg', [x!])),
  exp: simple('Exp'),
  log: simple('Log'),
  sqrt: simple('Sqrt'),
  sigmoid: simple('Sigmoid'),
  tanh: simple('Tanh'),
  erf: simple('Erf'),
  sin: sine,
  cos: cosine,
  add: (y, inputs, b) => (channelAffine(y, b) === undefined ? binary('Add')(y, inputs, b) : scaleAndShift(y, inputs, b)),
  subtract: binary('Sub'),
  multiply: binary('Mul'),
  divide: binary('Div'),
  maximum: binary('Max'),
  equal: binary('Equal'),
  less: binary('Less'),
  select: simple('Where'),
  cast: (y, inputs, b) => b.node('Cast', inputs, { to: b.dtype(y.attributes.dtype) }),
  stopGradient: (_, [x]) => x!,
  reshape: (y, [x], b) => b.node('Reshape', [x!, b.ints([...y.shape])]),
  transpose: (y, inputs, b) => b.node('Transpose', inputs, { perm: [...y.attributes.permutation] }),
  broadcast: (y, [x], b) => b.node('Expand', [x!, b.ints([...y.shape])]),
  slice: (y, [x], b) => {
    const rows = constantRows(y);
    if (rows !== undefined) return b.leafRows(rows.table, rows.start, rows.count);
    const from = y.inputs[0]!.shape;
    const axes = from.map((_, i) => i).filter((i) => y.shape[i] !== from[i]);
    const starts = axes.map((i) => y.attributes.starts[i]!);
    return b.node('Slice', [x!, b.ints(starts), b.ints(axes.map((i, k) => starts[k]! + y.shape[i]!)), b.ints(axes)]);
  },
  pad: (y, [x], b) => b.node('Pad', [x!, b.ints([...y.attributes.before, ...y.attributes.after])]),
  concat: (y, inputs, b) => b.node('Concat', inputs, { axis: y.attributes.axis }),
  reduceSum: (y, [x], b) => b.node('ReduceSum', [x!, b.ints(y.attributes.axes)], { keepdims: 1 }),
  reduceMax: (y, [x], b) => b.node('ReduceMax', [x!, b.ints(y.attributes.axes)], { keepdims: 1 }),
  matmul,
  conv2d: convolution,
  conv2dInputGradient: inputGradient,
  conv2dWeightGradient: weightGradient,
  standardize,
  inverseDeviation,
  standardizeGradient,
  softmax: (_, inputs, b) => b.node('Softmax', inputs, { axis: -1 }),
  swish,
  swishGradient,
  geglu,
  gegluGradient,
  attention,
  attentionGradient,
  adamw,
  gather,
  scatterAdd,
};

/** Whether a weight of this product is taken as it lies in its file. */
function multipliesStored(y: Tensor, lean: boolean): boolean {
  return y.op === 'conv2dInputGradient' ? readsAsStored(y as Tensor<'conv2dInputGradient'>, lean) : y.op === 'matmul' || y.op === 'conv2d';
}

export interface LoweredModel extends OnnxModel {
  inputs: Tensor<'input'>[];
  /** The folder that external constants are named relative to. */
  externalFolder: string | undefined;
  /** The files that they lie in, and bytes of them there. */
  externalFiles: ReadonlyMap<string, number>;
}

/** What the rule of `y` is given the names of: its inputs, but for constants that it emits itself, or what these are made of. */
function readBy(y: Tensor, b: OnnxBuilder): readonly (Tensor | undefined)[] {
  if (y.op === 'matmul' && factorRows(y as Tensor<'matmul'>) !== undefined) return [y.inputs[0], undefined];
  if (y.op === 'gather' && isInBlocks(y.inputs[0]!, b)) return [undefined, y.inputs[1]];
  return channelAffine(y, b) ?? y.inputs;
}

/** ONNX bytes that compute the named outputs on a device. All file constants must lie in one folder tree. */
export function lower(outputs: Readonly<Record<string, Tensor>>, options: LoweringOptions = {}): LoweredModel {
  const order = topologicalOrder(Object.values(outputs), options.from);
  const externalFiles = filesOf(order);
  const externalFolder = commonFolder([...externalFiles.keys()]);
  const builder = new OnnxBuilder(externalFolder, options);
  const names = new Map<Tensor, string>();
  const inputs = new Map<string, Tensor<'input'>>();
  // What rules emit of their inputs themselves is not computed for them.
  const used = new Set(Object.values(outputs));
  for (const tensor of order.toReversed()) {
    if (used.has(tensor)) for (const x of readBy(tensor, builder)) if (x !== undefined) used.add(x);
  }
  const half = options.precision === 'float16' ? halves(order) : new Set<Tensor>();
  /** The name of a tensor in the precision that its user works in, in whatever shape it lies. */
  const asItLies = (x: Tensor, precision: Precision): string => {
    const name = names.get(x);
    if (name === undefined) return '';
    if (x.op === 'constant' && x.dtype === 'float32') return builder.leaf(x as Tensor<'constant'>, x.shape);
    return x.dtype !== 'float32' || half.has(x) === (precision === 'float16') ? name : builder.cast(name, precision);
  };
  const nameIn = (x: Tensor, precision: Precision): string => builder.asShaped(asItLies(x, precision), x.shape);
  const emit = (tensor: Tensor): void => {
    if (tensor.op === 'input') {
      const leaf = tensor as Tensor<'input'>;
      const earlier = inputs.get(leaf.attributes.name);
      if (earlier !== undefined) {
        names.set(tensor, names.get(earlier)!);
        return;
      }
      inputs.set(leaf.attributes.name, leaf);
    }
    const isProduct = half.has(tensor) && products.has(tensor.op);
    const precision = half.has(tensor) && !isProduct ? 'float16' : 'float32';
    // Attention has no weights: what its rule adds are numbers to multiply by, in float32 as all of it.
    builder.half = half.has(tensor) && !tensor.op.startsWith('attention');
    builder.keepsStored = builder.sparing && builder.device === 'cpu' && multipliesStored(tensor, builder.lean);
    const given = readBy(tensor, builder).map((x) => (x === undefined ? '' : nameIn(x, precision)));
    // A constant is emitted where it is used, in the precision that it is used in.
    const isConstant = tensor.op === 'constant' && tensor.dtype === 'float32';
    const name = isConstant ? 'constant' : lookup(lowerings, tensor.op)(tensor, given, builder);
    if ((isProduct && builder.half) || builder.keepsStored) builder.describe(name, tensor.shape);
    names.set(tensor, isProduct ? builder.cast(name, 'float16') : name);
  };
  const written = order.filter((t) => used.has(t));
  const partOf = (t: Tensor): number => options.parts?.get(t) ?? 0;
  /** The last part that reads a tensor; for outputs one after all. */
  const lastRead = new Map<Tensor, number>(Object.values(outputs).map((t) => [t, Infinity]));
  for (const t of written) {
    for (const x of readBy(t, builder)) if (x !== undefined) lastRead.set(x, Math.max(partOf(t), lastRead.get(x) ?? 0));
  }
  for (const part of [...new Set(written.map(partOf))].toSorted((a, b) => a - b)) {
    const own = written.filter((t) => partOf(t) === part);
    if (part === 0) {
      own.forEach(emit);
      continue;
    }
    const after = written.findLast((t) => partOf(t) < part && t.dtype === 'float32' && t.op !== 'constant')!;
    const passed = own.filter((t) => lastRead.get(t)! > part);
    const values = new Map<string, Tensor>();
    const outside = builder.part(names.get(after)!, () => {
      own.forEach(emit);
      for (const t of passed) values.set(names.get(t)!, t);
      return [...values].map(([name, { shape, dtype }]) => ({ name, shape: builder.lyingIn(name) ?? shape, dtype }));
    });
    const places = [...values.keys()];
    places.forEach((name, i) => {
      const shape = builder.lyingIn(name);
      if (shape !== undefined) builder.lies(outside[i]!, shape);
    });
    for (const t of passed) names.set(t, outside[places.indexOf(names.get(t)!)]!);
  }
  builder.half = builder.keepsStored = false;
  for (const [name, tensor] of Object.entries(outputs)) {
    if (inputs.has(name)) throw internal(`output ${name} has the name of an input`);
    builder.output(name, asItLies(tensor, 'float32'), tensor.shape, tensor.dtype);
  }
  return { ...builder.finish(), inputs: [...inputs.values()], externalFolder, externalFiles };
}

/** What a lowered model will have prepared of constants, and the folder that they lie in, long before it is written. */
export function preparationsOf(roots: readonly Tensor[], options: LoweringOptions): Pick<LoweredModel, 'preparations' | 'externalFolder'> {
  const order = topologicalOrder(roots);
  const externalFolder = commonFolder([...filesOf(order).keys()]);
  const builder = new OnnxBuilder(externalFolder, options);
  for (const t of order) {
    if (t.op === 'conv2d' || t.op === 'conv2dInputGradient') prepareTaps(t as Tensor<'conv2d'> | Tensor<'conv2dInputGradient'>, builder);
  }
  return { preparations: builder.finish().preparations, externalFolder };
}

function filesOf(order: readonly Tensor[]): Map<string, number> {
  const files = new Map<string, number>();
  for (const t of order) {
    const source = t.op === 'constant' ? (t as Tensor<'constant'>).attributes.source : undefined;
    if (source?.kind !== 'file') continue;
    const file = path.resolve(source.path);
    files.set(file, source.length + (files.get(file) ?? 0));
  }
  return files;
}

/** The folder that external constants are named relative to, where there are any. */
function commonFolder(files: readonly string[]): string | undefined {
  if (files.length === 0) return undefined;
  let folder = path.dirname(files[0]!);
  while (!files.every((file) => file.startsWith(path.join(folder, path.sep)))) folder = path.dirname(folder);
  return folder;
}
