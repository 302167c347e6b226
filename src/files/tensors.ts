/** Tensors that lie in files: where their bytes are, and how to read them. */
import { closeSync, openSync, readSync } from 'node:fs';
import { UserError } from '../errors.ts';
import { fromBfloats, fromHalves } from '../graph/half.ts';

/** Bytes per element, by the names that safetensors gives to dtypes. */
export const widths = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1 } as const;
export type FileDtype = keyof typeof widths;

/** One tensor, whole and contiguous, inside a file. */
export interface TensorEntry {
  path: string;
  name: string;
  dtype: FileDtype;
  shape: readonly number[];
  /** Bytes from the start of the file. */
  offset: number;
  length: number;
}

/** Tensors by name; they may lie in several files. */
export type TensorTable = ReadonlyMap<string, TensorEntry>;

/** A tensor as float32. Throws a UserError where it is not of a floating-point dtype. */
export function readEntry(entry: TensorEntry): Float32Array {
  const bytes = new Uint8Array(entry.length);
  const handle = openSync(entry.path, 'r');
  try {
    for (let done = 0; done < bytes.length;) {
      const count = readSync(handle, bytes, done, Math.min(bytes.length - done, 2 ** 30), entry.offset + done);
      if (count === 0) throw new UserError(`${entry.path} became shorter while it was read`, 1);
      done += count;
    }
  } finally {
    closeSync(handle);
  }
  const { buffer } = bytes;
  switch (entry.dtype) {
    case 'F32':
      return new Float32Array(buffer);
    case 'F64':
      return new Float32Array(new Float64Array(buffer));
    case 'F16':
      return fromHalves(new Uint16Array(buffer));
    case 'BF16':
      return fromBfloats(new Uint16Array(buffer));
    default:
      throw new UserError(`${entry.path}: tensor ${entry.name} has dtype ${entry.dtype}; floating-point weights are expected`);
  }
}

/** Part `index` of `count` equal parts along the first axis. */
export function rowsOf(entry: TensorEntry, index: number, count: number): TensorEntry {
  const [rows, ...rest] = entry.shape;
  const length = entry.length / count;
  return { ...entry, shape: [rows! / count, ...rest], offset: entry.offset + index * length, length };
}
