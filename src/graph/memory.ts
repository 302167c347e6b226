/** Memory that a compiled graph will take, from its shapes: constants, and the largest sum of what is alive at once. */
import { scoresPerTurn } from './lower-attention.ts';
import { UserError } from '../errors.ts';
import { freeMemory } from './free-memory.ts';
import { columnsOf, isFlipped, phases } from './lower-convolution.ts';
import { constantRows, transposedRows } from './lower-matmul.ts';
import { tapsBytes, tapsKey, winogradTile, winogradWorkspace } from './lower-winograd.ts';
import { fixedTensors, keyOf, sizeOf, topologicalOrder } from './tensor.ts';
import type { PrimitiveName, Tensor, WritingOrder } from './tensor.ts';

export interface MemoryEstimate {
  /** Bytes of constants, each once. */
  constants: number;
  /** Bytes of inputs and states. */
  inputs: number;
  /** Bytes of results and workspaces at the moment when most are alive. */
  intermediates: number;
  /** Bytes of what is made of constants once: sums of kernels, weights laid out for input gradients. */
  copies: number;
}

const elementBytes = { float32: 4, int32: 4, bool: 1 } as const;
export const bytesOf = (t: Tensor): number => sizeOf(t.shape) * elementBytes[t.dtype];

/** Bytes of a constant of a lean program: weights in float16 stay so where memory is spared, and else are widened. */
function constantBytes(t: Tensor<'constant'>, sparing: boolean): number {
  const { source } = t.attributes;
  return sparing && source.kind === 'file' && source.stored === 'float16' ? source.length : bytesOf(t);
}

/** Another name for the same bytes. */
const isView = (t: Tensor): boolean => t.op === 'reshape' || t.op === 'stopGradient';
/** Element by element: the result may take the place of an input that nothing needs any more. */
const elementwise: ReadonlySet<PrimitiveName> = new Set([
  'negate',
  'exp',
  'log',
  'sqrt',
  'sigmoid',
  'tanh',
  'erf',
  'sin',
  'cos',
  'add',
  'subtract',
  'multiply',
  'divide',
  'maximum',
  'softmax',
]);

type Convolution = Tensor<'conv2d'> | Tensor<'conv2dInputGradient'>;
const isConvolution = (t: Tensor): t is Convolution => t.op === 'conv2d' || t.op === 'conv2dInputGradient';
/** The tile of a convolution that goes by Winograd's filtering on the CPU. */
const tileOf = (t: Convolution, sparing: boolean): ReturnType<typeof winogradTile> => winogradTile(t, { device: 'cpu', sparing });

function filteringWorkspace(t: Convolution, sparing: boolean): number {
  const tile = tileOf(t, sparing);
  return tile === undefined ? 0 : winogradWorkspace(t, tile);
}

/** What a primitive needs while it runs, beside its result. */
const workspaces: { [P in PrimitiveName]?: (t: Tensor<P>, sparing: boolean) => number } = {
  conv2d: filteringWorkspace,
  // Columns of a transposed convolution, or its phases before they are put together.
  conv2dInputGradient: (t, sparing) =>
    filteringWorkspace(t, sparing) || (isFlipped(t, true) ? 0 : phases(t, true) === undefined ? columnsOf(t) : bytesOf(t)),
  // The three shifts of both sides.
  conv2dWeightGradient: (t) => t.attributes.kernel[0] * (bytesOf(t.inputs[0]!) + bytesOf(t.inputs[1]!)),
  attentionGradient: (t) => {
    const [q, k] = t.inputs as readonly Tensor[];
    // Scores of a turn; both factors laid out by heads, and all three gradients before they are joined.
    return 4 * 3 * scoresPerTurn(q!, k!).rows * k!.shape[1]! + 5 * bytesOf(q!) + 4 * bytesOf(k!);
  },
};

/** A tensor per different expression: equal ones are merged, as the runtime does where it is not told to leave them. */
function merged(order: readonly Tensor[]): Map<Tensor, Tensor> {
  const representatives = new Map<Tensor, Tensor>();
  const known = new Map<string, Tensor>();
  for (const t of order) {
    const leaf = t.op === 'input' || t.op === 'constant';
    const key = leaf ? `${t.id}` : `${t.op} ${t.inputs.map((x) => representatives.get(x)!.id).join()} ${JSON.stringify(t.attributes)}`;
    const first = known.get(key);
    if (first === undefined) known.set(key, t);
    representatives.set(t, first ?? t);
  }
  return representatives;
}

