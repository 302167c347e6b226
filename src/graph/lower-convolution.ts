/** Convolutions and their input gradients. */
import { product } from './lower-matmul.ts';
import { winograd, winogradFilter } from './lower-winograd.ts';
import type { OnnxBuilder } from './onnx.ts';
import { isFixed, sizeOf } from './tensor.ts';
import type { ConvAttributes, Tensor } from './tensor.ts';

const convolutionAttributes = ({ stride, padding }: ConvAttributes): Record<string, number[]> => ({
  strides: [stride, stride],
  pads: [padding[0], padding[2], padding[1], padding[3]],
});

export function convolution(y: Tensor<'conv2d'>, inputs: readonly string[], b: OnnxBuilder): string {
  const filter = winogradFilter(y, b);
  if (filter !== undefined) return winograd(y, inputs, filter, b);
  return b.node('Conv', [inputs[0]!, b.factor(inputs[1]!, 4)], convolutionAttributes(y.attributes));
}

/** Positions of a batch up to which a lean program spares the flipped copy of a convolution’s weights. Of constant ones it pays in speed. */
const fewPositions = 512;

/** With a constant kernel of 1 × 1 it is one matrix product with the weights as they are. */
const isProduct = (y: Tensor<'conv2dInputGradient'>): boolean =>
  y.inputs[1]!.op === 'constant' &&
  y.attributes.stride === 1 &&
  sizeOf(y.inputs[1]!.shape.slice(2)) === 1 &&
  y.attributes.padding.every((n) => n === 0);

/** Whether the gradient is a convolution with a flipped copy of the weights. */
export function isFlipped(y: Tensor<'conv2dInputGradient'>, lean: boolean): boolean {
  const { stride, padding } = y.attributes;
  const [grad, weight] = y.inputs as [Tensor, Tensor];
  const [height, width] = weight.shape.slice(2) as [number, number];
  if (isProduct(y) || stride !== 1 || Math.max(padding[0], padding[1]) >= height || Math.max(padding[2], padding[3]) >= width) return false;
  return !(lean && grad.shape[0]! * sizeOf(grad.shape.slice(2)) <= fewPositions);
}

/** Bytes of columns that a transposed convolution may take in a lean program. */
const columnBytes = 2 ** 26;

/** One axis of a transposed convolution, phase by phase of its output: the taps of the kernel that reach it, last first, and the padding. */
function phasesOf(size: number, kernel: number, stride: number, before: number, outputs: number): Phase[] | undefined {
  if (outputs % stride !== 0) return undefined;
  const phases = Array.from({ length: stride }, (_, phase) => {
    const first = (phase + before) % stride;
    const reach = Math.floor((phase + before) / stride);
    const taps = Math.ceil((kernel - first) / stride);
    return { from: first + stride * (taps - 1), taps, pads: [taps - 1 - reach, outputs / stride - size + reach] as const };
  });
  return phases.every(({ taps, pads }) => taps > 0 && pads[0] >= 0 && pads[1] >= 0) ? phases : undefined;
}
interface Phase {
  from: number;
  taps: number;
  pads: readonly [before: number, after: number];
}

/** Bytes of columns that ONNX Runtime's transposed convolution takes. */
export const columnsOf = (y: Tensor<'conv2dInputGradient'>): number =>
  (4 * sizeOf(y.inputs[1]!.shape) * sizeOf(y.inputs[0]!.shape.slice(2))) / y.inputs[1]!.shape[0]!;

/** How a transposed convolution goes as stride² small ones, or undefined where it does not or a lean program spares their weights. */
export function phases(y: Tensor<'conv2dInputGradient'>, lean: boolean): { rows: Phase[]; columns: Phase[] } | undefined {
  const { stride, padding, inputSize } = y.attributes;
  const [grad, weight] = y.inputs as [Tensor, Tensor];
  if (stride === 1 || (lean && columnsOf(y) <= columnBytes && isFixed(weight))) return undefined;
  const rows = phasesOf(grad.shape[2]!, weight.shape[2]!, stride, padding[0], inputSize[0]);
  const columns = phasesOf(grad.shape[3]!, weight.shape[3]!, stride, padding[2], inputSize[1]);
  return rows === undefined || columns === undefined ? undefined : { rows, columns };
}

