/**
 * PyTorch's .bin and .pt files (a zip of a pickle and raw storages), read without running anything: the pickle may
 * rebuild tensors and plain containers, and whatever else it asks for is refused.
 */
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { UserError } from '../errors.ts';
import { widths } from './tensors.ts';
import type { FileDtype, TensorEntry, TensorTable } from './tensors.ts';

const storages: ReadonlyMap<string, FileDtype> = new Map(
  Object.entries({
    DoubleStorage: 'F64',
    FloatStorage: 'F32',
    HalfStorage: 'F16',
    BFloat16Storage: 'BF16',
    LongStorage: 'I64',
    IntStorage: 'I32',
    ShortStorage: 'I16',
    CharStorage: 'I8',
    ByteStorage: 'U8',
    BoolStorage: 'BOOL',
  } as const),
);

class Callable {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}
class Tensor {
  readonly storage: Storage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  constructor(storage: Storage, offset: number, shape: readonly number[], strides: readonly number[]) {
    this.storage = storage;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
  }
}
interface Storage {
  dtype: FileDtype;
  key: string;
}
/** Checkpoints of a thousand tensors have pickles of some 100 kB. */
const longestPickle = 20_000_000;
const deepest = 16;

const mark = Symbol('mark');

/** What an unpickled value may be. A Callable is a name: only those that build tensors and dictionaries are ever obeyed. */
type Value = null | boolean | number | string | Value[] | Map<Value, Value> | Callable | Tensor | Storage;
type Slot = Value | typeof mark;

class Unpickler {
  private readonly bytes: Buffer;
  private at = 0;
  private readonly stack: Slot[] = [];
  private readonly memo = new Map<number, Value>();
  private readonly refuse: (what: string) => UserError;
  constructor(bytes: Buffer, refuse: (what: string) => UserError) {
    this.bytes = bytes;
    this.refuse = refuse;
  }

  private take(length: number): Buffer {
    if (this.at + length > this.bytes.length) throw this.refuse('its pickle ends too early');
    return this.bytes.subarray(this.at, (this.at += length));
  }
  private byte(): number {
    return this.take(1)[0]!;
  }
  private line(): string {
    const end = this.bytes.indexOf(10, this.at);
    if (end < 0) throw this.refuse('its pickle ends too early');
    const text = this.bytes.toString('utf8', this.at, end);
    this.at = end + 1;
    return text;
  }
  private pop(): Value {
    const value = this.stack.pop();
    if (value === undefined || value === mark) throw this.refuse('its pickle is malformed');
    return value;
  }
  private last(): Value {
    const value = this.pop();
    this.stack.push(value);
    return value;
  }
  private toMark(): Value[] {
    const from = this.stack.lastIndexOf(mark);
    if (from < 0) throw this.refuse('its pickle is malformed');
    const items = this.stack.splice(from + 1) as Value[];
    this.stack.pop();
    return items;
  }
  private top<T>(is: (value: Slot | undefined) => value is Value & T): T {
    const value = this.stack.at(-1);
    if (!is(value)) throw this.refuse('its pickle is malformed');
    return value;
  }
  private put(items: Value[]): void {
    const map = this.top((value: Slot | undefined): value is Map<Value, Value> => value instanceof Map);
    for (let i = 0; i + 1 < items.length; i += 2) map.set(items[i]!, items[i + 1]!);
  }

  run(): Value {
    for (;;) {
      const code = this.byte();
      const step = this.steps[code];
      if (step === undefined) throw this.refuse(`its pickle asks for instruction 0x${code.toString(16)}, which tensors do not need`);
      if (step() === 'stop') return this.pop();
    }
  }