/**
 * The order in which ONNX Runtime runs a graph: depth first from what nothing else reads, the last of that first, and of an
 * operator's inputs the last first. So gradients of weights come as the backward pass reaches them, whatever order they
 * are asked for in. `from` is how the graph is written: what the backward pass computes again may come long before it need,
 * or when it must.
 */
function executionOrder(roots: readonly Tensor[], from: WritingOrder): Tensor[] {
  const order = topologicalOrder(roots, from);
  const place = new Map(order.map((t, i) => [t, i]));
  const used = new Set(order.flatMap((t) => t.inputs));
  const stack = order.filter((t) => !used.has(t)).map((tensor) => ({ tensor, done: false }));
  const seen = new Set<Tensor>();
  const out: Tensor[] = [];
  while (stack.length > 0) {
    const { tensor, done } = stack.pop()!;
    if (done) out.push(tensor);
    if (seen.has(tensor)) continue;
    seen.add(tensor);
    stack.push({ tensor, done: true });
    for (const x of tensor.inputs.toSorted((a, b) => place.get(a)! - place.get(b)!)) stack.push({ tensor: x, done: false });
  }
  return out;
}

/** How a program is compiled. */
interface Saving {
  /** Constants stay in their files. */
  lean: boolean;
  /** Its engine spares memory. */
  sparing: boolean;
}

/** Bytes that are held from one place in the order of execution to another, both included. */
interface Buffer {
  bytes: number;
  from: number;
  to: number;
}

/**
 * Bytes of results and workspaces when most are held. A lean program's runtime plans ahead which results of one shape
 * follow each other in one buffer, takes the buffer that was free last, and holds it from the first to the last of them.
 */
function mostHeld(roots: readonly Tensor[], { lean, sparing }: Saving, inPlace: ReadonlySet<Tensor>, from: WritingOrder): number {
  const all = executionOrder(roots, from);
  const representative = lean ? undefined : merged(all);
  const same = (t: Tensor): Tensor => representative?.get(t) ?? t;
  const order = all.filter((t) => same(t) === t);
  const folded = fixedTensors(all);
  const owner = new Map<Tensor, Tensor>();
  const last = new Map<Tensor, number>();
  const standardized = new Set(order.flatMap((t) => (t.op === 'standardize' ? [same(t.inputs[0]!)] : [])));
  order.forEach((t, at) => {
    owner.set(t, isView(t) ? owner.get(same(t.inputs[0]!))! : t);
    // The deviation comes out of the same operator as the standardized tensor.
    if (t.op === 'inverseDeviation' && standardized.has(same(t.inputs[0]!))) return;
    for (const x of t.inputs) last.set(owner.get(same(x))!, at);
  });
  const sent = new Set(roots.map((root) => owner.get(same(root))!));
  for (const root of sent) last.set(root, order.length);
  const buffers: Buffer[] = [];
  const holding = new Map<Tensor, Buffer>();
  const free = new Map<string, Buffer[]>();
  const shapeOf = (t: Tensor): string => `${t.dtype} ${t.shape.join()}`;
  const take = (key: string, bytes: number, at: number): Buffer => {
    const waiting = free.get(key)?.pop();
    if (waiting !== undefined) return Object.assign(waiting, { to: order.length });
    const buffer = { bytes, from: at, to: order.length };
    buffers.push(buffer);
    return buffer;
  };
  const release = (buffer: Buffer, key: string, at: number): void => {
    buffer.to = at;
    if (!lean) return;
    const others = free.get(key);
    if (others === undefined) free.set(key, [buffer]);
    else others.push(buffer);
  };
  const end = (x: Tensor, at: number): void => {
    if (holding.has(x)) release(holding.get(x)!, shapeOf(x), at);
    holding.delete(x);
  };
  order.forEach((t, at) => {
    if (t.op === 'input' || folded.has(t) || isView(t)) return;
    const dying = [...new Set(t.inputs.map((x) => owner.get(same(x))!))].filter((x) => last.get(x) === at && holding.has(x));
    if (!inPlace.has(t)) {
      const replaced = elementwise.has(t.op) ? dying.find((x) => bytesOf(x) === bytesOf(t)) : undefined;
      const buffer = replaced && holding.get(replaced);
      if (replaced !== undefined) holding.delete(replaced);
      holding.set(t, buffer ?? take(sent.has(t) ? '' : shapeOf(t), bytesOf(t), at));
      const workspace = (workspaces[t.op] as ((x: Tensor, spare: boolean) => number) | undefined)?.(t, sparing) ?? 0;
      const key = `workspace ${workspace}`;
      if (workspace > 0) release(take(key, workspace, at), key, at);
    }
    for (const x of dying) end(x, at);
    if (!last.has(t)) end(t, at);
  });
  return mostAtOnce(buffers, order.length);
}

