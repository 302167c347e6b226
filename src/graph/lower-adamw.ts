/** AdamW’s updates for ONNX Runtime: of large tensors in blocks, which the processor’s cache holds from the first pass to the last. */
import { blocksOf, inBlocks, spread } from './lower-elementwise.ts';
import type { Blocking } from './lower-elementwise.ts';
import type { OnnxBuilder } from './onnx.ts';
import { bytesOf, sizeOf } from './tensor.ts';
import type { Tensor } from './tensor.ts';

/** Blocks of 0.5 MB. */
const blocking: Blocking = { from: 2 ** 20, most: 2 ** 17 };

/** Bytes that an update takes beside what it is written over: a gradient, a direction and what it is divided by. */
export const adamwWorkspace = (y: Tensor<'adamw'>, lean: boolean): number => (3 * bytesOf(y)) / blocksOf(y, lean, blocking);

export function adamw(y: Tensor<'adamw'>, inputs: readonly string[], b: OnnxBuilder): string {
  const blocks = blocksOf(y, b.lean && b.device === 'cpu', blocking);
  const [tensors, numbers] = [inputs.slice(0, 4), inputs.slice(4)];
  const results = b.shared(`adamw ${inputs.join()}`, () => {
    if (blocks === 1) return updated(y, [...tensors, ...numbers.map((name) => spread(name, y.shape, b))], b);
    const whole = { tensors: y.inputs.slice(0, 4), names: tensors };
    const outputs = inBlocks(blocks, whole, b, (names) => updated(y, [...names, ...numbers], b));
    for (const name of outputs) b.lies(name, [blocks, sizeOf(y.shape) / blocks]);
    return outputs;
  });
  return results[{ parameter: 0, moment1: 1, moment2: 2 }[y.attributes.of]]!;
}

/** The next parameter and moments. */
function updated(
  { attributes: { beta1, beta2, epsilon, decays } }: Tensor<'adamw'>,
  inputs: readonly string[],
  b: OnnxBuilder,
): readonly string[] {
  const [parameter, moment1, moment2, gradient, scale, correction1, correction2, rate, kept] = inputs as [
    string,
    string,
    string,
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  const towards = (from: string, to: string, share: number): string =>
    b.node('Add', [from, b.node('Mul', [b.node('Sub', [to, from]), b.number(share)])]);
  const g = b.node('Mul', [gradient, scale]);
  const m = towards(moment1, g, 1 - beta1);
  const v = towards(moment2, b.node('Mul', [g, g]), 1 - beta2);
  const deviation = b.node('Add', [b.node('Sqrt', [b.node('Mul', [v, correction2])]), b.number(epsilon)]);
  const direction = b.node('Div', [b.node('Mul', [m, correction1]), deviation]);
  const left = decays ? b.node('Mul', [parameter, kept]) : parameter;
  return [b.node('Sub', [left, b.node('Mul', [direction, rate])]), m, v];
}