/** Whether the weights are read as they lie, and no rearranged copy of them is made. */
export const readsAsStored = (y: Tensor<'conv2dInputGradient'>, lean: boolean): boolean =>
  !isFlipped(y, lean) && phases(y, lean) === undefined;

/** Each phase of the output is a convolution with every stride-th tap; the phases then go between one another. */
function byPhases(
  y: Tensor<'conv2dInputGradient'>,
  g: string,
  w: string,
  { rows, columns }: { rows: Phase[]; columns: Phase[] },
  b: OnnxBuilder,
): string {
  const { stride } = y.attributes;
  const end = (from: number, taps: number): number => (from - stride * taps < 0 ? -(2 ** 31) : from - stride * taps);
  const parts = rows.flatMap((row) =>
    columns.map((column) => {
      const ends = [end(row.from, row.taps), end(column.from, column.taps)];
      const taps = b.node('Slice', [w, b.ints([row.from, column.from]), b.ints(ends), b.ints([2, 3]), b.ints([-stride, -stride])]);
      const pads = [row.pads[0], column.pads[0], row.pads[1], column.pads[1]];
      return b.node('Conv', [g, b.node('Transpose', [taps], { perm: [1, 0, 2, 3] })], { strides: [1, 1], pads });
    }),
  );
  return b.node('DepthToSpace', [b.node('Concat', parts, { axis: 1 })], { blocksize: stride, mode: 'DCR' });
}

/** With stride 1 it is a convolution with flipped, exchanged weights (folded when they are constant). */
export function inputGradient(y: Tensor<'conv2dInputGradient'>, inputs: readonly string[], b: OnnxBuilder): string {
  const [g, w] = inputs;
  const filter = winogradFilter(y, b);
  if (filter !== undefined) return winograd(y, inputs, filter, b);
  const { stride, padding, inputSize } = y.attributes;
  const [grad, weight] = y.inputs as [Tensor, Tensor];
  const kernel = weight.shape.slice(2) as [number, number];
  const [top, bottom, left, right] = padding;
  const pads = [kernel[0] - 1 - top, kernel[1] - 1 - left, kernel[0] - 1 - bottom, kernel[1] - 1 - right];
  if (isProduct(y)) {
    const [filters, channels] = weight.shape as [number, number];
    const rows = b.node('Reshape', [g!, b.ints([grad.shape[0]!, filters, grad.shape[2]! * grad.shape[3]!])]);
    const flat = b.viewed(weight as Tensor<'constant'>, [filters, channels]);
    return b.node('Reshape', [product(b, flat, rows, { transA: 1 }), b.ints([...y.shape])]);
  }
  if (isFlipped(y, b.lean)) {
    const exchanged = b.node('Transpose', [w!], { perm: [1, 0, 2, 3] });
    const least = -(2 ** 31);
    const flipped =
      kernel[0] === 1 && kernel[1] === 1
        ? exchanged
        : b.node('Slice', [exchanged, b.ints([-1, -1]), b.ints([least, least]), b.ints([2, 3]), b.ints([-1, -1])]);
    return b.node('Conv', [g!, b.factor(flipped, 4)], { strides: [1, 1], pads });
  }
  const split = b.device === 'cpu' ? phases(y, b.lean) : undefined;
  if (split !== undefined) return byPhases(y, g!, w!, split, b);
  const reached = (size: number, k: number, before: number, after: number): number => (size - 1) * stride + k - before - after;
  const outputPadding = [
    inputSize[0] - reached(grad.shape[2]!, kernel[0], top, bottom),
    inputSize[1] - reached(grad.shape[3]!, kernel[1], left, right),
  ];
  return b.node('ConvTranspose', [g!, b.factor(w!, 4)], { ...convolutionAttributes({ stride, padding }), output_padding: outputPadding });
}
