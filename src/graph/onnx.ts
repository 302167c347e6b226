/** A builder of ONNX models: nodes, initializers (inline or inside a file), inputs, outputs. */
import path from 'node:path';
import { internal } from '../errors.ts';
import { shaderBindingLimit } from './device.ts';
import type { Device } from './device.ts';
import { toFiniteHalves } from './precision.ts';
import type { Precision } from './precision.ts';
import { Message } from './protobuf.ts';
import { barrier } from './protocol.ts';
import { sizeOf } from './tensor.ts';
import type { ConstantSource, Dtype, FileSource, Shape, Tensor, WritingOrder } from './tensor.ts';
import type { Parts } from './writing.ts';

// Field numbers and enumerations of onnx.proto3.
const dtypes: Record<Dtype | 'int64' | 'float16' | 'bfloat16', number> = {
  float32: 1,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  bfloat16: 16,
};
const opset = 18;
const irVersion = 9;

export interface LoweringOptions {
  /** Keep one copy of the constants, at the cost of speed. */
  lean?: boolean;
  /** Rather take longer than make transformed copies of weights. */
  sparing?: boolean;
  /** The CPU by default. */
  device?: Device;
  /** Half precision where `halves` says so, for WebGPU; float32 by default. */
  precision?: Precision;
  /** Which of several outputs or inputs is written first: it decides in which order the runtime works. */
  from?: WritingOrder;
  /** In which part of the program each tensor is computed, where the runtime should plan it in parts. */
  parts?: Parts;
  /** Bytes that one tensor may take, for tests; by default what the device allows. */
  bindingLimit?: number;
  /** Outputs that are written over states. They keep the name of their value: a copy would be made whenever the runtime likes. */
  overwriting?: ReadonlySet<string>;
}

/** A value that is made of constants before the first run of a program, by a model of its own, whose output it is after the barrier. */
export interface Preparation {
  /** The program's input that takes it, and its shape there. */
  name: string;
  shape: Shape;
  /** Names what it is: programs of one engine share it. */
  key: string;
  /** The model; its output goes by `made.name`, and is of `made.shape`. */
  bytes: Uint8Array;
  made: Value;
}

/** What nodes have made. */
export interface Value {
  name: string;
  shape: Shape;
  /** float32 by default. */
  dtype?: Dtype;
}

export interface OnnxModel {
  bytes: Uint8Array;
  preparations: readonly Preparation[];
  nodeCount: number;
  /** Of outputs that are written over states, those that go by another name than their own, and their shape as they are written. */
  overwritten: ReadonlyMap<string, Value>;
}

/** A graph inside an operator: Scan's body, a branch of If. */
export interface Subgraph {
  message: Message;
}

/** A graph that is being written. */
interface Scope {
  graph: Message;
  /**
   * Nodes that are written before all others: what is done to weights that are kept as halves. The runtime begins with the
   * input that was written last, so that a weight is widened when all else is there that it is multiplied by.
   */
  early: Message;
  /** What several rules share. */
  memo: Map<string, readonly string[]>;
}
const scope = (known: Scope['memo'] = new Map()): Scope => ({ graph: new Message(), early: new Message(), memo: new Map(known) });
type Attribute = number | string | readonly number[] | Subgraph;
const floats = new Set(['epsilon', 'alpha', 'scale']);

function attribute(name: string, value: Attribute): Message {
  const message = new Message().string(1, name);
  if (typeof value === 'string') return message.string(4, value).integer(20, 3);
  if (typeof value === 'object' && 'message' in value) return message.message(6, value.message).integer(20, 5);
  if (typeof value !== 'number') return message.integers(8, value).integer(20, 7);
  return floats.has(name) ? message.float(2, value).integer(20, 1) : message.integer(3, value).integer(20, 2);
}

/** Without a shape, any is meant. */
function valueInfo(name: string, shape: Shape | undefined, dtype: keyof typeof dtypes): Message {
  const type = new Message().integer(1, dtypes[dtype]);
  if (shape !== undefined) {
    const dimensions = new Message();
    for (const n of shape) dimensions.message(1, new Message().integer(1, n));
    type.message(2, dimensions);
  }
  return new Message().string(1, name).message(2, new Message().message(1, type));
}

