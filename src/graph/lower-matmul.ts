/** Matrix products, which WebGPU has without transposes and with factors that a shader can bind. */
import type { OnnxBuilder } from './onnx.ts';
import { sizeOf } from './tensor.ts';
import type { Tensor } from './tensor.ts';

/** The constant matrix of which a tensor is the transpose. */
export function transposedConstant(x: Tensor): Tensor<'constant'> | undefined {
  const inner = x.inputs[0];
  return x.op === 'transpose' && x.shape.length === 2 && inner!.op === 'constant' ? (inner as Tensor<'constant'>) : undefined;
}

/** A product whose transposed factors are matrices. */
export function product(
  b: OnnxBuilder,
  left: string,
  right: string,
  { transA = 0, transB = 0 }: { transA?: 0 | 1; transB?: 0 | 1 },
): string {
  if (b.device !== 'webgpu') return b.node('FusedMatMul', [left, right], { transA, transB }, 'com.microsoft');
  const exchanged = (x: string, exchange: 0 | 1): string =>
    exchange === 0 ? x : b.shared(`exchanged ${x}`, () => [b.node('Transpose', [x], { perm: [1, 0] })])[0]!;
  return b.node('MatMul', [exchanged(left, transA), exchanged(right, transB)]);
}

/** A constant that is transposed for the product stays as it is: a folded transpose would be a second copy of it. */
export function matmul(y: Tensor<'matmul'>, [left, right]: readonly string[], b: OnnxBuilder): string {
  const inner = transposedConstant(y.inputs[1]!);
  if (inner === undefined) return b.node('MatMul', [left!, right!]);
  const blocks = rowBlocks(inner, b).map(({ name }) => product(b, left!, name, { transB: 1 }));
  return blocks.length === 1 ? blocks[0]! : b.node('Concat', blocks, { axis: y.shape.length - 1 });
}

/** A constant in blocks of rows, each of which a shader of the device can bind. */
export function rowBlocks(table: Tensor<'constant'>, b: OnnxBuilder): { name: string; start: number; rows: number }[] {
  const [total, rowBytes] = [table.shape[0]!, (4 * sizeOf(table.shape)) / table.shape[0]!];
  const most = Math.max(1, Math.floor(b.bindingLimit / rowBytes));
  if (total <= most) return [{ name: b.leaf(table, table.shape), start: 0, rows: total }];
  const each = Math.ceil(total / Math.ceil(total / most));
  return Array.from({ length: Math.ceil(total / each) }, (_, i) => {
    const rows = Math.min(each, total - i * each);
    return { name: b.leafRows(table, i * each, rows), start: i * each, rows };
  });
}