function mostAtOnce(buffers: readonly Buffer[], end: number): number {
  const change = new Float64Array(end + 2);
  for (const { bytes, from, to } of buffers) {
    change[from]! += bytes;
    change[to + 1]! -= bytes;
  }
  let [held, most] = [0, 0];
  for (const more of change) most = Math.max(most, (held += more));
  return most;
}

/** In which order a lean program should be written, so that running it holds less at once, and how many bytes it then holds. */
export function quieterOrder(
  roots: readonly Tensor[],
  sparing: boolean,
  inPlace: ReadonlySet<Tensor>,
): { from: WritingOrder; most: number } {
  const saving = { lean: true, sparing };
  const [first, last] = (['first', 'last'] as const).map((from) => ({ from, most: mostHeld(roots, saving, inPlace, from) }));
  return last!.most < first!.most ? last! : first!;
}

/** What is computed of constants once, when a program is compiled, and kept. */
function foldedOf(order: readonly Tensor[]): Set<Tensor> {
  const fixed = fixedTensors(order);
  const read = order.filter((t) => !fixed.has(t)).flatMap((t) => t.inputs.filter((x) => fixed.has(x)));
  const isCopy = (x: Tensor): boolean =>
    isView(x) ? isCopy(x.inputs[0]!) : constantRows(x) === undefined && transposedRows(x) === undefined;
  return new Set(read.filter(isCopy));
}

/** Weights that are transformed before the first run, by the name of what they become; and constants that nothing else reads. */
function preparedOf(order: readonly Tensor[], sparing: boolean): { prepared: Map<string, number>; unread: Set<Tensor> } {
  const prepared = new Map<string, number>();
  const [transformed, read] = [new Set<Tensor>(), new Set<Tensor>()];
  for (const t of order) {
    const tile = isConvolution(t) ? tileOf(t, sparing) : undefined;
    for (const x of tile === undefined ? t.inputs : t.inputs.slice(0, 1)) read.add(x);
    if (tile === undefined) continue;
    const weight = t.inputs[1] as Tensor<'constant'>;
    transformed.add(weight);
    prepared.set(tapsKey(weight, tile), tapsBytes(weight, tile));
  }
  return { prepared, unread: new Set([...transformed].filter((weight) => !read.has(weight))) };
}

/** Fixed weights of which input gradients take a copy that is laid out for them. */
function arrangedOf(order: readonly Tensor[], { lean, sparing }: Saving): Set<Tensor> {
  const fixed = fixedTensors(order);
  const gradients = order.filter((t): t is Tensor<'conv2dInputGradient'> => t.op === 'conv2dInputGradient');
  const arranged = gradients.filter((t) => tileOf(t, sparing) === undefined && (isFlipped(t, lean) || phases(t, lean) !== undefined));
  return new Set(arranged.map((t) => t.inputs[1]!).filter((w) => fixed.has(w)));
}

/** @param inPlace roots that are written over states, and so take no memory of their own */
export function estimateMemory(roots: readonly Tensor[], saving: Saving, inPlace: ReadonlySet<Tensor> = new Set()): MemoryEstimate {
  const order = topologicalOrder(roots);
  const total = (tensors: Iterable<Tensor>): number => [...tensors].reduce((sum, t) => sum + bytesOf(t), 0);
  return {
    constants: total(order.filter((t) => t.op === 'constant')),
    inputs: total(order.filter((t) => t.op === 'input')),
    intermediates: saving.lean ? quieterOrder(roots, saving.sparing, inPlace).most : mostHeld(roots, saving, inPlace, 'first'),
    copies: total(foldedOf(order)) + total(arrangedOf(order, saving)),
  };
}

