/** Convolutions' input gradients. */
import { product } from './lower-matmul.ts';
import type { OnnxBuilder } from './onnx.ts';
import { sizeOf } from './tensor.ts';
import type { ConvAttributes, Tensor } from './tensor.ts';

export const convolutionAttributes = ({ stride, padding }: ConvAttributes): Record<string, number[]> => ({
  strides: [stride, stride],
  pads: [padding[0], padding[2], padding[1], padding[3]],
});

/** Positions of a batch up to which a lean program spares the flipped copy of a convolution's weights, and pays in speed. */
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
  return !(lean && weight.op === 'constant' && grad.shape[0]! * sizeOf(grad.shape.slice(2)) <= fewPositions);
}

/** With stride 1 it is a convolution with flipped, exchanged weights (folded when they are constant). */
export function inputGradient(y: Tensor<'conv2dInputGradient'>, [g, w]: readonly string[], b: OnnxBuilder): string {
  const { stride, padding, inputSize } = y.attributes;
  const [grad, weight] = y.inputs as [Tensor, Tensor];
  const kernel = weight.shape.slice(2) as [number, number];
  const [top, bottom, left, right] = padding;
  const pads = [kernel[0] - 1 - top, kernel[1] - 1 - left, kernel[0] - 1 - bottom, kernel[1] - 1 - right];
  if (isProduct(y)) {
    const [filters, channels] = weight.shape as [number, number];
    const rows = b.node('Reshape', [g!, b.ints([grad.shape[0]!, filters, grad.shape[2]! * grad.shape[3]!])]);
    const flat = b.leaf(weight as Tensor<'constant'>, [filters, channels]);
    return b.node('Reshape', [product(b, flat, rows, { transA: 1 }), b.ints([...y.shape])]);
  }
  if (isFlipped(y, b.lean)) {
    const exchanged = b.node('Transpose', [w!], { perm: [1, 0, 2, 3] });
    const least = -(2 ** 31);
    const flipped =
      kernel[0] === 1 && kernel[1] === 1
        ? exchanged
        : b.node('Slice', [exchanged, b.ints([-1, -1]), b.ints([least, least]), b.ints([2, 3]), b.ints([-1, -1])]);
    return b.node('Conv', [g!, flipped], { strides: [1, 1], pads });
  }
  const reached = (size: number, k: number, before: number, after: number): number => (size - 1) * stride + k - before - after;
  const outputPadding = [
    inputSize[0] - reached(grad.shape[2]!, kernel[0], top, bottom),
    inputSize[1] - reached(grad.shape[3]!, kernel[1], left, right),
  ];
  return b.node('ConvTranspose', [g!, w!], { ...convolutionAttributes({ stride, padding }), output_padding: outputPadding });
}
