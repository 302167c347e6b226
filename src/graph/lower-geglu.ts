/** GEGLU for ONNX Runtime, and its gradients: of large tensors in blocks of rows, whose passes stay in the processor’s cache. */
import type { OnnxBuilder } from './onnx.ts';
import { bytesOf, sizeOf } from './tensor.ts';
import type { Tensor } from './tensor.ts';

/** Elements past which a lean program works in blocks, and the most of a block: 1 MB. */
const blocked = { from: 2 ** 22, most: 2 ** 18 };

/** How many blocks of equal size the gradients are computed in, one where all is done at once. */
function blocksOf(gate: Tensor, lean: boolean): number {
  const size = sizeOf(gate.shape);
  if (!lean || size < blocked.from) return 1;
  const rows = size / gate.shape.at(-1)!;
  let blocks = Math.ceil(size / blocked.most);
  while (rows % blocks !== 0) blocks++;
  return blocks;
}

/** Bytes that the gradients take while they are computed, beside themselves: GELU, its derivative, a factor of each. */
export function gegluWorkspace(y: Tensor<'gegluGradient'>, lean: boolean): number {
  const gate = y.inputs[1]!;
  return (4 * bytesOf(gate)) / blocksOf(gate, lean);
}

export function geglu(_: Tensor<'geglu'>, [value, gate]: readonly string[], b: OnnxBuilder): string {
  return b.node('Mul', [value!, b.node('Gelu', [gate!], {}, 'com.microsoft')]);
}

export function gegluGradient(y: Tensor<'gegluGradient'>, inputs: readonly string[], b: OnnxBuilder): string {
  const results = b.shared(`gegluGradient ${inputs.join()}`, () => {
    const gate = y.inputs[1]!;
    const blocks = blocksOf(gate, b.lean && b.device === 'cpu');
    if (blocks === 1) return derived(inputs, b);
    const width = gate.shape.at(-1)!;
    const rows = sizeOf(gate.shape) / width / blocks;
    const part = { shape: [rows, width], dtype: 'float32' } as const;
    const body = b.subgraph([part, part, part], (names) => derived(names, b).map((name) => ({ name, shape: part.shape })));
    const stacked = inputs.map((x) => b.node('Reshape', [x, b.ints([blocks, rows, width])]));
    return b.multi('Scan', stacked, 2, { body, num_scan_inputs: 3 }).map((x) => b.node('Reshape', [x, b.ints(gate.shape)]));
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
