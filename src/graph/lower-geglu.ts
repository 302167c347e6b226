/** GEGLU for ONNX Runtime, and its gradients: of large tensors in blocks. */
import { blocksOf, wholeOrInBlocks } from './lower-elementwise.ts';
import type { Blocking } from './lower-elementwise.ts';
import type { OnnxBuilder } from './onnx.ts';
import { bytesOf } from './tensor.ts';
import type { Tensor } from './tensor.ts';

/** Blocks of 1 MB. */
const blocking: Blocking = { from: 2 ** 22, most: 2 ** 18 };

/** Bytes that the gradients take while they are computed, beside themselves: GELU, its derivative, a factor of each. */
export function gegluWorkspace(y: Tensor<'gegluGradient'>, lean: boolean): number {
  const gate = y.inputs[1]!;
  return (4 * bytesOf(gate)) / blocksOf(gate, lean, blocking);
}

export function geglu(_: Tensor<'geglu'>, [value, gate]: readonly string[], b: OnnxBuilder): string {
  return b.node('Mul', [value!, b.node('Gelu', [gate!], {}, 'com.microsoft')]);
}

export function gegluGradient(y: Tensor<'gegluGradient'>, inputs: readonly string[], b: OnnxBuilder): string {
  const results = b.shared(`gegluGradient ${inputs.join()}`, () => {
    const blocks = blocksOf(y.inputs[1]!, b.lean && b.device === 'cpu', blocking);
    return wholeOrInBlocks(blocks, { tensors: y.inputs, names: inputs }, b, (names) => derived(names, b));
  });
  return results[y.attributes.of === 'value' ? 0 : 1]!;
}

/** Gradients to the value v and to the gate x: g · x Φ(x) and g · v (Φ(x) + x φ(x)), where Φ(x) = ½ + ½ erf(x / √2). */
function derived([v, x, g]: readonly string[], b: OnnxBuilder): readonly string[] {
  const scaled = b.node('Mul', [x!, b.number(Math.SQRT1_2)]);
  const error = b.node('Erf', [scaled]);
  const half = b.number(0.5);
  const distribution = b.node('Add', [b.node('Mul', [error, half]), half]);
  // Where the power overflows, the density is rounded to zero, as it should.
  const power = b.node('Exp', [b.node('Mul', [scaled, scaled])]);
  const slope = b.node('Add', [b.node('Div', [b.node('Mul', [x!, b.number(1 / Math.sqrt(2 * Math.PI))]), power]), distribution]);
  return [b.node('Mul', [g!, b.node('Mul', [x!, distribution])]), b.node('Mul', [g!, b.node('Mul', [v!, slope])])];
}
