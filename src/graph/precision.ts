/** Half precision: which tensors of a graph are float16 on a GPU that has it, and how numbers become halves. */
import type { PrimitiveName, Tensor } from './tensor.ts';

export type Precision = 'float32' | 'float16';

/**
 * Products, whose weights and results are kept as halves. They are computed in float32: a shader adds up in the type of its
 * factors, and sums of some thousand halves are good to two digits. Weight gradients are not kept, and stay float32.
 */
export const products: ReadonlySet<PrimitiveName> = new Set<PrimitiveName>([
  'matmul',
  'conv2d',
  'conv2dInputGradient',
  'attention',
  'attentionGradient',
]);
/** Half where everything is that they are made of. All else (norms, softmax, sums, powers, the optimiser) is float32. */
const following: ReadonlySet<PrimitiveName> = new Set<PrimitiveName>([
  'negate',
  'sigmoid',
  'tanh',
  'erf',
  'add',
  'subtract',
  'multiply',
  'maximum',
  'swish',
  'swishGradient',
  'geglu',
  'gegluGradient',
  'select',
  'stopGradient',
  'reshape',
  'transpose',
  'broadcast',
  'slice',
  'pad',
  'concat',
]);

/** The tensors that are float16; `order` has each after its inputs. */
export function halves(order: readonly Tensor[]): Set<Tensor> {
  const half = new Set<Tensor>();
  const fixed = new Set<Tensor>();
  for (const t of order) {
    if (t.op !== 'input' && t.inputs.every((x) => fixed.has(x))) fixed.add(t);
    if (t.dtype !== 'float32' || fixed.has(t)) continue;
    const moving = t.inputs.filter((x) => x.dtype === 'float32' && !fixed.has(x));
    if (products.has(t.op) || (following.has(t.op) && moving.length > 0 && moving.every((x) => half.has(x)))) half.add(t);
  }
  return half;
}

const largest = 65504;

/** Bits of the nearest halves, ties to even; what is past the largest half becomes it. */
export function toHalves(data: Float32Array): Uint16Array {
  const bits = new Uint32Array(data.length);
  new Float32Array(bits.buffer).set(data.map((x) => Math.min(largest, Math.max(-largest, x))));
  return Uint16Array.from(bits, (b) => {
    const sign = (b >>> 16) & 0x8000;
    const exponent = ((b >>> 23) & 0xff) - 112;
    const mantissa = b & 0x7fffff;
    if (exponent <= 0) {
      // Subnormal: the value is a whole number of 2⁻²⁴.
      const shift = 14 - exponent;
      if (shift > 24) return sign;
      return sign | roundedShift(mantissa | 0x800000, shift);
    }
    return sign | (((exponent << 10) + roundedShift(mantissa, 13)) & 0x7fff);
  });
}

/** `value` / 2^`shift`, to the nearest, ties to even. */
function roundedShift(value: number, shift: number): number {
  const floor = value >>> shift;
  const rest = value - floor * 2 ** shift;
  const middle = 2 ** (shift - 1);
  return rest > middle || (rest === middle && floor % 2 === 1) ? floor + 1 : floor;
}