  private readonly steps: Partial<Record<number, () => unknown>> = {
    0x80: () => this.byte(), // protocol
    0x95: () => this.take(8), // frame
    0x2e: () => 'stop',
    0x28: () => this.stack.push(mark),
    0x30: () => this.pop(),
    0x4e: () => this.stack.push(null),
    0x88: () => this.stack.push(true),
    0x89: () => this.stack.push(false),
    0x4a: () => this.stack.push(this.take(4).readInt32LE()),
    0x4b: () => this.stack.push(this.byte()),
    0x4d: () => this.stack.push(this.take(2).readUInt16LE()),
    0x8a: () => this.stack.push(littleEndian(this.take(this.byte()))),
    0x47: () => this.stack.push(this.take(8).readDoubleBE()),
    0x58: () => this.stack.push(this.take(this.take(4).readUInt32LE()).toString('utf8')),
    0x8c: () => this.stack.push(this.take(this.byte()).toString('utf8')),
    0x5d: () => this.stack.push([]),
    0x29: () => this.stack.push([]),
    0x7d: () => this.stack.push(new Map()),
    0x74: () => this.stack.push(this.toMark()),
    0x85: () => this.stack.push([this.pop()]),
    0x86: () => this.stack.push([this.pop(), this.pop()].toReversed()),
    0x87: () => this.stack.push([this.pop(), this.pop(), this.pop()].toReversed()),
    0x71: () => this.memo.set(this.byte(), this.last()),
    0x72: () => this.memo.set(this.take(4).readUInt32LE(), this.last()),
    0x94: () => this.memo.set(this.memo.size, this.last()),
    0x68: () => this.stack.push(this.recall(this.byte())),
    0x6a: () => this.stack.push(this.recall(this.take(4).readUInt32LE())),
    0x73: () => this.put([this.pop(), this.pop()].toReversed()),
    0x75: () => this.put(this.toMark()),
    0x61: () => {
      const item = this.pop();
      this.top((value: Slot | undefined): value is Value[] => Array.isArray(value)).push(item);
    },
    0x65: () => {
      const items = this.toMark();
      const list = this.top((value: Slot | undefined): value is Value[] => Array.isArray(value));
      for (const item of items) list.push(item);
    },
    0x63: () => this.stack.push(new Callable(`${this.line()}.${this.line()}`)),
    0x93: () => {
      const [name, module] = [this.pop(), this.pop()];
      if (typeof name !== 'string' || typeof module !== 'string') throw this.refuse('its pickle is malformed');
      this.stack.push(new Callable(`${module}.${name}`));
    },
    0x51: () => this.stack.push(this.storage(this.pop())),
    0x52: () => {
      const args = this.pop();
      this.stack.push(this.call(this.pop(), args));
    },
    0x62: () => this.pop(), // an object's state, such as an OrderedDict's _metadata: not needed
  };

  private recall(key: number): Value {
    const value = this.memo.get(key);
    if (value === undefined) throw this.refuse('its pickle is malformed');
    return value;
  }

  private storage(id: Value): Value {
    const [kind, type, key] = Array.isArray(id) ? id : [];
    if (kind !== 'storage' || !(type instanceof Callable) || typeof key !== 'string') throw this.refuse('its pickle is malformed');
    const dtype = type.name.startsWith('torch.') ? storages.get(type.name.slice(6)) : undefined;
    if (dtype === undefined) throw this.refuse(`it stores numbers as ${type.name}, which is not supported`);
    return { dtype, key };
  }

  private call(target: Value, args: Value): Value {
    if (!(target instanceof Callable) || !Array.isArray(args)) throw this.refuse('its pickle is malformed');
    if (target.name === 'collections.OrderedDict') return new Map();
    if (target.name === 'torch._utils._rebuild_parameter') return args[0] ?? null;
    if (target.name !== 'torch._utils._rebuild_tensor_v2') throw this.refuse(`it asks to run ${target.name}; nothing was run`);
    const [storage, offset, shape, strides] = args;
    const natural = (value: Value | undefined): value is number[] =>
      Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && (n as number) >= 0);
    if (!isStorage(storage) || !Number.isSafeInteger(offset) || (offset as number) < 0 || !natural(shape) || !natural(strides))
      throw this.refuse('its pickle is malformed');
    return new Tensor(storage, offset as number, shape, strides);
  }
}

const isStorage = (value: Value | undefined): value is Storage =>
  typeof value === 'object' && value !== null && 'dtype' in value && 'key' in value;

function littleEndian(bytes: Buffer): number {
  let value = 0n;
  bytes.forEach((byte, i) => (value |= BigInt(byte) << BigInt(8 * i)));
  return Number(BigInt.asIntN(8 * bytes.length, value));
}

interface ZipEntry {
  /** Bytes from the start of the file, of the stored content. */
  offset: number;
  length: number;
}

