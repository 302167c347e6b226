/** Half precision: which tensors of a graph are float16 on a GPU that has it, and how numbers become halves. */
import { toHalves } from './half.ts';
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

/** Bits of the nearest halves that are finite, ties to even. */
export const toFiniteHalves = (data: Float32Array): Uint16Array => toHalves(data.map((x) => Math.min(largest, Math.max(-largest, x))));