export class OnnxBuilder {
  /** Where inputs and constants go. */
  private outer: Scope = scope();
  /** Where nodes go: there, or into a part of it. */
  private inner: Scope = this.outer;
  private readonly externalFolder: string | undefined;
  /** Whether rules should spare copies of constants where it costs speed. */
  readonly lean: boolean;
  /** Whether they should spare what they prepare of constants. */
  readonly sparing: boolean;
  /** Where the model is to run: rules leave out what has no kernel there. */
  readonly device: Device;
  /** Bytes that one tensor may take there. */
  readonly bindingLimit: number;
  /** Whether constants are float16 in the rule that emits now. */
  half = false;
  /** Whether weights that a file has in float16 stay so in the rule that emits now, which widens its factors itself. */
  keepsStored = false;
  /** Constants in float16, and what they are turned into before they are factors. */
  private readonly halves: Set<string> = new Set();
  private count = 0;
  private nodes = 0;
  private readonly overwriting: ReadonlySet<string>;
  private readonly overwritten: Map<string, Value> = new Map();
  /** What nodes have made and no output goes by. */
  private readonly results: Set<string> = new Set();
  private readonly preparations: Preparation[] = [];
  /** Values that lie in another shape than their tensor's. */
  private readonly lying: Map<string, Shape> = new Map();

  constructor(externalFolder: string | undefined, options: LoweringOptions) {
    const { lean = false, sparing = false, device = 'cpu', bindingLimit, overwriting = new Set() } = options;
    this.overwriting = overwriting;
    if (overwriting.size > 0 && device !== 'webgpu') this.addBarrier();
    this.externalFolder = externalFolder;
    this.lean = lean;
    this.sparing = sparing;
    this.device = device;
    this.bindingLimit = bindingLimit ?? (device === 'webgpu' ? shaderBindingLimit : Infinity);
  }

  private fresh(): string {
    return `t${this.count++}`;
  }

  dtype(name: Dtype): number {
    return dtypes[name];
  }

  /** Results that several primitives share are emitted once. */
  shared(key: string, make: () => readonly string[]): readonly string[] {
    const { memo } = this.inner;
    let names = memo.get(key);
    if (names === undefined) memo.set(key, (names = make()));
    return names;
  }

  /** The same for what all parts of a program share. */
  private declared(key: string, make: () => string): string {
    const { inner } = this;
    this.inner = this.outer;
    const [name] = this.shared(key, () => [make()]);
    this.inner = inner;
    return name!;
  }

  multi(
    op: string,
    inputs: readonly string[],
    outputCount: number,
    attributes: Record<string, Attribute> = {},
    domain = '',
  ): readonly string[] {
    const outputs = Array.from({ length: outputCount }, () => this.fresh());
    const node = new Message();
    for (const name of inputs) node.string(1, name);
    for (const name of outputs) node.string(2, name);
    node.string(3, `n${this.nodes++}`).string(4, op);
    for (const [name, value] of Object.entries(attributes)) node.message(5, attribute(name, value));
    if (domain !== '') node.string(7, domain);
    const ofHalves = this.halves.has(inputs[0]!);
    this.inner[ofHalves ? 'early' : 'graph'].message(1, node);
    for (const name of outputs) this.results.add(name);
    if (ofHalves && op !== 'Cast') for (const name of outputs) this.halves.add(name);
    return outputs;
  }

  node(op: string, inputs: readonly string[], attributes: Record<string, Attribute> = {}, domain = ''): string {
    return this.multi(op, inputs, 1, attributes, domain)[0]!;
  }

  /** A float value in float32 or float16, whichever it is in. */
  cast(name: string, to: Precision): string {
    return this.shared(`cast ${name} ${to}`, () => [this.node('Cast', [name], { to: dtypes[to] })])[0]!;
  }
  /**
   * A factor of a product, in float32. One that is kept as halves is widened where it is used, at each run: by way of a
   * Reshape to its own shape, which the runtime does not fold.
   */
  factor(name: string, rank: number): string {
    if (!this.halves.has(name)) return name;
    const asItIs = Array.from({ length: rank }, () => 0);
    return this.node('Cast', [this.reshaped(name, asItIs)], { to: dtypes.float32 });
  }

  /** A constant under another shape (0: as it is), not folded, since the shape is an initializer that could be overridden. */
  private reshaped(name: string, shape: Shape): string {
    const wanted = this.declared(`shape ${shape.join()}`, () => this.input(this.longs(shape), [shape.length], 'int64'));
    return this.node('Reshape', [name, wanted]);
  }

  /** Says what shape a float32 value has where the runtime cannot infer it. */
  describe(name: string, shape: Shape): void {
    this.inner.graph.message(13, valueInfo(name, shape, 'float32'));
  }

  /** Says that a value has as many elements as its tensor, in another shape. */
  lies(name: string, shape: Shape): void {
    this.lying.set(name, shape);
  }

  /** The shape that a value lies in, where it is another than its tensor's. */
  lyingIn(name: string): Shape | undefined {
    return this.lying.get(name);
  }

  /** A value in the shape of its tensor. */
  asShaped(name: string, shape: Shape): string {
    if (!this.lying.has(name)) return name;
    return this.shared(`shaped ${name}`, () => [this.node('Reshape', [name, this.ints(shape)])])[0]!;
  }

