/** Values of constants in a graph, wherever their bytes are. */
import { internal } from '../errors.ts';
import { sizeOf } from '../graph/tensor.ts';
import type { Tensor } from '../graph/tensor.ts';
import { readEntry } from './tensors.ts';

const stored = { float32: 'F32', float16: 'F16', bfloat16: 'BF16' } as const;

/** A float32 constant's numbers, row-major. */
export function valuesOf(tensor: Tensor): Float32Array {
  if (tensor.op !== 'constant') throw internal(`${tensor.op} is not a constant`);
  const { source } = (tensor as Tensor<'constant'>).attributes;
  if (source.kind === 'file') return readEntry({ ...source, name: 'a constant', dtype: stored[source.stored], shape: tensor.shape });
  if (!(source.data instanceof Float32Array) || source.data.length !== sizeOf(tensor.shape)) throw internal('a constant is not float32');
  return source.data;
}

/** Numbers of a float32 constant from `start` to before `end`, row-major; the rest of its file is not read. */
export function valuesBetween(tensor: Tensor, start: number, end: number): Float32Array {
  const { source } = (tensor as Tensor<'constant'>).attributes;
  if (source.kind === 'memory') return valuesOf(tensor).subarray(start, end);
  const bytes = source.length / sizeOf(tensor.shape);
  const part = { ...source, offset: source.offset + start * bytes, length: (end - start) * bytes };
  return readEntry({ ...part, name: 'a constant', dtype: stored[source.stored], shape: [end - start] });
}
