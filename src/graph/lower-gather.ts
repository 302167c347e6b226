/** Rows of tables by ids, and sums into them. */
import { constantRows, rowBlocks } from './lower-matmul.ts';
import type { OnnxBuilder } from './onnx.ts';
import { sizeOf } from './tensor.ts';
import type { Tensor } from './tensor.ts';

/** Whether a table is too large for one tensor on the device. */
export const isInBlocks = (table: Tensor, b: OnnxBuilder): boolean => table.op === 'constant' && 4 * sizeOf(table.shape) > b.bindingLimit;

/** A constant table past the device's limit is asked block by block, and each row taken from the block that has it. */
export function gather(y: Tensor<'gather'>, inputs: readonly string[], b: OnnxBuilder): string {
  const [table, ids] = y.inputs as [Tensor, Tensor];
  if (!isInBlocks(table, b)) return b.node('Gather', inputs, { axis: 0 });
  const id = inputs[1]!;
  const number = (value: number): string => b.constant(Int32Array.of(value), []);
  const zero = b.number(0);
  const blocks = rowBlocks(constantRows(table)!, b);
  const parts = blocks.map(({ name, start, rows }) => {
    const local = start === 0 ? id : b.node('Sub', [id, number(start)]);
    const inside = b.node('And', [b.node('Less', [number(-1), local]), b.node('Less', [local, number(rows)])]);
    const row = b.node('Gather', [name, b.node('Where', [inside, local, number(0)])], { axis: 0 });
    return b.node('Where', [b.node('Reshape', [inside, b.ints([...ids.shape, 1])]), row, zero]);
  });
  return parts.reduce((sum, part) => b.node('Add', [sum, part]));
}

/** Rows up to which sums are products with ones on the CPU as well. */
const fewRows = 256;

/** ONNX Runtime's ScatterND adds in several threads at once and loses sums where they meet; ScatterElements adds in one. */
export function scatterAdd(y: Tensor<'scatterAdd'>, [values, ids]: readonly string[], b: OnnxBuilder): string {
  const [rows, width] = y.shape as [number, number];
  const count = sizeOf(y.inputs[1]!.shape);
  const flat = b.node('Reshape', [values!, b.ints([count, width])]);
  if (b.device === 'webgpu' || rows <= fewRows) return selected(rows, count, flat, ids!, b);
  const at = b.node('Expand', [b.node('Reshape', [ids!, b.ints([count, 1])]), b.ints([count, width])]);
  const zeros = b.node('Expand', [b.number(0), b.ints([...y.shape])]);
  return b.node('ScatterElements', [zeros, at, flat], { axis: 0, reduction: 'add' });
}

/** Threads of a GPU that add to one row do so in any order, and sums would differ from run to run: products with ones do not. */
function selected(rows: number, count: number, values: string, ids: string, b: OnnxBuilder): string {
  const id = b.node('Reshape', [ids, b.ints([1, count])]);
  const most = Math.max(1, Math.min(rows, Math.floor(b.bindingLimit / (4 * count))));
  const blocks = Array.from({ length: Math.ceil(rows / most) }, (_, i) => {
    const size = Math.min(most, rows - i * most);
    const numbers = b.constant(
      Int32Array.from({ length: size }, (_n, k) => i * most + k),
      [size, 1],
    );
    return b.node('MatMul', [b.node('Cast', [b.node('Equal', [numbers, id])], { to: b.dtype('float32') }), values]);
  });
  return blocks.length === 1 ? blocks[0]! : b.node('Concat', blocks, { axis: 0 });
}