  constant(data: Float32Array | Int32Array | Uint8Array, shape: Shape): string {
    const narrow = this.half && data instanceof Float32Array;
    const dtype = narrow ? 'float16' : data instanceof Float32Array ? 'float32' : data instanceof Int32Array ? 'int32' : 'bool';
    const { buffer, byteOffset, byteLength } = narrow ? toFiniteHalves(data) : data;
    const raw = new Uint8Array(buffer, byteOffset, byteLength);
    if (data.length <= 1)
      return this.declared(`${dtype} [${shape.join()}] ${raw.join()}`, () => this.initializer(raw, shape, dtypes[dtype]));
    const name = this.initializer(raw, shape, dtypes[dtype]);
    if (narrow) this.halves.add(name);
    return name;
  }

  /** A single number, in the precision of constants. */
  number(value: number): string {
    return this.constant(Float32Array.of(value), []);
  }

  /** A small int64 vector: shapes, axes, pads. */
  ints(values: readonly number[]): string {
    const raw = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    return this.declared(`ints ${values.join()}`, () => this.initializer(raw, [values.length], dtypes.int64));
  }

  /** A vector of int64 to be indexed by, not shared. */
  longs(values: readonly number[]): string {
    return this.initializer(new Uint8Array(BigInt64Array.from(values, BigInt).buffer), [values.length], dtypes.int64);
  }

  private initializer(raw: Uint8Array, shape: Shape, dtype: number): string {
    const name = this.fresh();
    this.outer.graph.message(5, new Message().integers(1, shape).integer(2, dtype).string(8, name).bytes(9, raw));
    return name;
  }

  /** What a constant is kept in for the rule that emits now. */
  private precisionOf(source: ConstantSource): Precision {
    const stays = this.keepsStored && source.kind === 'file' && source.stored === 'float16';
    return this.half || stays ? 'float16' : 'float32';
  }

  external(source: FileSource, shape: Shape): string {
    if (this.externalFolder === undefined) throw internal('an external constant without a folder');
    const name = this.fresh();
    const tensor = new Message().integers(1, shape).integer(2, dtypes[source.stored]).string(8, name).integer(14, 1);
    const location = path.relative(this.externalFolder, path.resolve(source.path));
    for (const [key, value] of Object.entries({ location, offset: source.offset, length: source.length })) {
      tensor.message(13, new Message().string(1, key).string(2, String(value)));
    }
    this.outer.graph.message(5, tensor);
    const wanted = this.precisionOf(source);
    if (wanted === 'float16') this.halves.add(name);
    const value = source.stored === wanted ? name : this.node('Cast', [name], { to: dtypes[wanted] });
    if (wanted === 'float16') this.halves.add(value);
    return value;
  }

  /** What `build` emits goes into a graph of its own, and nothing that it shares is shared outside. */
  private apart(build: (own: Message) => void): Message {
    const { outer, inner } = this;
    this.inner = this.outer = scope();
    build(this.inner.graph);
    const message = messageOf(this.inner);
    Object.assign(this, { outer, inner });
    return message;
  }

  /**
   * A graph inside an operator's attribute. It may use the names around it; what it makes stays inside, so nothing
   * that it shares is shared outside.
   */
  subgraph(inputs: readonly { shape: Shape; dtype: Dtype | 'int64' }[], build: (names: readonly string[]) => readonly Value[]): Subgraph {
    const message = this.apart((own) => {
      const names = inputs.map(({ shape, dtype }) => this.input(this.fresh(), shape, dtype));
      for (const { name, shape, dtype = 'float32' } of build(names)) own.message(12, valueInfo(name, shape, dtype));
    });
    message.string(2, this.fresh());
    return { message };
  }

  /**
   * What `build` emits goes into a graph of its own, which the runtime plans apart from what is around it: a branch of an If
   * that is always taken. It may use what comes before; its values are what is read of it later.
   *
   * @param after a value of earlier parts, which is there when this one begins
   */
  part(after: string, build: () => readonly Value[]): readonly string[] {
    const first = this.node('Slice', [this.node('Reshape', [after, this.ints([-1])]), this.ints([0]), this.ints([1])]);
    const isNegative = this.node('Less', [first, this.constant(new Float32Array(1), [1])]);
    // The runtime would put a branch in the place of an If of which it knew the answer.
    const yes = this.node('Or', [isNegative, this.node('Not', [isNegative])]);
    const { inner } = this;
    this.inner = scope(inner.memo);
    const values = build();
    const taken = messageOf(this.inner).string(2, this.fresh());
    for (const { name, shape, dtype = 'float32' } of values) taken.message(12, valueInfo(name, shape, dtype));
    this.inner = inner;
    const other = this.subgraph([], () =>
      values.map(({ shape, dtype = 'float32' }) => {
        const value = this.node('Reshape', [this.node('Cast', [yes], { to: dtypes[dtype] }), this.ints(shape.map(() => 1))]);
        return { name: this.node('Expand', [value, this.ints(shape)]), shape, dtype };
      }),
    );
    return this.multi('If', [yes], values.length, { then_branch: { message: taken }, else_branch: other });
  }

