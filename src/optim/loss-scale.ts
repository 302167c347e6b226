/** Loss scaling (Micikevicius et al., 2018): gradients in half precision are of a loss times a power of two, which they are then freed of. */
import { UserError } from '../errors.ts';
import { divide, input, less, multiply, select } from '../graph/ops.ts';
import type { Tensor } from '../graph/tensor.ts';

/** Gradient norms past this have overflowed. */
const largestNorm = 1e30;

/** A scale that starts high and is halved whenever a step overflows; such a step changes nothing and is done again. */
export class LossScale {
  private readonly tensor: Tensor = input('lossScale', []);
  private value = 2 ** 16;

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
