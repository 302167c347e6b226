/** The safetensors format: an 8-byte length, a JSON header, raw little-endian tensors. */
import { open } from 'node:fs/promises';
import { UserError, internal } from '../errors.ts';
import { toHalves } from '../graph/half.ts';
import { sizeOf } from '../graph/tensor.ts';
import type { Shape } from '../graph/tensor.ts';
import { onDemand } from '../graph/values.ts';
import type { Values, ValuesInTurn } from '../graph/values.ts';
import { writeAtomicallyInPieces } from './atomic.ts';
import { readEntry, widths } from './tensors.ts';
import type { FileDtype, TensorEntry, TensorTable } from './tensors.ts';

const longestHeader = 100_000_000;

/** The header of a file: what it holds and where. The tensors stay on disk. */
export interface SafetensorsFile {
  path: string;
  metadata: Readonly<Record<string, string>>;
  tensors: TensorTable;
}

/** What a tensor to be written is; float32 data may be stored as F16. */
export type NewTensor = Values;
type Stored = 'F32' | 'F16';

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Reads and checks a header. Throws a UserError where the file is missing, truncated or malformed. */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  const bad = (what: string): UserError => new UserError(`${path} is not a usable .safetensors file: ${what}. Fetch or export it again`);
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    throw new UserError(error.code === 'ENOENT' ? `${path} does not exist` : `${path} cannot be read (${error.code})`);
  });
  try {
    const stat = await file.stat();
    if (stat.isDirectory()) throw new UserError(`${path} is a folder; a .safetensors file is expected`);
    if (stat.size < 8) throw bad(`it has ${stat.size} bytes, too few for a header`);
    const prefix = Buffer.alloc(8);
    await file.read(prefix, 0, 8, 0);
    const headerLength = Number(prefix.readBigUInt64LE());
    if (headerLength > longestHeader) throw bad(`its header claims ${headerLength} bytes, more than the ${longestHeader} that are allowed`);
    if (headerLength + 8 > stat.size) throw bad(`its header should have ${headerLength} bytes and the file has ${stat.size} (truncated?)`);
    const bytes = Buffer.alloc(headerLength);
    await file.read(bytes, 0, headerLength, 8);
    let header: unknown;
    try {
      header = JSON.parse(bytes.toString('utf8'));
    } catch {
      throw bad('its header is not JSON');
    }
    if (!isRecord(header)) throw bad('its header is not a JSON object');
    const tensors = new Map<string, TensorEntry>();
    for (const [name, entry] of Object.entries(header)) {
      if (name === '__metadata__') continue;
      tensors.set(name, { path, ...checkEntry(name, entry, headerLength + 8, stat.size, bad) });
    }
    const ranges = [...tensors.values()].filter(({ length }) => length > 0).toSorted((a, b) => a.offset - b.offset);
    ranges.forEach((entry, i) => {
      const before = ranges[i - 1];
      if (before !== undefined && before.offset + before.length > entry.offset)
        throw bad(`tensors ${before.name} and ${entry.name} overlap`);
    });
    const metadata = isRecord(header.__metadata__)
      ? Object.fromEntries(Object.entries(header.__metadata__).map(([key, value]) => [key, String(value)]))
      : {};
    return { path, metadata, tensors };
  } finally {
    await file.close();
  }
}

function checkEntry(
  name: string,
  entry: unknown,
  start: number,
  size: number,
  bad: (what: string) => UserError,
): Omit<TensorEntry, 'path'> {
  if (!isRecord(entry)) throw bad(`tensor ${name} has no description`);
  const { dtype, shape, data_offsets: range } = entry;
  if (typeof dtype !== 'string' || !Object.hasOwn(widths, dtype)) throw bad(`tensor ${name} has the unknown dtype ${String(dtype)}`);
  const natural = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
  if (!Array.isArray(shape) || !shape.every(natural)) throw bad(`tensor ${name} has no proper shape`);
  if (!Array.isArray(range) || range.length !== 2 || !range.every(natural) || range[0]! > range[1]!)
    throw bad(`tensor ${name} has no proper data_offsets`);
  const length = range[1]! - range[0]!;
  const expected = shape.reduce((product: number, n: number) => product * n, widths[dtype as FileDtype]);
  if (length !== expected)
    throw bad(`tensor ${name} of shape [${shape.join(', ')}] and dtype ${dtype} takes ${expected} bytes, its range has ${length}`);
  if (start + range[1]! > size) throw bad(`tensor ${name} ends at byte ${start + range[1]!} and the file at ${size} (truncated?)`);
  return { name, dtype: dtype as FileDtype, shape, offset: start + range[0]!, length };
}

