/** Matrix products, which WebGPU has without transposes and with factors that a shader can bind. */
import type { OnnxBuilder } from './onnx.ts';
import { sizeOf } from './tensor.ts';
import type { Tensor } from './tensor.ts';

/** Consecutive rows of a constant: a part of its bytes as they lie. */
export interface Rows {
  table: Tensor<'constant'>;
  start: number;
  count: number;
}

/** The rows of a constant that a tensor is: all of them, or a slice along the first axis. */
export function constantRows(x: Tensor): Rows | undefined {
  if (x.op === 'constant') return { table: x as Tensor<'constant'>, start: 0, count: x.shape[0]! };
  const [table] = x.inputs;
  if (x.op !== 'slice' || table!.op !== 'constant' || x.shape.slice(1).some((n, i) => n !== table!.shape[i + 1])) return undefined;
  return { table: table as Tensor<'constant'>, start: (x as Tensor<'slice'>).attributes.starts[0]!, count: x.shape[0]! };
}

/** The rows of a constant matrix of which a tensor is the transpose. */
export const transposedRows = (x: Tensor): Rows | undefined =>
  x.op === 'transpose' && x.shape.length === 2 ? constantRows(x.inputs[0]!) : undefined;

/** The rows of a constant that are the right factor of a product, which emits them itself: as they lie, or transposed. */
export function factorRows(y: Tensor<'matmul'>): (Rows & { transposed: boolean }) | undefined {
  const right = y.inputs[1]!;
  const across = transposedRows(right);
  if (across !== undefined) return { ...across, transposed: true };
  const rows = right.op === 'slice' ? constantRows(right) : undefined;
  return rows && { ...rows, transposed: false };
}

/** A product whose transposed factors are matrices. */
export function product(
  b: OnnxBuilder,
  left: string,
  right: string,
  { transA = 0, transB = 0 }: { transA?: 0 | 1; transB?: 0 | 1 },
): string {
  if (b.device !== 'webgpu') return b.node('FusedMatMul', [b.factor(left, 2), b.factor(right, 2)], { transA, transB }, 'com.microsoft');
  const exchanged = (x: string, exchange: 0 | 1): string =>
    exchange === 0 ? x : b.shared(`exchanged ${x}`, () => [b.node('Transpose', [x], { perm: [1, 0] })])[0]!;
  return b.node('MatMul', [b.factor(exchanged(left, transA), 2), b.factor(exchanged(right, transB), 2)]);
}

/** A constant that is transposed for the product stays as it is: a folded transpose would be a second copy of it. */
export function matmul(y: Tensor<'matmul'>, [left, right]: readonly string[], b: OnnxBuilder): string {
  const rows = factorRows(y);
  if (rows?.transposed !== true) {
    const factors = [left!, rows === undefined ? right! : b.leafRows(rows.table, rows.start, rows.count)];
    return b.node(
      'MatMul',
      factors.map((x, i) => b.factor(x, y.inputs[i]!.shape.length)),
    );
  }
  const blocks = rowBlocks(rows, b).map((block) =>
    b.device === 'webgpu' && b.sparing ? byGemm(y, left!, block, b) : product(b, left!, block.name, { transB: 1 }),
  );
  return blocks.length === 1 ? blocks[0]! : b.node('Concat', blocks, { axis: y.shape.length - 1 });
}

/** A product with some rows of a constant, transposed, which WebGPU's Gemm reads as they lie, somewhat slower than MatMul what is turned over. */
function byGemm(y: Tensor<'matmul'>, left: string, { name, rows }: RowBlock, b: OnnxBuilder): string {
  const flat = b.node('Reshape', [left, b.ints([-1, y.inputs[0]!.shape.at(-1)!])]);
  const columns = b.node('Gemm', [b.factor(flat, 2), b.factor(name, 2)], { transB: 1 });
  return b.node('Reshape', [columns, b.ints([...y.shape.slice(0, -1), rows])]);
}

interface RowBlock {
  name: string;
  start: number;
  rows: number;
}

/** Rows of a constant in blocks, each of which a shader of the device can bind. */
export function rowBlocks({ table, start, count }: Rows, b: OnnxBuilder): RowBlock[] {
  const rowBytes = (4 * sizeOf(table.shape)) / table.shape[0]!;
  const most = Math.max(1, Math.floor(b.bindingLimit / rowBytes));
  const each = Math.ceil(count / Math.max(1, Math.ceil(count / most)));
  return Array.from({ length: Math.ceil(count / each) }, (_, i) => {
    const rows = Math.min(each, count - i * each);
    const name = rows === table.shape[0] ? b.leaf(table, table.shape) : b.leafRows(table, start + i * each, rows);
    return { name, start: i * each, rows };
  });
}
