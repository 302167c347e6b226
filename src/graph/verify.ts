/** A verifier to run between passes: every tensor still is what its shape rule says. */
import { internal } from '../errors.ts';
import { shapeRules } from './shapes.ts';
import { lookup, sameShape, topologicalOrder } from './tensor.ts';
import type { Tensor } from './tensor.ts';

/** Throws an internal error at the first tensor whose shape or dtype breaks its rule, or at two inputs of one name that differ. */
export function verify(roots: readonly Tensor[]): void {
  const inputs = new Map<string, Tensor<'input'>>();
  for (const tensor of topologicalOrder(roots)) {
    const { shape, dtype } = lookup(shapeRules, tensor.op)(tensor.inputs, tensor.attributes);
    if (!sameShape(shape, tensor.shape) || dtype !== tensor.dtype) {
      throw internal(`${tensor.op} says ${tensor.dtype}[${tensor.shape.join(', ')}], its rule ${dtype}[${shape.join(', ')}]`);
    }
    if (tensor.op !== 'input') continue;
    const leaf = tensor as Tensor<'input'>;
    const other = inputs.get(leaf.attributes.name);
    if (
      other !== undefined &&
      (!sameShape(other.shape, shape) || other.dtype !== dtype || other.attributes.role !== leaf.attributes.role)
    ) {
      throw internal(`two inputs are called ${leaf.attributes.name} and differ`);
    }
    inputs.set(leaf.attributes.name, leaf);
  }
}
