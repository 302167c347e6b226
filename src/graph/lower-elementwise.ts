/** Element-wise work as ONNX Runtime's CPU kernels have it fastest: numbers in the rank of what they meet, large tensors in blocks. */
import type { OnnxBuilder } from './onnx.ts';
import { sizeOf } from './tensor.ts';
import type { Shape, Tensor } from './tensor.ts';

/**
 * A number in as many axes as a shape that ends in 1 has: ONNX Runtime's kernels, which look from the end for where the axes
 * of two tensors begin to differ, would go over the other one element at a time.
 */
export function spread(name: string, shape: Shape, b: OnnxBuilder): string {
  if (shape.at(-1) !== 1 || sizeOf(shape) === 1) return name;
  return b.shared(`spread ${name} ${shape.length}`, () => [b.node('Reshape', [name, b.ints(shape.map(() => 1))])])[0]!;
}

/** When several passes over a tensor go block by block, so that the processor's cache holds a block from the first to the last. */
export interface Blocking {
  /** Elements from which a lean program does. */
  from: number;
  /** The most elements of a block. */
  most: number;
}

/** How many blocks of equal size, of whole rows of `width` elements, a tensor is worked on in; one where all is done at once. */
export function blocksOf({ shape }: Tensor, lean: boolean, { from, most }: Blocking, width = 1): number {
  const size = sizeOf(shape);
  if (!lean || size < from) return 1;
  const least = Math.ceil(size / most);
  for (let blocks = least; blocks < 2 * least; blocks++) if ((size / width) % blocks === 0) return blocks;
  return 1;
}

/** What `work` makes of blocks of tensors, block by block, given a block's shape of each: results of shape [blocks, the first's]. */
export function inBlocks(
  blocks: number,
  inputs: readonly { name: string; block: Shape }[],
  b: OnnxBuilder,
  work: (names: readonly string[]) => readonly string[],
): readonly string[] {
  let count = 0;
  const body = b.subgraph(
    inputs.map(({ block }) => ({ shape: block, dtype: 'float32' })),
    (names) => {
      const results = work(names);
      count = results.length;
      return results.map((name) => ({ name, shape: inputs[0]!.block }));
    },
  );
  const stacked = inputs.map(({ name, block }) => b.node('Reshape', [name, b.ints([blocks, ...block])]));
  return b.multi('Scan', stacked, count, { body, num_scan_inputs: inputs.length });
}
