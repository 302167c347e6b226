/** Scale and shift of channels, which ONNX Runtime has in one pass as a normalisation by fixed statistics. */
import type { OnnxBuilder } from './onnx.ts';
import { isFixed, sameShape } from './tensor.ts';
import type { Tensor } from './tensor.ts';

/** Whether a tensor is one fixed number per channel of [B, C, H, W]. */
const isPerChannel = (x: Tensor, channels: number): boolean =>
  x.shape.length === 4 && x.shape[1] === channels && x.shape[0]! * x.shape[2]! * x.shape[3]! === 1 && isFixed(x);

/** x, γ and β where a sum is γ x + β with a fixed γ and β for each channel of x. */
export function channelAffine(y: Tensor, b: OnnxBuilder): [x: Tensor, scale: Tensor, shift: Tensor] | undefined {
  const [product, shift] = y.inputs as [Tensor, Tensor];
  if (b.device !== 'cpu' || y.op !== 'add' || product.op !== 'multiply' || y.shape.length !== 4) return undefined;
  const [x, scale] = product.inputs as [Tensor, Tensor];
  const [channels] = y.shape.slice(1) as [number];
  return sameShape(x.shape, y.shape) && [scale, shift].every((one) => isPerChannel(one, channels)) ? [x, scale, shift] : undefined;
}

/** Such a sum, given the names of x, γ and β. */
export function scaleAndShift(y: Tensor<'add'>, inputs: readonly string[], b: OnnxBuilder): string {
  const channels = y.shape[1]!;
  const [x, scale, shift] = inputs as [string, string, string];
  const vector = (name: string): string => b.node('Reshape', [name, b.ints([channels])]);
  const all = (value: number): string =>
    b.shared(`${channels} times ${value}`, () => [b.constant(new Float32Array(channels).fill(value), [channels])])[0]!;
  return b.node('BatchNormalization', [x, vector(scale), vector(shift), all(0), all(1)], { epsilon: 0 });
}
