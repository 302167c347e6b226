/** The worker thread that owns ONNX Runtime's sessions and the state kept between runs. */
import { parentPort } from 'node:worker_threads';
import { InferenceSession, OrtTensor } from './ort.ts';
import type { Reply, Request, TypedArray } from './protocol.ts';

interface Compiled {
  session: InferenceSession;
  feeds: { name: string; shape: readonly number[]; dtype: string }[];
  states: string[];
  fetches: string[];
  updates: Record<string, string>;
}

const states = new Map<string, OrtTensor>();
const programs = new Map<number, Compiled>();

function wrap(data: TypedArray, shape: readonly number[], dtype: string): OrtTensor {
  return new OrtTensor(dtype as 'float32', data as Float32Array, shape);
}

function stateOf(name: string): OrtTensor {
  const tensor = states.get(name);
  if (tensor === undefined) throw new Error(`internal: no state is called ${name}`);
  return tensor;
}

/**
 * A lean session keeps one copy of the constants, in the file that they come from, and gives memory back at once: no
 * weights packed or blocked for speed, no merging of what the backward pass computes again, no arena.
 */
function sessionOptions(request: Extract<Request, { kind: 'compile' }>): InferenceSession.SessionOptions {
  const { lean, externalFolder, profile } = request;
  return {
    executionProviders: [request.device],
    graphOptimizationLevel: lean ? 'extended' : 'all',
    enableCpuMemArena: !lean,
    enableMemPattern: !lean,
    intraOpNumThreads: request.threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    logSeverityLevel: 3,
    ...(profile !== undefined && { enableProfiling: true, profileFilePrefix: profile }),
    extra: {
      session: {
        ...(externalFolder !== undefined && { model_external_initializers_file_folder_path: externalFolder }),
        ...(lean && { disable_prepacking: '1' }),
      },
      ...(lean && { optimization: { disable_specified_optimizers: 'CommonSubexpressionElimination' } }),
    },
  };
}

async function compile(request: Extract<Request, { kind: 'compile' }>): Promise<void> {
  const session = await InferenceSession.create(request.bytes, sessionOptions(request));
  programs.set(request.program, { session, ...request.signature });
}

async function run(request: Extract<Request, { kind: 'run' }>): Promise<Record<string, TypedArray>> {
  const program = programs.get(request.program);
  if (program === undefined) throw new Error(`internal: program ${request.program} was released`);
  const feeds: Record<string, OrtTensor> = {};
  for (const { name, shape, dtype } of program.feeds) feeds[name] = wrap(request.feeds[name]!, shape, dtype);
  for (const name of program.states) feeds[name] = stateOf(name);
  const fetches: Record<string, OrtTensor | null> = {};
  for (const name of program.fetches) fetches[name] = null;
  for (const [output, name] of Object.entries(program.updates)) fetches[output] = stateOf(name);
  const results = await program.session.run(feeds, fetches as Record<string, OrtTensor>);
  return Object.fromEntries(program.fetches.map((name) => [name, results[name]!.data as unknown as TypedArray]));
}

async function handle(request: Request): Promise<unknown> {
  switch (request.kind) {
    case 'compile':
      return compile(request);
    case 'run':
      return run(request);
    case 'setState':
      for (const [name, { data, shape, dtype }] of Object.entries(request.values)) states.set(name, wrap(data, shape, dtype));
      return undefined;
    case 'getState':
      return Object.fromEntries(request.names.map((name) => [name, (stateOf(name).data as Float32Array).slice()]));
    case 'dropState':
      for (const name of request.names) states.delete(name);
      return undefined;
    case 'release': {
      const program = programs.get(request.program);
      programs.delete(request.program);
      if (request.endProfiling) program?.session.endProfiling();
      await program?.session.release();
      return undefined;
    }
  }
}

// Requests are carried out in the order of their arrival.
let queue: Promise<void> = Promise.resolve();
parentPort?.on('message', (request: Request) => {
  queue = queue.then(async () => {
    let reply: Reply;
    try {
      reply = { call: request.call, value: await handle(request) };
    } catch (error) {
      reply = { call: request.call, error: error instanceof Error ? error.message : String(error) };
    }
    parentPort!.postMessage(reply);
  });
});