/** Bytes of constants and states past which memory matters more than the last tenth of speed. */
const large = 2 ** 30;

export function isLarge(roots: readonly Tensor[]): boolean {
  const leaves = topologicalOrder(roots).filter((t) => t.op === 'constant' || t.op === 'input');
  return leaves.reduce((sum, t) => sum + bytesOf(t), 0) > large;
}

/** What a program gives back, and what it writes over states, as `Engine.compile` takes them. */
export interface Graph {
  outputs?: Record<string, Tensor>;
  updates?: Record<string, Tensor>;
  /** Whether constants stay in their files; by their size where it is not said. */
  lean?: boolean;
  /** Whether the engine that compiles it spares memory. */
  sparing?: boolean;
}

export const rootsOf = ({ outputs = {}, updates = {} }: Graph): Tensor[] => [...Object.values(outputs), ...Object.values(updates)];

/** What is written over states and nowhere else. */
export function inPlaceOf({ outputs = {}, updates = {} }: Graph): Set<Tensor> {
  const sent = new Set(Object.values(outputs));
  return new Set(Object.values(updates).filter((t) => !sent.has(t)));
}

/**
 * Bytes that compiling some programs and running them one after another will add to the process at its peak. Measured on
 * Linux: results take a tenth more than they are, by fragments of the heap (lean), or nearly three times as much, by an
 * arena that grows by doubling and is kept; packing copies weights. Lean programs share the constants of one file.
 */
export function predictTogether(programs: readonly Graph[], lean?: boolean): number {
  const ofRuntime = 40e6;
  const shared = new Map<string, number>();
  let [own, passing] = [ofRuntime, 0];
  for (const program of programs) {
    const roots = rootsOf(program);
    const sparing = program.sparing ?? false;
    const isLean = lean ?? program.lean ?? (sparing || isLarge(roots));
    const { constants, intermediates, copies } = estimateMemory(roots, { lean: isLean, sparing }, inPlaceOf(program));
    const order = topologicalOrder(roots);
    // Bytes of the largest weight that is widened where it is used; half as much again is its halves, laid out for that.
    let widest = 0;
    const { prepared, unread } = preparedOf(order, sparing);
    for (const [key, bytes] of prepared) shared.set(key, bytes);
    for (const t of order) {
      if (t.op === 'input') {
        const name = `input ${(t as Tensor<'input'>).attributes.name}`;
        shared.set(name, Math.max(shared.get(name) ?? 0, bytesOf(t)));
      }
      if (t.op === 'constant' && isLean && !unread.has(t)) {
        const constant = t as Tensor<'constant'>;
        const bytes = constantBytes(constant, sparing);
        if (bytes < bytesOf(t)) widest = Math.max(widest, bytesOf(t));
        shared.set(keyOf(constant), bytes);
      }
    }
    const packed = constants - [...unread].reduce((total, t) => total + bytesOf(t), 0);
    own += isLean ? 2 * copies : 2 * packed + copies + 2.7 * intermediates;
    if (isLean) passing = Math.max(passing, 1.1 * intermediates + 1.5 * widest);
  }
  return own + passing + [...shared.values()].reduce((total, bytes) => total + bytes, 0);
}

/** The same of one program without updates. */
export function predictMemory(roots: readonly Tensor[], lean: boolean = isLarge(roots)): number {
  return predictTogether([{ outputs: Object.fromEntries(roots.map((root, i) => [i, root])) }], lean);
}

export const gigabytes = (bytes: number): string => (bytes / 1e9).toFixed(bytes < 1e10 ? 1 : 0);

/** Set to anything, a shortage of memory that is predicted stops nothing. */
const ignoring = 'CONTEXTURA_IGNORE_MEMORY';

/** Whether `needed` bytes are more than are free, and that is not to be ignored. */
export const isShort = (needed: number, free: number): boolean => needed > free && (process.env[ignoring] ?? '') === '';

/** Throws a UserError where fewer than `needed` bytes are free. `what` needs them; `remedy` says what to do about it. */
export function refuseShortage(what: string, needed: number, remedy: string, free: number = freeMemory()): void {
  if (!isShort(needed, free)) return;
  throw new UserError(
    `${what} needs about ${gigabytes(needed)} GB of memory, ${gigabytes(free)} are free: ${remedy}; or set ${ignoring}=1 to go on all the same`,
    1,
  );
}
