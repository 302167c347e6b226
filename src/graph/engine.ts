/** The engine: programs compiled from graphs, run in a worker thread; named state between runs. */
import { availableParallelism } from 'node:os';
import { internal } from '../errors.ts';
import { programsIn } from '../kept.ts';
import { deviceFailure } from './device.ts';
import type { Device } from './device.ts';
import { flopsOf } from './flops.ts';
import { lower, preparationsOf } from './lower.ts';
import type { LoweredModel } from './lower.ts';
import { quietestWriting } from './writing.ts';
import { inPlaceOf, isLarge } from './memory.ts';
import type { Keeping } from './optimized.ts';
import type { Precision } from './precision.ts';
import { Prepared } from './prepared.ts';
import type { Signature } from './protocol.ts';
import { sizeOf } from './tensor.ts';
import type { Dtype, Shape, Tensor } from './tensor.ts';
import { WorkerThread } from './thread.ts';
import type { Unsent } from './thread.ts';
import type { TypedArray, ValuesInTurn } from './values.ts';
import { verify } from './verify.ts';

export interface EngineOptions {
  /** Where programs run; the CPU by default. */
  device?: Device;
  /** float16 keeps weights and activations as halves, on WebGPU; float32 by default. */
  precision?: Precision;
  /** Given this, the engine goes on with the CPU where its device fails, after having said why here; otherwise a failure is an error. */
  onFallback?: (reason: string) => void;
  /** Rather take longer: fewer transformed copies of weights, every program lean (`CompileOptions.lean`). */
  lowMemory?: boolean;
  /** Threads inside one operator; by default the machine's cores. */
  threads?: number;
  /**
   * A folder for what took long and will be wanted by other runs: large programs as ONNX Runtime has optimised them, here,
   * and what others keep. By default nothing is kept.
   */
  keepIn?: string | undefined;
}

export interface CompileOptions {
  /** Outputs to send back at each run, by name. */
  outputs?: Record<string, Tensor>;
  /** State → its next value, written in place after all that the run reads of it. */
  updates?: Record<string, Tensor>;
  /**
   * Keep one copy of the constants, where they are, instead of others laid out for speed, and compute again in the
   * backward pass what is cheap to. By default where constants and states take more than a gigabyte.
   */
  lean?: boolean;
  /** Prefix of a file for ONNX Runtime's profile by operator, written when the program is released. */
  profile?: string;
}

/** A compiled step. Feeds are typed arrays in row-major order; outputs come back the same way. */
export class Program {
  private readonly engine: Engine;
  private readonly id: number;
  private readonly signature: Signature;
  private readonly profiled: boolean;
  /** Compiles the program for the CPU, where that is wanted. */
  private fallBack: ((error: unknown) => Promise<unknown>) | undefined;
  /** Floating-point operations of one run, as `flopsOf` counts them. */
  readonly flops: number;
  /** @internal `Engine.compile` makes programs. */
  constructor(
    engine: Engine,
    id: number,
    signature: Signature,
    flops: number,
    profiled: boolean,
    fallBack?: (error: unknown) => Promise<unknown>,
  ) {
    this.engine = engine;
    this.fallBack = fallBack;
    this.id = id;
    this.signature = signature;
    this.flops = flops;
    this.profiled = profiled;
  }

  /** Run once. Throws an internal error where a feed is missing or of the wrong length. */
  async run(feeds: Record<string, TypedArray> = {}): Promise<Record<string, TypedArray>> {
    for (const { name, shape } of this.signature.feeds) {
      const length = feeds[name]?.length;
      if (length !== sizeOf(shape)) throw internal(`input ${name} takes [${shape.join(', ')}], got ${length ?? 'no'} elements`);
    }
    const run = () => this.engine.request({ kind: 'run', program: this.id, feeds }) as Promise<Record<string, TypedArray>>;
    try {
      return await run();
    } catch (error) {
      // A run that failed on a GPU has left the states as they were.
      const { fallBack } = this;
      if (fallBack === undefined) throw error;
      this.fallBack = undefined;
      await fallBack(error);
      return run();
    }
  }

  async release(): Promise<void> {
    await this.engine.release(this.id, this.profiled);
  }
}

export class Engine {
  readonly threads: number;
  readonly precision: Precision;
  readonly lowMemory: boolean;
  private current: Device;
  private readonly onFallback: EngineOptions['onFallback'];
  /** The folder of what is kept for other runs, where anything is. */
  readonly keepIn: string | undefined;
  private readonly thread: WorkerThread = new WorkerThread((message) => deviceFailure(this.device, message));
  private readonly prepared: Prepared = new Prepared(this.thread);
  private programs = 0;

  constructor(options: EngineOptions = {}) {
    this.threads = options.threads ?? availableParallelism();
    this.current = options.device ?? 'cpu';
    this.precision = options.precision ?? 'float32';
    this.lowMemory = options.lowMemory ?? false;
    if (this.precision === 'float16' && this.current !== 'webgpu') throw internal(`float16 on ${this.current}`);
    this.onFallback = options.onFallback;
    this.keepIn = options.keepIn;
  }

  /** Where programs that are compiled now run. */
  get device(): Device {
    return this.current;
  }

  /** @internal Programs and the engine itself speak to the worker through this. */
  request(message: Unsent, transfer: readonly ArrayBuffer[] = []): Promise<unknown> {
    return this.thread.request(message, transfer);
  }

  /** @internal What `Program.release` does. */
  async release(program: number, endProfiling: boolean): Promise<void> {
    await this.request({ kind: 'release', program, endProfiling });
    await this.prepared.release(program);
  }

