/** Lowering: one rule per primitive, from the graph to the bytes of an ONNX model. */
import path from 'node:path';
import { internal } from '../errors.ts';
import type { Device } from './device.ts';
import { attention, attentionGradient } from './lower-attention.ts';
import { weightGradient } from './lower-weight-gradient.ts';
import { convolutionAttributes, inputGradient } from './lower-convolution.ts';
import { OnnxBuilder } from './onnx.ts';
import type { OnnxModel } from './onnx.ts';
import { lookup, sizeOf, topologicalOrder } from './tensor.ts';
import type { PrimitiveName, Shape, Tensor } from './tensor.ts';

/** Emit ONNX nodes for a primitive, and name the value that holds its result. */
type Rule<P extends PrimitiveName> = (y: Tensor<P>, inputs: readonly string[], b: OnnxBuilder) => string;

const simple =
  (op: string): Rule<PrimitiveName> =>
  (_, inputs, b) =>
    b.node(op, inputs);
/** Outputs of the LayerNormalization that standardize and inverseDeviation of one tensor share. */
function layerNorm(y: Tensor<'standardize' | 'inverseDeviation'>, [x]: readonly string[], b: OnnxBuilder): readonly string[] {
  const { epsilon } = y.attributes;
  const width = y.inputs[0]!.shape.at(-1)!;
  return b.shared(`layerNorm ${x} ${epsilon}`, () => {
    const ones = b.shared(`ones ${width}`, () => [b.constant(new Float32Array(width).fill(1), [width])])[0]!;
    return b.multi('LayerNormalization', [x!, ones], 3, { axis: -1, epsilon });
  });
}

const contrib = 'com.microsoft';

/** The constant matrix of which a tensor is the transpose. */
function transposedConstant(x: Tensor): Tensor<'constant'> | undefined {
  const inner = x.inputs[0];
  return x.op === 'transpose' && x.shape.length === 2 && inner!.op === 'constant' ? (inner as Tensor<'constant'>) : undefined;
}

export const lowerings: { [P in PrimitiveName]: Rule<P> } = {
  input: (y, _, b) => b.input(y.attributes.name, y.shape, y.dtype),
  constant: (y, _, b) => b.leaf(y, y.shape),
  negate: simple('Neg'),
  exp: simple('Exp'),
  log: simple('Log'),
  sqrt: simple('Sqrt'),
  sigmoid: simple('Sigmoid'),
  tanh: simple('Tanh'),
  erf: simple('Erf'),
  sin: simple('Sin'),
  cos: simple('Cos'),
  add: simple('Add'),
  subtract: simple('Sub'),
  multiply: simple('Mul'),
  divide: simple('Div'),
  maximum: simple('Max'),
  equal: simple('Equal'),
  less: simple('Less'),
  select: simple('Where'),
  cast: (y, inputs, b) => b.node('Cast', inputs, { to: b.dtype(y.attributes.dtype) }),
  stopGradient: (_, [x]) => x!,
  reshape: (y, [x], b) => b.node('Reshape', [x!, b.ints([...y.shape])]),
  transpose: (y, inputs, b) => b.node('Transpose', inputs, { perm: [...y.attributes.permutation] }),
  broadcast: (y, [x], b) => b.node('Expand', [x!, b.ints([...y.shape])]),
  slice: (y, [x], b) => {
    const from = y.inputs[0]!.shape;
    const axes = from.map((_, i) => i).filter((i) => y.shape[i] !== from[i]);
    const starts = axes.map((i) => y.attributes.starts[i]!);
    return b.node('Slice', [x!, b.ints(starts), b.ints(axes.map((i, k) => starts[k]! + y.shape[i]!)), b.ints(axes)]);
  },
  pad: (y, [x], b) => b.node('Pad', [x!, b.ints([...y.attributes.before, ...y.attributes.after])]),
  concat: (y, inputs, b) => b.node('Concat', inputs, { axis: y.attributes.axis }),
  reduceSum: (y, [x], b) => b.node('ReduceSum', [x!, b.ints(y.attributes.axes)], { keepdims: 1 }),
  reduceMax: (y, [x], b) => b.node('ReduceMax', [x!, b.ints(y.attributes.axes)], { keepdims: 1 }),
  // A constant that is transposed for the product stays as it is: a folded transpose would be a second copy of it.
  matmul: (y, [left, right], b) => {
    const inner = transposedConstant(y.inputs[1]!);
    if (inner === undefined) return b.node('MatMul', [left!, right!]);
    return b.node('FusedMatMul', [left!, b.leaf(inner, inner.shape)], { transB: 1 }, contrib);
  },
  conv2d: (y, inputs, b) => b.node('Conv', inputs, convolutionAttributes(y.attributes)),
  conv2dInputGradient: inputGradient,
  conv2dWeightGradient: weightGradient,
  standardize: (y, inputs, b) => layerNorm(y, inputs, b)[0]!,
  inverseDeviation: (y, inputs, b) => layerNorm(y, inputs, b)[2]!,
  softmax: (_, inputs, b) => b.node('Softmax', inputs, { axis: -1 }),
  attention,
  attentionGradient,
  gather: (_, inputs, b) => b.node('Gather', inputs, { axis: 0 }),
  scatterAdd: (y, [values, ids], b) => {
    const idShape: Shape = y.inputs[1]!.shape;
    const count = sizeOf(idShape);
    const rows = b.node('Reshape', [values!, b.ints([count, y.shape[1]!])]);
    const at = b.node('Cast', [b.node('Reshape', [ids!, b.ints([count, 1])])], { to: 7 });
    const zeros = b.node('Expand', [b.constant(Float32Array.of(0), []), b.ints([...y.shape])]);
    return b.node('ScatterND', [zeros, at, rows], { reduction: 'add' });
  },
};

