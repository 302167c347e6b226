/** Swish for ONNX Runtime, and its gradient: of large tensors in blocks. */
import { blocksOf, wholeOrInBlocks } from './lower-elementwise.ts';
import type { Blocking } from './lower-elementwise.ts';
import type { OnnxBuilder } from './onnx.ts';
import { bytesOf } from './tensor.ts';
import type { Tensor } from './tensor.ts';

/** Blocks of 0.5 MB. */
const blocking: Blocking = { from: 2 ** 20, most: 2 ** 17 };

/** Bytes that the gradient takes while it is computed, beside itself: the sigmoid and what it is multiplied by. */
export const swishWorkspace = (y: Tensor<'swishGradient'>, lean: boolean): number => (2 * bytesOf(y)) / blocksOf(y, lean, blocking);

export function swish(y: Tensor<'swish'>, inputs: readonly string[], b: OnnxBuilder): string {
  return b.node('QuickGelu', inputs, { alpha: y.attributes.beta }, 'com.microsoft');
}

export function swishGradient(y: Tensor<'swishGradient'>, inputs: readonly string[], b: OnnxBuilder): string {
  const { beta } = y.attributes;
  const blocks = blocksOf(y, b.lean && b.device === 'cpu', blocking);
  return wholeOrInBlocks(blocks, { tensors: y.inputs, names: inputs }, b, (names) => [derived(beta, names, b)])[0]!;
}

/** g σ(z) (1 + z (1 − σ(z))) where z is βx. The output gradient comes in last: what a runtime moves past it, it moves once. */
function derived(beta: number, [x, g]: readonly string[], b: OnnxBuilder): string {
  const scaled = beta === 1 ? x! : b.node('Mul', [x!, b.number(beta)]);
  const sigmoid = b.node('Sigmoid', [scaled]);
  const slope = b.node('Add', [b.node('Mul', [b.node('Sub', [b.number(1), sigmoid]), scaled]), b.number(1)]);
  return b.node('Mul', [b.node('Mul', [slope, sigmoid]), g!]);
}
