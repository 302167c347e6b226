/** Normalisation over the last axis for ONNX Runtime, and its gradient: of large tensors in blocks of rows. */
import { blocksOf, wholeOrInBlocks } from './lower-elementwise.ts';
import type { Blocking } from './lower-elementwise.ts';
import type { OnnxBuilder } from './onnx.ts';
import { bytesOf } from './tensor.ts';
import type { Tensor } from './tensor.ts';

/** Blocks of 0.5 MB, or of one row. */
const blocking: Blocking = { from: 2 ** 20, most: 2 ** 17 };

const gradientBlocks = (y: Tensor<'standardizeGradient'>, lean: boolean): number => blocksOf(y, lean, blocking, y.shape.at(-1));

/** Bytes that the gradient takes while it is computed, beside itself: the product of what it is made of. */
export const normWorkspace = (y: Tensor<'standardizeGradient'>, lean: boolean): number => bytesOf(y) / gradientBlocks(y, lean);

export const standardize = (y: Tensor<'standardize'>, inputs: readonly string[], b: OnnxBuilder): string => layerNorm(y, inputs, b)[0]!;

export const inverseDeviation = (y: Tensor<'inverseDeviation'>, inputs: readonly string[], b: OnnxBuilder): string =>
  layerNorm(y, inputs, b)[2]!;

/** Outputs of the LayerNormalization that standardize and inverseDeviation of one tensor share. */
function layerNorm(y: Tensor<'standardize' | 'inverseDeviation'>, [x]: readonly string[], b: OnnxBuilder): readonly string[] {
  const { epsilon } = y.attributes;
  const width = y.inputs[0]!.shape.at(-1)!;
  return b.shared(`layerNorm ${x} ${epsilon}`, () => {
    const ones = b.shared(`ones ${width}`, () => [b.constant(new Float32Array(width).fill(1), [width])])[0]!;
    return b.multi('LayerNormalization', [x!, ones], 3, { axis: -1, epsilon });
  });
}

export function standardizeGradient(y: Tensor<'standardizeGradient'>, inputs: readonly string[], b: OnnxBuilder): string {
  const blocks = gradientBlocks(y, b.lean && b.device === 'cpu');
  return wholeOrInBlocks(blocks, { tensors: y.inputs, names: inputs, byRow: true }, b, (names) => [derived(names, b)])[0]!;
}

/** (g − mean(g) − y mean(g y)) / deviation. */
function derived([y, inverse, g]: readonly string[], b: OnnxBuilder): string {
  const mean = (x: string): string => b.node('ReduceMean', [x, b.ints([-1])], { keepdims: 1 });
  const along = b.node('Mul', [y!, mean(b.node('Mul', [g!, y!]))]);
  const centred = b.node('Sub', [b.node('Sub', [g!, mean(g!)]), along]);
  return b.node('Mul', [inverse!, centred]);
}
