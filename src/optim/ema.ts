/** Exponential moving averages of what is trained. */
import { add, multiply, subtract } from '../graph/ops.ts';
import type { Tensor } from '../graph/tensor.ts';

/** Next value of a moving average: decay·average + (1 − decay)·value. */
export const movingAverage = (average: Tensor, value: Tensor, decay: number): Tensor =>
  add(average, multiply(subtract(value, average), 1 - decay));
