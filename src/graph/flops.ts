/** Arithmetic of a graph: matrix products and convolutions, a multiply-add counted as two. */
import { fixedTensors, sizeOf, topologicalOrder } from './tensor.ts';
import type { PrimitiveName, Tensor } from './tensor.ts';

/** Every product of one weight of [O, C, kH, kW] with one position of a batch's outputs. */
const perPosition = (outputs: Tensor, weight: readonly number[]): number => (2 * sizeOf(outputs.shape) * sizeOf(weight)) / weight[0]!;

/** One product of attention: all queries with all keys. */
const product = (y: Tensor): number => 2 * sizeOf(y.inputs[0]!.shape) * y.inputs[1]!.shape[1]!;

const rules: { [P in PrimitiveName]?: (y: Tensor<P>) => number } = {
  matmul: (y) => 2 * sizeOf(y.shape) * y.inputs[0]!.shape.at(-1)!,
  attention: (y) => 2 * product(y),
  // The scores again, then the gradient to the weights, and the products that each gradient takes.
  attentionGradient: (y) => (y.attributes.of === 'queries' ? 3 : 1) * product(y),
  conv2d: (y) => perPosition(y, y.inputs[1]!.shape),
  conv2dInputGradient: (y) => perPosition(y.inputs[0]!, y.inputs[1]!.shape),
  conv2dWeightGradient: (y) => perPosition(y.inputs[1]!, y.shape),
};

/** Floating-point operations of one run; element-wise work and reductions are left out, and what is made of constants alone. */
export function flopsOf(outputs: readonly Tensor[]): number {
  const order = topologicalOrder(outputs);
  const fixed = fixedTensors(order);
  return order.reduce((total, y) => total + (fixed.has(y) ? 0 : ((rules[y.op] as ((t: Tensor) => number) | undefined)?.(y) ?? 0)), 0);
}
