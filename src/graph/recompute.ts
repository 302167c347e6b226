/**
 * What the backward pass computes again instead of keeping: element-wise work, views and copies of one kept tensor.
 * A runtime that merges equal subexpressions undoes this; it costs nothing then and saves nothing.
 */
import { arithmetic, fixedTensors, Tensor, sizeOf } from './tensor.ts';
import type { PrimitiveName } from './tensor.ts';

const cheap = new Set<PrimitiveName>([
  ...arithmetic,
  'equal',
  'less',
  'select',
  'cast',
  'stopGradient',
  'reshape',
  'transpose',
  'broadcast',
  'slice',
]);
/** Where memory is spared, elements past which a product is made again if each takes no more multiplications than this: 16 MB. */
const wideProduct = { elements: 2 ** 22, depth: 512 };
/** The same everywhere for weights of attention to a short prompt: 2 MB. */
const weights = { elements: 2 ** 19, depth: 128 };

/** A tensor this many times smaller than another is no burden to keep. */
const negligible = 16;

/** Whether a tensor, or what it is scaled from, is a product of at least so many elements, each of at most so many multiplications. */
function isWide(x: Tensor, { elements, depth }: { elements: number; depth: number }): boolean {
  if (x.op === 'multiply' || x.op === 'divide') return isWide(x.inputs[0]!, { elements, depth });
  return x.op === 'matmul' && sizeOf(x.shape) >= elements && x.inputs[0]!.shape.at(-1)! <= depth;
}

/** Primitives that are not cheap and whose gradient rules use their result. */
const readsResult = new Set<PrimitiveName>(['standardize', 'softmax', 'reduceMax', 'attention']);

/** Copies of forward tensors for the backward pass to use. */
export class Recomputation {
  /** What no run changes is computed once, and there for every pass. */
  private readonly fixed: ReadonlySet<Tensor>;
  private readonly bases: Map<Tensor, Tensor | undefined> = new Map();
  private readonly copies: Map<Tensor, Tensor> = new Map();
  private readonly sparing: boolean;

  /** @param sparing make wide products again as well */
  constructor(order: readonly Tensor[], sparing: boolean) {
    this.fixed = fixedTensors(order);
    this.sparing = sparing;
  }

  private isCheap(x: Tensor): boolean {
    if (x.op === 'softmax') return isWide(x.inputs[0]!, weights) && this.isCheap(x.inputs[0]!);
    // A product is kept with its bias, which is added in its place.
    if (x.op === 'add' && x.inputs.some((y) => y.op === 'matmul' && !this.isCheap(y)) && x.inputs.some((y) => this.fixed.has(y)))
      return false;
    if (x.op !== 'matmul') return cheap.has(x.op);
    const [, right] = x.inputs as [Tensor, Tensor];
    if (this.fixed.has(right)) return this.sparing && isWide(x, wideProduct);
    return isWide(x, weights) && sizeOf(right.shape) * negligible <= sizeOf(x.shape);
  }

  /** The one kept tensor of size that `x` is computed from by cheap work; itself where that is not so. */
  private baseOf(x: Tensor): Tensor | undefined {
    if (this.bases.has(x)) return this.bases.get(x);
    let base: Tensor | undefined;
    if (x.op === 'input' || this.fixed.has(x)) base = undefined;
    else if (!this.isCheap(x)) base = x;
    else {
      for (const y of x.inputs) {
        const other = this.baseOf(y);
        if (other === undefined || other === base || sizeOf(other.shape) * negligible <= sizeOf(x.shape)) continue;
        if (base !== undefined) {
          base = x;
          break;
        }
        base = other;
      }
    }
    this.bases.set(x, base);
    return base;
  }

  /** `x` where it is kept, otherwise a copy of it made from what is kept. */
  of(x: Tensor): Tensor {
    const base = this.baseOf(x);
    if (base === undefined || base === x) return x;
    let copy = this.copies.get(x);
    if (copy === undefined) this.copies.set(x, (copy = this.rebuilt(x)));
    return copy;
  }

  /** What a gradient rule should see of `y`: results that are kept as they are, all else made from them. */
  view(y: Tensor): Tensor {
    if (readsResult.has(y.op) && !this.isCheap(y)) return y;
    return this.isCheap(y) && this.baseOf(y) !== y ? this.of(y) : this.rebuilt(y);
  }

  private rebuilt(x: Tensor): Tensor {
    return new Tensor(
      x.op,
      x.inputs.map((y) => this.of(y)),
      x.attributes,
      x.shape,
      x.dtype,
    );
  }
}
