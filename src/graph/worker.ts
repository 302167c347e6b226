/** The worker thread that owns ONNX Runtime's sessions and the state kept between runs. */
import { parentPort } from 'node:worker_threads';
import type { Device } from './device.ts';
import type { Preparation } from './onnx.ts';
import { createKept } from './optimized.ts';
import { InferenceSession, OrtTensor, providersOf } from './ort.ts';
import { barrier } from './protocol.ts';
import type { Made, Reply, Request, SessionSetting, Signature } from './protocol.ts';
import { States } from './states.ts';
import { sizeOf } from './tensor.ts';
import type { TypedArray } from './values.ts';

interface Compiled extends Signature {
  session: InferenceSession;
  /** Input → key of what was prepared for it. */
  prepared: ReadonlyMap<string, string>;
  device: Device;
}

type Of<K extends Request['kind']> = Extract<Request, { kind: K }>;

const arrays = { float32: Float32Array, int32: Int32Array, bool: Uint8Array } as const;

const states = new States();
const programs = new Map<number, Compiled>();
/** What was made of constants. */
const prepared = new Map<string, OrtTensor>();

function wrap(data: TypedArray, shape: readonly number[], dtype: string): OrtTensor {
  return new OrtTensor(dtype as 'float32', data as Float32Array, shape);
}

/**
 * ONNX Runtime's passes that look for what no lowering writes: quantised products, other models' attention. Each walks
 * the graph, several times; together they were two fifths of the time that a large step takes to compile.
 */
const idlePasses = [
  'AttentionFusion',
  'BiasDropoutFusion',
  'DoubleQDQPairsRemover',
  'DynamicQuantizeMatMulFusion',
  'EmbedLayerNormFusion',
  'EnsureUniqueDQForNodeUnit',
  'FastGeluFusion',
  'GemmActivationFusion',
  'GroupQueryAttentionFusion',
  'GroupQueryAttentionPreNormFusion',
  'MatMulIntegerToFloatFusion',
  'MatMulNBitsFusion',
  'NhwcTransformer',
  'QDQFinalCleanupTransformer',
  'QDQPropagationTransformer',
  'QDQS8ToU8Transformer',
  'QDQSelectorActionTransformer',
  'SimplifiedLayerNormFusion',
  'SliceConcatToSpaceToDepthFusion',
  'WeightBiasQuantization',
  'WhereDummyDq',
];

/**
 * A lean session keeps one copy of the constants, in the file that they come from, and gives memory back at once: no
 * weights packed or blocked for speed, no merging of what the backward pass computes again, no arena.
 */
function sessionOptions({ lean, externalFolder, device, threads }: SessionSetting): InferenceSession.SessionOptions {
  // On a GPU SkipLayerNormalization leaves out the deviation, which gradients read.
  const unwanted = [
    ...idlePasses,
    // A large factor that lies across is faster turned over beforehand than as it is read.
    ...(lean ? ['CommonSubexpressionElimination', 'MatmulTransposeFusion'] : []),
    ...(device === 'cpu' ? [] : ['SkipLayerNormFusion']),
  ];
  return {
    executionProviders: providersOf(device),
    graphOptimizationLevel: lean ? 'extended' : 'all',
    enableCpuMemArena: !lean,
    enableMemPattern: !lean,
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    logSeverityLevel: 3,
    extra: {
      session: {
        ...(externalFolder !== undefined && { model_external_initializers_file_folder_path: externalFolder }),
        ...(lean && { disable_prepacking: '1' }),
        // An operator without a kernel there would drag its inputs through memory at every run.
        ...(device === 'webgpu' && { disable_cpu_ep_fallback: '1' }),
      },
      optimization: { disable_specified_optimizers: unwanted.join(';') },
    },
  };
}

async function compile(request: Of<'compile'>): Promise<void> {
  const { program, bytes, prepared: inputs, device, signature, profile, keeping } = request;
  await release(program);
  const locations = [
    ...signature.fetches.map(({ name }) => [name, 'cpu']),
    ...Object.keys(signature.updates).map((name) => [name, 'gpu-buffer']),
  ];
  const options: InferenceSession.SessionOptions = {
    ...sessionOptions(request),
    ...(device === 'webgpu' && { preferredOutputLocation: Object.fromEntries(locations) as Record<string, 'cpu' | 'gpu-buffer'> }),
    ...(profile !== undefined && { enableProfiling: true, profileFilePrefix: profile }),
  };
  const session = await (keeping === undefined ? InferenceSession.create(bytes, options) : createKept(bytes, options, keeping));
  programs.set(program, { session, device, prepared: inputs, ...signature });
}

/** Each value is written where it will stay, and given to the thread that runs programs; after the last, or a failure, `undefined` is. */
async function prepare(request: Of<'prepare'>): Promise<void> {
  const give = (made: Made | undefined, transfer: readonly ArrayBuffer[] = []): void => request.to.postMessage(made, transfer);
  try {
    for (const preparation of request.preparations) {
      const { key, shape } = preparation;
      const data = await valueOf(preparation, request);
      give({ key, data, shape }, [data.buffer]);
    }
  } finally {
    give(undefined);
  }
}