function entryOf({ path, tensors }: SafetensorsFile, name: string): TensorEntry {
  const entry = tensors.get(name);
  if (entry === undefined) throw new UserError(`${path} has no tensor ${name}`);
  return entry;
}

/** A tensor of an opened file as float32. */
export async function readTensor(file: SafetensorsFile, name: string): Promise<Float32Array> {
  return readEntry(entryOf(file, name));
}

/** A tensor of an opened file, read whenever its numbers are asked for. */
export function tensorOnDemand(file: SafetensorsFile, name: string): Values {
  const entry = entryOf(file, name);
  return onDemand(entry.shape, () => readEntry(entry));
}

/** The length and the header of a file whose tensors follow in order of their names. */
function headerOf(tensors: Readonly<Record<string, { shape: Shape }>>, metadata: Readonly<Record<string, string>>, dtype: Stored): Buffer {
  let end = 0;
  const header: Record<string, unknown> = Object.keys(metadata).length === 0 ? {} : { __metadata__: metadata };
  for (const name of Object.keys(tensors).toSorted()) {
    const { shape } = tensors[name]!;
    header[name] = { dtype, shape, data_offsets: [end, (end += sizeOf(shape) * widths[dtype])] };
  }
  const json = Buffer.from(JSON.stringify(header));
  const bytes = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, 0x20);
  bytes.writeBigUInt64LE(BigInt(bytes.length - 8));
  json.copy(bytes, 8);
  return bytes;
}

function bytesOf(data: Float32Array, dtype: Stored): Uint8Array {
  const raw = dtype === 'F32' ? data : toHalves(data);
  return new Uint8Array(raw.buffer, raw.byteOffset, raw.byteLength);
}

/** A file piece by piece; of the tensors that are not at hand one at a time. */
async function* piecesOf(
  tensors: Readonly<Record<string, NewTensor | ValuesInTurn>>,
  metadata: Readonly<Record<string, string>>,
  dtype: Stored,
): AsyncGenerator<Uint8Array> {
  yield headerOf(tensors, metadata, dtype);
  for (const name of Object.keys(tensors).toSorted()) {
    const tensor = tensors[name]!;
    const data = 'read' in tensor ? await tensor.read() : tensor.data;
    if (data.length !== sizeOf(tensor.shape)) throw internal(`${name} of shape [${tensor.shape.join(', ')}] has ${data.length} numbers`);
    yield bytesOf(data, dtype);
  }
}

/** The bytes of a file. */
export function encodeSafetensors(
  tensors: Readonly<Record<string, NewTensor>>,
  metadata: Readonly<Record<string, string>> = {},
  dtype: Stored = 'F32',
): Uint8Array {
  const names = Object.keys(tensors).toSorted();
  return Buffer.concat([headerOf(tensors, metadata, dtype), ...names.map((name) => bytesOf(tensors[name]!.data, dtype))]);
}

/** Writes a file tensor by tensor: of those whose numbers are read on demand or in turn, no more than a few are ever held. */
export const writeSafetensors = (
  path: string,
  tensors: Readonly<Record<string, NewTensor | ValuesInTurn>>,
  metadata: Readonly<Record<string, string>> = {},
  dtype: Stored = 'F32',
): Promise<void> => writeAtomicallyInPieces(path, piecesOf(tensors, metadata, dtype));
