/** Memory that a compiled graph will take, from its shapes: constants, and the largest sum of what is alive at once. */
import { UserError } from '../errors.ts';
import { freeMemory } from './free-memory.ts';
import { filterOf, isView, mostHeld } from './held.ts';
import type { Convolution, Saving } from './held.ts';
import { isFlipped, phases } from './lower-convolution.ts';
import { constantRows, transposedRows } from './lower-matmul.ts';
import { tapsBytes, tapsKey } from './lower-winograd.ts';
import { bytesOf, fixedTensors, keyOf, topologicalOrder } from './tensor.ts';
import type { Tensor } from './tensor.ts';
import { quietestWriting } from './writing.ts';

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

/** Bytes of a constant of a lean program: weights in float16 stay so where memory is spared, and else are widened. */
function constantBytes(t: Tensor<'constant'>, sparing: boolean): number {
  const { source } = t.attributes;
  return sparing && source.kind === 'file' && source.stored === 'float16' ? source.length : bytesOf(t);
}

const isConvolution = (t: Tensor): t is Convolution => t.op === 'conv2d' || t.op === 'conv2dInputGradient';

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
    const filter = isConvolution(t) && t.inputs[1]!.op === 'constant' ? filterOf(t, sparing) : undefined;
    for (const x of filter === undefined ? t.inputs : t.inputs.slice(0, 1)) read.add(x);
    if (filter === undefined) continue;
    const weight = t.inputs[1] as Tensor<'constant'>;
    transformed.add(weight);
    prepared.set(tapsKey(weight, filter), tapsBytes(weight, filter));
  }
  return { prepared, unread: new Set([...transformed].filter((weight) => !read.has(weight))) };
}

/** Fixed weights of which input gradients take a copy that is laid out for them. */
function arrangedOf(order: readonly Tensor[], { lean, sparing }: Saving): Set<Tensor> {
  const fixed = fixedTensors(order);
  const gradients = order.filter((t): t is Tensor<'conv2dInputGradient'> => t.op === 'conv2dInputGradient');
  const arranged = gradients.filter((t) => filterOf(t, sparing) === undefined && (isFlipped(t, lean) || phases(t, lean) !== undefined));
  return new Set(arranged.map((t) => t.inputs[1]!).filter((w) => fixed.has(w)));
}

/** @param inPlace roots that are written over states, and so take no memory of their own */
export function estimateMemory(roots: readonly Tensor[], saving: Saving, inPlace: ReadonlySet<Tensor> = new Set()): MemoryEstimate {
  const order = topologicalOrder(roots);
  const total = (tensors: Iterable<Tensor>): number => [...tensors].reduce((sum, t) => sum + bytesOf(t), 0);
  return {
    constants: total(order.filter((t) => t.op === 'constant')),
    inputs: total(order.filter((t) => t.op === 'input')),
    intermediates: saving.lean ? quietestWriting(roots, saving.sparing, inPlace).most : mostHeld(roots, saving, inPlace),
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
  /** Whether it is loaded and does not run: a lean program then has no results. */
  waits?: boolean;
}

export const rootsOf = ({ outputs = {}, updates = {} }: Graph): Tensor[] => [...Object.values(outputs), ...Object.values(updates)];

/** What is written over states and nowhere else. */
export function inPlaceOf({ outputs = {}, updates = {} }: Graph): Set<Tensor> {
  const sent = new Set(Object.values(outputs));
  return new Set(Object.values(updates).filter((t) => !sent.has(t)));
}

/**
 * Bytes that compiling some programs and running them one after another will add to the process at its peak. Measured on
 * Linux: results take a quarter more than they are, by fragments of the heap (lean), or nearly three times as much, by an
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
    if (isLean && program.waits !== true) passing = Math.max(passing, 1.25 * intermediates + 1.5 * widest);
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
