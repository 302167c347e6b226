/** AdamW (Loshchilov & Hutter, 2019) as graph updates, with clipping by the global norm. */
import { adamwUpdate, add, divide, input, maximum, multiply, sqrt, square, state, subtract, sum } from '../graph/ops.ts';
import type { Tensor } from '../graph/tensor.ts';
import { sizeOf } from '../graph/tensor.ts';
import { onDemand } from '../graph/values.ts';
import type { Values } from '../graph/values.ts';

export interface AdamWOptions {
  beta1?: number;
  beta2?: number;
  epsilon?: number;
  weightDecay?: number;
  /** Gradients are scaled down to this global norm; Infinity leaves them. */
  maxNorm?: number;
  /** Factor of the learning rate for a parameter, by name; 1 where nothing is said. */
  factor?: (name: string) => number;
}

export interface AdamW {
  /** State name → next value: the parameters and both moments. */
  updates: Record<string, Tensor>;
  /** Global norm of the gradients before clipping. */
  gradientNorm: Tensor;
  /** Zero moments, for `engine.setState`. */
  initial: () => Record<string, Values>;
  stateNames: string[];
}

/** What a step feeds: the learning rate and Adam's bias corrections. `step` counts from 1. */
export function adamwFeeds(
  learningRate: number,
  step: number,
  { beta1 = 0.9, beta2 = 0.999 }: AdamWOptions = {},
): Record<string, Float32Array> {
  return {
    learningRate: Float32Array.of(learningRate),
    correction1: Float32Array.of(1 / (1 - beta1 ** step)),
    correction2: Float32Array.of(1 / (1 - beta2 ** step)),
  };
}

/**
 * Updates of the states in `parameters` (name → tensor) by their gradients. Each update reads the
 * global norm, hence every gradient, so no state is overwritten before all that reads it has run.
 */
export function adamw(parameters: ReadonlyMap<string, Tensor>, gradients: readonly Tensor[], options: AdamWOptions = {}): AdamW {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0.01, maxNorm = 1, factor = () => 1 } = options;
  const learningRate = input('learningRate', []);
  const correction1 = input('correction1', []);
  const correction2 = input('correction2', []);
  const gradientNorm = sqrt(gradients.map((g) => sum(square(g))).reduce((a, b) => add(a, b)));
  const scale = divide(1, Number.isFinite(maxNorm) ? maximum(divide(gradientNorm, maxNorm), 1) : maximum(multiply(gradientNorm, 0), 1));
  const updates: Record<string, Tensor> = {};
  const shapes: Record<string, readonly number[]> = {};
  [...parameters].forEach(([name, parameter], i) => {
    const moment1 = state(`adam.1.${name}`, parameter.shape);
    const moment2 = state(`adam.2.${name}`, parameter.shape);
    const rate = factor(name) === 1 ? learningRate : multiply(learningRate, factor(name));
    // Decoupled decay; biases and gains (one axis) are left alone.
    const decays = weightDecay !== 0 && parameter.shape.length >= 2;
    const kept = subtract(1, multiply(rate, weightDecay));
    const next = (of: 'parameter' | 'moment1' | 'moment2'): Tensor =>
      adamwUpdate([parameter, moment1, moment2, gradients[i]!], [scale, correction1, correction2, rate, kept], {
        of,
        beta1,
        beta2,
        epsilon,
        decays,
      });
    updates[name] = next('parameter');
    updates[`adam.1.${name}`] = next('moment1');
    updates[`adam.2.${name}`] = next('moment2');
    shapes[`adam.1.${name}`] = shapes[`adam.2.${name}`] = parameter.shape;
  });
  return {
    updates,
    gradientNorm,
    stateNames: Object.keys(shapes),
    initial: () =>
      Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, onDemand(shape, () => new Float32Array(sizeOf(shape)))])),
  };
}
