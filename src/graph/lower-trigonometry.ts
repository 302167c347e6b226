/** Sine and cosine. A shader's are good to 2⁻¹¹ and only between −π and π, timesteps reach 1000: on WebGPU they are computed. */
import type { OnnxBuilder } from './onnx.ts';
import type { Tensor } from './tensor.ts';

export const sine = (_: Tensor<'sin'>, [x]: readonly string[], b: OnnxBuilder): string =>
  b.device === 'webgpu' ? reduced(x!, false, b) : b.node('Sin', [x!]);
export const cosine = (_: Tensor<'cos'>, [x]: readonly string[], b: OnnxBuilder): string =>
  b.device === 'webgpu' ? reduced(x!, true, b) : b.node('Cos', [x!]);

/** π as a sum of numbers so short that their products with whole numbers up to some thousands are exact (Cody & Waite, 1980). */
const pi = [3.140625, 9.67502593994140625e-4, 1.509957990978376e-7];
/** Taylor's coefficients of sin(r)/r in r², the last first: at |r| ≤ π/2 what is left out is below 6e-8. */
const coefficients = [-1 / 39916800, 1 / 362880, -1 / 5040, 1 / 120, -1 / 6, 1];

/**
 * sin x = (−1)ᵏ sin(x − kπ) for the nearest multiple of π, cos x = −(−1)ᵏ sin(x − (k + ½)π) for the nearest odd multiple of π/2.
 */
function reduced(x: string, isCosine: boolean, b: OnnxBuilder): string {
  const multiply = (left: string, right: string): string => b.node('Mul', [left, right]);
  const turns = multiply(x, b.number(1 / Math.PI));
  const k = b.node('Floor', [isCosine ? turns : b.node('Add', [turns, b.number(0.5)])]);
  const multiple = isCosine ? b.node('Add', [k, b.number(0.5)]) : k;
  const r = pi.reduce((rest, part) => b.node('Sub', [rest, multiply(multiple, b.number(part))]), x);
  const square = multiply(r, r);
  const series = coefficients.slice(1).reduce((sum, c) => b.node('Add', [multiply(sum, square), b.number(c)]), b.number(coefficients[0]!));
  const odd = b.node('Sub', [k, multiply(b.node('Floor', [multiply(k, b.number(0.5))]), b.number(2))]);
  const sign = b.node('Sub', [multiply(odd, b.number(isCosine ? 2 : -2)), b.number(isCosine ? 1 : -1)]);
  return multiply(multiply(series, r), sign);
}