export interface LoweredModel extends OnnxModel {
  inputs: Tensor<'input'>[];
  /** The folder that external constants are named relative to. */
  externalFolder: string | undefined;
}

/** ONNX bytes that compute the named outputs on a device. All file constants must lie in one folder tree. */
export function lower(outputs: Readonly<Record<string, Tensor>>, lean = false, device: Device = 'cpu'): LoweredModel {
  const order = topologicalOrder(Object.values(outputs));
  const files = order.flatMap((t) => {
    const source = t.op === 'constant' ? (t as Tensor<'constant'>).attributes.source : undefined;
    return source?.kind === 'file' ? [path.resolve(source.path)] : [];
  });
  const externalFolder = files.length > 0 ? commonFolder(files) : undefined;
  const builder = new OnnxBuilder(externalFolder, lean, device);
  const names = new Map<Tensor, string>();
  const inputs = new Map<string, Tensor<'input'>>();
  // Transposes of constant matrices that only products use are never computed.
  const used = new Set(
    order.flatMap((t) => t.inputs.filter((x, i) => !(t.op === 'matmul' && i === 1 && transposedConstant(x) !== undefined))),
  );
  for (const root of Object.values(outputs)) used.add(root);
  for (const tensor of order) {
    if (!used.has(tensor) && transposedConstant(tensor) !== undefined) continue;
    if (tensor.op === 'input') {
      const leaf = tensor as Tensor<'input'>;
      const earlier = inputs.get(leaf.attributes.name);
      if (earlier !== undefined) {
        names.set(tensor, names.get(earlier)!);
        continue;
      }
      inputs.set(leaf.attributes.name, leaf);
    }
    names.set(
      tensor,
      lookup(lowerings, tensor.op)(
        tensor,
        tensor.inputs.map((x) => names.get(x) ?? ''),
        builder,
      ),
    );
  }
  for (const [name, tensor] of Object.entries(outputs)) {
    if (inputs.has(name)) throw internal(`output ${name} has the name of an input`);
    builder.output(name, names.get(tensor)!, tensor.shape, tensor.dtype);
  }
  return { ...builder.finish(), inputs: [...inputs.values()], externalFolder };
}

function commonFolder(files: readonly string[]): string {
  let folder = path.dirname(files[0]!);
  while (!files.every((file) => file.startsWith(path.join(folder, path.sep)))) folder = path.dirname(folder);
  return folder;
}