/** Stored entries of a zip by name; 64-bit sizes included. */
async function readZip(file: FileHandle, size: number, refuse: (what: string) => UserError): Promise<Map<string, ZipEntry>> {
  const read = async (offset: number, length: number): Promise<Buffer> => {
    const damaged = (): UserError => refuse('its table of contents is damaged (truncated?)');
    if (offset < 0 || offset + length > size) throw damaged();
    const buffer = Buffer.alloc(length);
    if ((await file.read(buffer, 0, length, offset)).bytesRead !== length) throw damaged();
    return buffer;
  };
  const tailLength = Math.min(size, 66_000);
  const tail = await read(size - tailLength, tailLength);
  const end = tail.lastIndexOf(Buffer.from('PK\u0005\u0006'));
  if (end < 0 || end + 22 > tail.length)
    throw refuse('it is not a zip, as PyTorch 1.6 and later write (save it again with a newer PyTorch)');
  let [count, length, start] = [tail.readUInt16LE(end + 10), tail.readUInt32LE(end + 12), tail.readUInt32LE(end + 16)];
  const locator = end >= 20 ? tail.subarray(end - 20, end) : undefined;
  if (locator?.toString('latin1', 0, 4) === 'PK\u0006\u0007') {
    const record = await read(Number(locator.readBigUInt64LE(8)), 56);
    [count, length, start] = [32, 40, 48].map((at) => Number(record.readBigUInt64LE(at))) as [number, number, number];
  }
  const directory = await read(start, length);
  const entries = new Map<string, ZipEntry>();
  for (let i = 0, at = 0; i < count; i++) {
    if (at + 46 > directory.length || directory.readUInt32LE(at) !== 0x02014b50) throw refuse('its table of contents is damaged');
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((k) => directory.readUInt16LE(at + k)) as [number, number, number];
    const name = directory.toString('utf8', at + 46, at + 46 + nameLength);
    if (directory.readUInt16LE(at + 10) !== 0) throw refuse(`${name} inside it is compressed, which PyTorch does not do`);
    const wide = wideSizes(directory.subarray(at + 46 + nameLength, at + 46 + nameLength + extraLength));
    const field = (k: number): number => {
      const value = directory.readUInt32LE(at + k);
      return value === 0xffffffff ? (wide.shift() ?? 0) : value;
    };
    const uncompressed = field(24);
    field(20);
    const header = field(42);
    const local = await read(header, 30);
    const offset = header + 30 + local.readUInt16LE(26) + local.readUInt16LE(28);
    if (offset + uncompressed > size) throw refuse(`${name} inside it ends after the file does (truncated?)`);
    entries.set(name, { offset, length: uncompressed });
    at += 46 + nameLength + extraLength + commentLength;
  }
  return entries;
}

/** The 64-bit fields of a zip entry's extra data, in order. */
function wideSizes(extra: Buffer): number[] {
  for (let at = 0; at + 4 <= extra.length;) {
    const [id, length] = [extra.readUInt16LE(at), extra.readUInt16LE(at + 2)];
    if (id === 1)
      return Array.from({ length: Math.floor(Math.min(length, extra.length - at - 4) / 8) }, (_, i) =>
        Number(extra.readBigUInt64LE(at + 4 + 8 * i)),
      );
    at += 4 + length;
  }
  return [];
}

/**
 * The tensors of a .bin, .pt or .ckpt file, names of nested dictionaries joined by dots (`state_dict` left out).
 * Throws a UserError where the file is damaged, or asks for anything but tensors.
 */
export async function openPickle(path: string): Promise<TensorTable> {
  const refuse = (what: string): UserError => new UserError(`${path} cannot be used: ${what}`);
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    throw new UserError(error.code === 'ENOENT' ? `${path} does not exist` : `${path} cannot be read (${error.code})`);
  });
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new UserError(`${path} is not a file; weights are expected`);
    const { size } = stat;
    const entries = await readZip(file, size, refuse);
    const pickle = [...entries].find(([name]) => name.endsWith('/data.pkl'));
    if (pickle === undefined) throw refuse('there is no data.pkl in it');
    const [pickleName, { offset, length }] = pickle;
    if (length > longestPickle) throw refuse(`its pickle has ${length} bytes; ${longestPickle} are the most that is read`);
    const bytes = Buffer.alloc(length);
    await file.read(bytes, 0, length, offset);
    const root = new Unpickler(bytes, refuse).run();
    if (!(root instanceof Map)) throw refuse('it holds no dictionary of tensors');
    const folder = pickleName.slice(0, -'data.pkl'.length);
    const tensors = new Map<string, TensorEntry>();
    const seen = new Set<Map<Value, Value>>();
    const visit = (map: Map<Value, Value>, prefix: string, depth: number): void => {
      if (depth > deepest) throw refuse('its dictionaries lie too deep in one another');
      if (seen.has(map)) return;
      seen.add(map);
      for (const [key, value] of map) {
        if (typeof key !== 'string' && typeof key !== 'number') continue;
        const name = `${prefix}${key}`;
        if (value instanceof Map) visit(value, key === 'state_dict' && prefix === '' ? '' : `${name}.`, depth + 1);
        if (value instanceof Tensor) tensors.set(name, entryOf(value, name));
      }
    };
    const entryOf = ({ storage, offset: first, shape, strides }: Tensor, name: string): TensorEntry => {
      const content = entries.get(`${folder}data/${storage.key}`);
      const width = widths[storage.dtype];
      const count = shape.reduce((a, b) => a * b, 1);
      if (content === undefined || !((first + count) * width <= content.length)) throw refuse(`tensor ${name} lies outside its storage`);
      let stride = 1;
      for (let axis = shape.length - 1; axis >= 0; axis--) {
        if (shape[axis] !== 1 && strides[axis] !== stride) throw refuse(`tensor ${name} is not contiguous: save the model as .safetensors`);
        stride *= shape[axis]!;
      }
      return { path, name, dtype: storage.dtype, shape, offset: content.offset + first * width, length: count * width };
    };
    visit(root, '', 0);
    return tensors;
  } finally {
    await file.close();
  }
}