  /** What `make` emits goes into a model that runs once; the program takes its result as an input, as of `shape`. */
  prepared(key: string, shape: Shape, make: () => Value): string {
    return this.declared(`prepared ${key}`, () => {
      let made: Value | undefined;
      const message = this.apart((own) => {
        this.addBarrier();
        made = make();
        own.message(12, valueInfo(made.name, made.shape, 'float32'));
      });
      const name = this.fresh();
      this.preparations.push({ name, shape, key, bytes: modelOf(message), made: made! });
      return this.input(name, shape, 'float32');
    });
  }

  /** A constant's bytes, under another shape of as many elements if need be; each is emitted once. */
  leaf(tensor: Tensor<'constant'>, shape: Shape): string {
    const { source } = tensor.attributes;
    return this.declared(`constant ${tensor.id} [${shape.join()}] ${this.precisionOf(source)}`, () =>
      source.kind === 'memory' ? this.constant(source.data, shape) : this.external(source, shape),
    );
  }

  /** A constant's bytes under another shape; a lean program reads them where those of the constant's own shape are mapped. */
  viewed(tensor: Tensor<'constant'>, shape: Shape): string {
    if (!this.lean || this.device !== 'cpu' || this.precisionOf(tensor.attributes.source) === 'float16') return this.leaf(tensor, shape);
    return this.declared(`viewed ${tensor.id} [${shape.join()}]`, () => {
      const name = this.reshaped(this.leaf(tensor, tensor.shape), shape);
      this.describe(name, shape);
      return name;
    });
  }

  /** `rows` rows of a constant from `start`. */
  leafRows(tensor: Tensor<'constant'>, start: number, rows: number): string {
    const { source } = tensor.attributes;
    const shape = [rows, ...tensor.shape.slice(1)];
    const width = sizeOf(tensor.shape.slice(1));
    return this.declared(`constant ${tensor.id} rows ${start} ${rows} ${this.precisionOf(source)}`, () => {
      if (source.kind === 'memory') return this.constant(source.data.subarray(start * width, (start + rows) * width), shape);
      const rowBytes = source.length / tensor.shape[0]!;
      return this.external({ ...source, offset: source.offset + start * rowBytes, length: rows * rowBytes }, shape);
    });
  }

  input(name: string, shape: Shape, dtype: Dtype | 'int64'): string {
    this.outer.graph.message(11, valueInfo(name, shape, dtype));
    return name;
  }

  private addBarrier(): void {
    const sequence = new Message().message(1, new Message().message(1, new Message().integer(1, dtypes.float32)));
    this.inner.graph.message(1, new Message().string(2, barrier).string(3, barrier).string(4, 'SequenceEmpty'));
    this.inner.graph.message(12, new Message().string(1, barrier).message(2, new Message().message(4, sequence)));
  }

  /** Outputs are named by an Identity node, so that one value may be several; those that are written over states go without. */
  output(name: string, value: string, shape: Shape, dtype: Dtype): void {
    if (this.overwriting.has(name) && this.results.delete(value)) {
      const lying = this.lying.get(value) ?? shape;
      this.overwritten.set(name, { name: value, shape: lying });
      this.inner.graph.message(12, valueInfo(value, lying, dtype));
      return;
    }
    this.inner.graph.message(
      1,
      new Message()
        .string(1, this.asShaped(value, shape))
        .string(2, name)
        .string(3, `n${this.nodes++}`)
        .string(4, 'Identity'),
    );
    this.inner.graph.message(12, valueInfo(name, shape, dtype));
  }

  finish(): OnnxModel {
    return { bytes: modelOf(messageOf(this.outer)), preparations: this.preparations, nodeCount: this.nodes, overwritten: this.overwritten };
  }
}

const messageOf = ({ early, graph }: Scope): Message => early.append(graph);

function modelOf(graph: Message): Uint8Array {
  graph.string(2, 'contextura');
  const model = new Message().integer(1, irVersion).string(2, 'contextura').message(7, graph);
  for (const [domain, version] of [
    ['', opset],
    ['com.microsoft', 1],
  ] as const) {
    model.message(8, new Message().string(1, domain).integer(2, version));
  }
  return model.finish();
}

/** A model whose output y is its input x, of any shape. */
export function copyModel(dtype: Dtype): Uint8Array {
  const node = new Message().string(1, 'x').string(2, 'y').string(3, 'copy').string(4, 'Identity');
  const [x, y] = ['x', 'y'].map((name) => valueInfo(name, undefined, dtype)) as [Message, Message];
  return modelOf(new Message().message(1, node).message(11, x).message(12, y));
}
