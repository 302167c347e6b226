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

/** What is cut into blocks: tensors and their names; of whole rows of the last axis each, or of elements in whatever shape. */
export interface Whole {
  tensors: readonly Tensor[];
  names: readonly string[];
  byRow?: boolean;
}

/** What `work` makes of blocks of tensors, block by block: results of shape [blocks, a block's of the first]. */
export function inBlocks(
  blocks: number,
  { tensors, names, byRow = false }: Whole,
  b: OnnxBuilder,
  work: (names: readonly string[]) => readonly string[],
): readonly string[] {
  const shapes = tensors.map(({ shape }) => {
    const width = shape.at(-1)!;
    return byRow ? [sizeOf(shape) / width / blocks, width] : [sizeOf(shape) / blocks];
  });
  let count = 0;
  const body = b.subgraph(
    shapes.map((shape) => ({ shape, dtype: 'float32' })),
    (parts) => {
      const results = work(parts);
      count = results.length;
      return results.map((name) => ({ name, shape: shapes[0]! }));
    },
  );
  const stacked = names.map((name, i) => b.node('Reshape', [name, b.ints([blocks, ...shapes[i]!])]));
  return b.multi('Scan', stacked, count, { body, num_scan_inputs: names.length });
}

/** The same where there may be one block: results in the shape of the first tensor. */
export function wholeOrInBlocks(
  blocks: number,
  whole: Whole,
  b: OnnxBuilder,
  work: (names: readonly string[]) => readonly string[],
): readonly string[] {
  if (blocks === 1) return work(whole.names);
  return inBlocks(blocks, whole, b, work).map((x) => b.node('Reshape', [x, b.ints(whole.tensors[0]!.shape)]));
}
