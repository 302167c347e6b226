/** Loss scaling (Micikevicius et al., 2018): gradients in half precision are of a loss times a power of two, which they are then freed of. */
import { UserError } from '../errors.ts';
import { divide, input, less, multiply, select } from '../graph/ops.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { ValuesInTurn } from '../graph/values.ts';

/** Gradient norms past this have overflowed. */
const largestNorm = 1e30;

/** The scale that a run begins with. */
const first = 2 ** 16;

/** A scale that starts high and is halved whenever a step overflows; such a step changes nothing and is done again. */
export class LossScale {
  private readonly tensor: Tensor = input('lossScale', []);
  private value = first;

  scaled(loss: Tensor): Tensor {
    return multiply(loss, this.tensor);
  }
  unscaled(gradient: Tensor): Tensor {
    return divide(gradient, this.tensor);
  }
  /** The new value of a state, or the old one where the gradients' norm has overflowed. */
  guarded(gradientNorm: Tensor, next: Tensor, old: Tensor): Tensor {
    return select(less(gradientNorm, largestNorm), next, old);
  }
  /** What a resumed run needs, under the name that it is fed by. */
  state(): Record<string, ValuesInTurn> {
    return { lossScale: { shape: [], read: () => Promise.resolve(Float32Array.of(this.value)) } };
  }
  /** @param saved what `state` gave; a new run's scale where nothing was saved */
  restore(saved: Float32Array | undefined): void {
    this.value = saved?.[0] ?? first;
  }
  feeds(): Record<string, Float32Array> {
    return { lossScale: Float32Array.of(this.value) };
  }
  /** Whether a step has overflowed; the next then has half the scale. Throws a UserError where no scale helps. */
  overflowed(gradientNorm: number): boolean {
    if (gradientNorm < largestNorm) return false;
    if (this.value < 1)
      throw new UserError('--precision float16: gradients overflow at every scale of the loss: use --precision float32', 1);
    this.value /= 2;
    return true;
  }
}
