/** GEGLU for ONNX Runtime, and its gradients: of large tensors in blocks. */
import { blocksOf, inBlocks } from './lower-elementwise.ts';
import type { Blocking } from './lower-elementwise.ts';
import type { OnnxBuilder } from './onnx.ts';
import { bytesOf, sizeOf } from './tensor.ts';
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
    const gate = y.inputs[1]!;
    const blocks = blocksOf(gate, b.lean && b.device === 'cpu', blocking);
    if (blocks === 1) return derived(inputs, b);
    const block = [sizeOf(gate.shape) / blocks];
    const stacked = inBlocks(
      blocks,
      inputs.map((name) => ({ name, block })),
      b,
      (names) => derived(names, b),
    );
    return stacked.map((x) => b.node('Reshape', [x, b.ints(gate.shape)]));
  });
  return results[y.attributes.of === 'value' ? 0 : 1]!;
}

/** Gradients to the value v and to the gate x: g · x Φ(x) and g · v (Φ(x) + x φ(x)), where Φ(x) = ½ + ½ erf(x / √2). */
function derived([v, x, g]: readonly string[], b: OnnxBuilder): readonly string[] {
  const number = (n: number): string => b.constant(Float32Array.of(n), []);
  const scaled = b.node('Mul', [x!, number(Math.SQRT1_2)]);
  const error = b.node('Erf', [scaled]);
  const half = number(0.5);
  const distribution = b.node('Add', [b.node('Mul', [error, half]), half]);
  // Where the power overflows, the density is rounded to zero, as it should.
  const power = b.node('Exp', [b.node('Mul', [scaled, scaled])]);
  const slope = b.node('Add', [b.node('Div', [b.node('Mul', [x!, number(1 / Math.sqrt(2 * Math.PI))]), power]), distribution]);
  return [b.node('Mul', [g!, b.node('Mul', [x!, distribution])]), b.node('Mul', [g!, b.node('Mul', [v!, slope])])];
}