  /**
   * Where what the runtime makes of a model is kept, if it is. Small models are optimised in no time. A lean one reads its
   * weights where they are; in others they become part of what is kept, in as many layouts as operators want.
   */
  private keepingOf({ nodeCount, externalFiles }: LoweredModel, lean: boolean): Keeping | undefined {
    const weights = [...externalFiles.values()].reduce((sum, bytes) => sum + bytes, 0);
    if (this.keepIn === undefined || nodeCount < 1000 || (!lean && weights >= 64e6)) return undefined;
    return { folder: programsIn(this.keepIn), files: [...externalFiles.keys()] };
  }

  /** Verify, lower and load a graph. */
  async compile(options: CompileOptions): Promise<Program> {
    const { outputs = {}, updates = {} } = options;
    /** Output → the state that it is the next value of. */
    const updating = new Map(Object.keys(updates).map((name, i) => [`update${i}`, name]));
    const all = { ...outputs, ...Object.fromEntries([...updating].map(([output, name]) => [output, updates[name]!])) };
    verify(Object.values(all));
    const lean = options.lean ?? (this.lowMemory || isLarge(Object.values(all)));
    const program = this.programs++;
    const load = async (device: Device): Promise<Signature> => {
      const lowering = { lean, sparing: this.lowMemory, device, precision: device === 'cpu' ? 'float32' : this.precision } as const;
      const { preparations, externalFolder } = preparationsOf(Object.values(all), lowering);
      const setting = { externalFolder, device, threads: this.threads, lean };
      const preparing = this.prepared.make(program, preparations, setting);
      const create = async (): Promise<Signature> => {
        const writing = lean ? quietestWriting(Object.values(all), this.lowMemory, inPlaceOf(options), device) : {};
        const overwriting = new Set(updating.keys());
        const model = lower(all, { ...lowering, overwriting, ...writing });
        const signature = signatureOf(model, options, updating);
        const { profile } = options;
        const prepared = new Map(model.preparations.map(({ name, key }) => [name, key]));
        if ([...prepared.values()].some((key) => !preparations.some((one) => one.key === key)))
          throw internal('a preparation was not foreseen');
        const keeping = device === 'cpu' && profile === undefined ? this.keepingOf(model, lean) : undefined;
        await this.request({ kind: 'compile', program, bytes: model.bytes, prepared, keeping, profile, signature, ...setting });
        return signature;
      };
      const creating = create();
      const outcomes = await Promise.allSettled([creating, preparing]);
      if (outcomes.some(({ status }) => status === 'rejected')) await this.release(program, false);
      const signature = await creating;
      await preparing;
      return signature;
    };
    const device = this.current;
    const fallBack = async (error: unknown): Promise<Signature> => {
      if (this.current !== 'cpu') this.onFallback?.(error instanceof Error ? error.message : String(error));
      this.current = 'cpu';
      return load('cpu');
    };
    const canFall = device !== 'cpu' && this.onFallback !== undefined;
    const signature = await (canFall ? load(device).catch(fallBack) : load(device));
    return new Program(
      this,
      program,
      signature,
      flopsOf(Object.values(all)),
      options.profile !== undefined,
      canFall ? fallBack : undefined,
    );
  }

  /** Give names to copies of values, which stay with the engine: one after another, so that no more than one is on its way. */
  async setState(values: Record<string, { data: TypedArray; shape: Shape; dtype?: Dtype }>): Promise<void> {
    for (const [name, value] of Object.entries(values)) {
      const { shape, dtype = 'float32' } = value;
      const data = value.data.slice();
      await this.request({ kind: 'setState', name, data, shape, dtype }, [data.buffer]);
    }
  }
  /** Copies of states, by name. */
  async getState(names: readonly string[]): Promise<Record<string, TypedArray>> {
    const out: Record<string, TypedArray> = {};
    for (const name of names) out[name] = (await this.request({ kind: 'getState', name })) as TypedArray;
    return out;
  }
  /** A state of float32 to be read when its turn comes. */
  stateInTurn(name: string, shape: Shape): ValuesInTurn {
    return { shape, read: () => this.request({ kind: 'getState', name }) as Promise<Float32Array> };
  }
  async dropState(names: readonly string[]): Promise<void> {
    await this.request({ kind: 'dropState', names: [...names] });
  }
  async close(): Promise<void> {
    await this.thread.close();
  }
}

/** What goes into a lowered program at each run and what comes out; `updating`: output → the state that it is the next value of. */
function signatureOf(
  { inputs, overwritten }: LoweredModel,
  { outputs = {}, updates = {} }: CompileOptions,
  updating: ReadonlyMap<string, string>,
): Signature {
  const byRole = (role: 'feed' | 'state'): Tensor<'input'>[] => inputs.filter((t) => t.attributes.role === role);
  return {
    feeds: byRole('feed').map(({ attributes: { name }, shape, dtype }) => ({ name, shape, dtype })),
    states: byRole('state').map((t) => t.attributes.name),
    fetches: Object.entries(outputs).map(([name, { shape, dtype }]) => ({ name, shape, dtype })),
    updates: Object.fromEntries(
      [...updating].map(([output, state]) => {
        const { name, shape } = overwritten.get(output) ?? { name: output, shape: updates[state]!.shape };
        return [name, { state, shape }];
      }),
    ),
  };
}

/** Evaluate tensors once, without keeping a program: for tests and small jobs. */
export async function evaluate(
  engine: Engine,
  outputs: Record<string, Tensor>,
  feeds: Record<string, TypedArray> = {},
): Promise<Record<string, TypedArray>> {
  const program = await engine.compile({ outputs });
  try {
    return await program.run(feeds);
  } finally {
    await program.release();
  }
}