async function valueOf({ bytes, made, shape }: Preparation, setting: SessionSetting): Promise<Float32Array<ArrayBuffer>> {
  // Its constants would be folded, on one thread and through several copies.
  const session = await InferenceSession.create(bytes, { ...sessionOptions(setting), graphOptimizationLevel: 'disabled' });
  try {
    const data = new Float32Array(sizeOf(shape));
    await runUntilBarrier(session, {}, { [made.name]: wrap(data, made.shape, 'float32') });
    return data;
  } finally {
    await session.release();
  }
}

/** Takes what is given until there is no more, or the thread that gives it has ended. */
async function takePrepared({ from }: Of<'takePrepared'>): Promise<void> {
  await new Promise<void>((resolve) => {
    from.on('close', resolve);
    from.on('message', (made: Made | undefined) => {
      if (made === undefined) resolve();
      else prepared.set(made.key, wrap(made.data, made.shape, 'float32'));
    });
  });
  from.close();
}

async function release(id: number): Promise<void> {
  const program = programs.get(id);
  programs.delete(id);
  await program?.session.release();
}

async function run(request: Of<'run'>): Promise<Record<string, TypedArray>> {
  const program = programs.get(request.program);
  if (program === undefined) throw new Error(`internal: program ${request.program} was released`);
  const feeds: Record<string, OrtTensor> = {};
  for (const { name, shape, dtype } of program.feeds) feeds[name] = wrap(request.feeds[name]!, shape, dtype);
  for (const [name, key] of program.prepared) feeds[name] = prepared.get(key)!;
  const onGpu = program.device === 'webgpu';
  for (const name of program.states) feeds[name] = await (onGpu ? states.onGpu(name) : states.inMemory(name));
  const results = await (onGpu ? runOnGpu(program, feeds) : runInPlace(program, feeds));
  return Object.fromEntries(program.fetches.map(({ name }) => [name, results[name]!.data as unknown as TypedArray]));
}

/** Everything is written where it is wanted; the run fails at the barrier when it is done. */
async function runUntilBarrier(
  session: InferenceSession,
  feeds: Record<string, OrtTensor>,
  wanted: Readonly<Record<string, OrtTensor>>,
): Promise<void> {
  try {
    const fetches: Record<string, OrtTensor | null> = { [barrier]: null, ...wanted };
    await session.run(feeds, fetches as Record<string, OrtTensor>);
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('Non tensor type'))) throw error;
  }
}

async function runInPlace({ session, fetches, updates }: Compiled, feeds: Record<string, OrtTensor>): Promise<Record<string, OrtTensor>> {
  const overwritten = Object.entries(updates);
  if (overwritten.length === 0) return session.run(feeds);
  const wanted: Record<string, OrtTensor> = {};
  for (const { name, shape, dtype } of fetches) wanted[name] = wrap(new arrays[dtype](sizeOf(shape)), shape, dtype);
  for (const [output, { state, shape }] of overwritten) {
    const { data, type } = await states.inMemory(state);
    wanted[output] = wrap(data as TypedArray, shape, type);
  }
  await runUntilBarrier(session, feeds, wanted);
  return wanted;
}

/** A shader cannot write a buffer that it reads: updates are new tensors, which then take the states' places. */
async function runOnGpu({ session, updates }: Compiled, feeds: Record<string, OrtTensor>): Promise<Record<string, OrtTensor>> {
  const results = await session.run(feeds);
  for (const [output, { state }] of Object.entries(updates)) states.set(state, results[output]!);
  return results;
}

async function handle(request: Request): Promise<unknown> {
  switch (request.kind) {
    case 'compile':
      return compile(request);
    case 'prepare':
      return prepare(request);
    case 'takePrepared':
      return takePrepared(request);
    case 'dropPrepared':
      for (const key of request.keys) prepared.delete(key);
      return undefined;
    case 'run':
      return run(request);
    case 'setState':
      states.set(request.name, wrap(request.data, request.shape, request.dtype));
      return undefined;
    case 'getState':
      return states.read(request.name);
    case 'dropState':
      for (const name of request.names) states.drop(name);
      return undefined;
    case 'release': {
      if (request.endProfiling) programs.get(request.program)?.session.endProfiling();
      await release(request.program);
      return undefined;
    }
  }
}

async function answer(request: Request): Promise<void> {
  let reply: Reply;
  try {
    reply = { call: request.call, value: await handle(request) };
  } catch (error) {
    reply = { call: request.call, error: error instanceof Error ? error.message : String(error) };
  }
  // A copy of a state is the main thread's alone.
  const copy = request.kind === 'getState' && 'value' in reply ? [(reply.value as TypedArray).buffer as ArrayBuffer] : [];
  parentPort!.postMessage(reply, copy);
}

// Requests are carried out in the order of their arrival. What another thread prepares is taken meanwhile, and what no program
// uses is dropped at once: later, it could be what has been prepared anew.
const atOnce: ReadonlySet<Request['kind']> = new Set(['takePrepared', 'dropPrepared']);
let queue: Promise<void> = Promise.resolve();
parentPort?.on('message', (request: Request) => {
  if (atOnce.has(request.kind)) void answer(request);
  else queue = queue.then(() => answer(request));
});
