/** What a compiled graph holds at once while it runs: in which order the runtime works, and which buffers it uses again. */
import { adamwWorkspace } from './lower-adamw.ts';
import { scoresPerTurn } from './lower-attention.ts';
import { columnsOf, isFlipped, phases } from './lower-convolution.ts';
import { gegluWorkspace } from './lower-geglu.ts';
import { normWorkspace } from './lower-norm.ts';
import { swishWorkspace } from './lower-swish.ts';
import { weightGradientWorkspace } from './lower-weight-gradient.ts';
import { winogradFilter, winogradWorkspace } from './lower-winograd.ts';
import type { Filter } from './lower-winograd.ts';
import { arithmetic, bytesOf, fixedTensors, topologicalOrder } from './tensor.ts';
import type { PrimitiveName, Tensor } from './tensor.ts';

/** How a program is compiled. */
export interface Saving {
  /** Constants stay in their files. */
  lean: boolean;
  /** Its engine spares memory. */
  sparing: boolean;
}

/** Another name for the same bytes. */
export const isView = (t: Tensor): boolean => t.op === 'reshape' || t.op === 'stopGradient';
/** Element by element: the result may take the place of an input that nothing needs any more. */
const elementwise: ReadonlySet<PrimitiveName> = new Set([...arithmetic, 'sin', 'cos', 'softmax']);

export type Convolution = Tensor<'conv2d'> | Tensor<'conv2dInputGradient'>;
/** How a convolution that goes by Winograd's filtering on the CPU is filtered. */
export const filterOf = (t: Convolution, sparing: boolean): Filter | undefined => winogradFilter(t, { device: 'cpu', sparing });

function filteringWorkspace(t: Convolution, { sparing }: Saving): number {
  const filter = filterOf(t, sparing);
  return filter === undefined ? 0 : winogradWorkspace(t, filter);
}

/** What a primitive needs while it runs, beside its result. */
const workspaces: { [P in PrimitiveName]?: (t: Tensor<P>, saving: Saving) => number } = {
  conv2d: filteringWorkspace,
  // Columns of a transposed convolution, or its phases before they are put together.
  conv2dInputGradient: (t, saving) =>
    filteringWorkspace(t, saving) || (isFlipped(t, true) ? 0 : phases(t, true) === undefined ? columnsOf(t) : bytesOf(t)),
  conv2dWeightGradient: weightGradientWorkspace,
  adamw: (t, { lean }) => adamwWorkspace(t, lean),
  standardizeGradient: (t, { lean }) => normWorkspace(t, lean),
  swishGradient: (t, { lean }) => swishWorkspace(t, lean),
  gegluGradient: (t, { lean }) => gegluWorkspace(t, lean),
  attentionGradient: (t) => {
    const [q, k] = t.inputs as readonly [Tensor, Tensor];
    // Scores of a turn, what is cut out for a head, and all three gradients before they are joined.
    const ofHead = (6 * bytesOf(q) + 4 * bytesOf(k)) / (q.shape[0]! * t.attributes.heads);
    return 4 * 3 * scoresPerTurn(q, k).rows * k.shape[1]! + ofHead + bytesOf(q) + 2 * bytesOf(k);
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
 * are asked for in. `written` is how the graph is written: what the backward pass computes again may come long before it
 * need, or when it must.
 */
export function executionOrder(written: readonly Tensor[]): Tensor[] {
  const place = new Map(written.map((t, i) => [t, i]));
  const used = new Set(written.flatMap((t) => t.inputs));
  const stack = written.filter((t) => !used.has(t)).map((tensor) => ({ tensor, done: false }));
  const seen = new Set<Tensor>();
  const out: Tensor[] = [];
  while (stack.length > 0) {
    const { tensor, done } = stack.pop()!;
    if (done) out.push(tensor);
    if (seen.has(tensor)) continue;
    seen.add(tensor);
    stack.push({ tensor, done: true });
    const inputs = tensor.inputs.filter((x) => place.has(x)).toSorted((a, b) => place.get(a)! - place.get(b)!);
    for (const x of inputs) stack.push({ tensor: x, done: false });
  }
  return out;
}

/** Bytes that are held from one operator to another, both included. */
interface Buffer {
  bytes: number;
  from: number;
  to: number;
}

/** What an operator takes and gives, tensors by their place in the order of execution. */
interface Step {
  tensor: Tensor;
  bytes: number;
  shape: string;
  /** Whose bytes it reads. */
  reads: readonly number[];
  /** Whether it may take the place of what it reads. */
  replaces: boolean;
  /** Whether it is an output. */
  isResult: boolean;
  workspace: number;
}

/**
 * What a program holds while it runs, operator by operator. A lean program's runtime plans ahead which results of one shape
 * follow each other in one buffer, takes the buffer that was free last, and holds it from the first to the last of them;
 * each part of a program is planned by itself. What a part sends to later ones is there from its beginning, and what it
 * reads of earlier ones until its end.
 */
export class Course {
  readonly steps: readonly Step[];
  private readonly lean: boolean;

  constructor(all: readonly Tensor[], roots: readonly Tensor[], saving: Saving, inPlace: ReadonlySet<Tensor>) {
    const { lean } = saving;
    const representative = lean ? undefined : merged(all);
    const same = (t: Tensor): Tensor => representative?.get(t) ?? t;
    const order = all.filter((t) => same(t) === t);
    const folded = fixedTensors(all);
    const standardized = new Set(order.flatMap((t) => (t.op === 'standardize' ? [same(t.inputs[0]!)] : [])));
    const owner = new Map<Tensor, Tensor>();
    for (const t of order) owner.set(t, isView(t) ? owner.get(same(t.inputs[0]!))! : t);
    const computed = order.filter((t) => t.op !== 'input' && !folded.has(t) && !isView(t));
    const place = new Map(computed.map((t, i) => [t, i]));
    const results = new Set(roots.map((root) => owner.get(same(root))!));
    this.lean = lean;
    this.steps = computed.map((t) => {
      // The deviation comes out of the same operator as the standardized tensor.
      const isSecond = t.op === 'inverseDeviation' && standardized.has(same(t.inputs[0]!));
      const read = new Set(isSecond ? [] : t.inputs.map((x) => place.get(owner.get(same(x))!)));
      return {
        tensor: t,
        bytes: inPlace.has(t) ? 0 : bytesOf(t),
        shape: `${t.dtype} ${t.shape.join()}`,
        reads: [...read].filter((x) => x !== undefined),
        replaces: elementwise.has(t.op) && !inPlace.has(t),
        isResult: results.has(t),
        workspace: (workspaces[t.op] as ((x: Tensor, s: Saving) => number) | undefined)?.(t, saving) ?? 0,
      };
    });
  }

  /** The most bytes that are held, and during which operator, where parts of the program end after the given ones. */
  most(ends: readonly number[] = []): { bytes: number; at: number } {
    const { steps, lean } = this;
    const count = steps.length;
    const endOf = [...ends, count - 1];
    const part = new Int32Array(count);
    for (let i = 1; i < count; i++) part[i] = part[i - 1]! + Number(endOf[part[i - 1]!] === i - 1);
    const last = new Int32Array(count).fill(-1);
    const isSent = new Uint8Array(count);
    steps.forEach(({ reads, isResult }, i) => {
      for (const x of reads) {
        const isOwn = part[x] === part[i];
        if (!steps[x]!.isResult) last[x] = isOwn ? i : endOf[part[i]!]!;
        if (!isOwn && part[x]! > 0) isSent[x] = 1;
      }
      if (!isResult) return;
      last[i] = count;
      if (part[i]! > 0) isSent[i] = 1;
    });
    const buffers: Buffer[] = [];
    const holding: (Buffer | undefined)[] = Array.from({ length: count });
    const free = new Map<string, Buffer[]>();
    const take = (key: string, bytes: number, at: number): Buffer => {
      const waiting = free.get(key)?.pop();
      if (waiting !== undefined) return Object.assign(waiting, { to: count });
      const buffer = { bytes, from: at, to: count };
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
    const end = (x: number, at: number): void => {
      const buffer = holding[x];
      if (buffer !== undefined) release(buffer, steps[x]!.shape, at);
      holding[x] = undefined;
    };
    steps.forEach(({ bytes, shape, reads, replaces, isResult, workspace }, i) => {
      if (i > 0 && part[i] !== part[i - 1]) {
        for (let x = 0; x < i; x++) if (last[x]! < i) end(x, i - 1);
        free.clear();
      }
      const dying = reads.filter((x) => last[x] === i && holding[x] !== undefined);
      if (bytes > 0) {
        const replaced = replaces && isSent[i] === 0 ? dying.find((x) => steps[x]!.bytes === bytes && part[x] === part[i]) : undefined;
        const taken = replaced === undefined ? undefined : holding[replaced];
        if (replaced !== undefined) holding[replaced] = undefined;
        const start = isSent[i] === 1 ? (endOf[part[i]! - 1] ?? -1) + 1 : i;
        holding[i] = taken ?? take(isResult || isSent[i] === 1 ? '' : shape, bytes, start);
      }
      if (workspace > 0) release(take(`workspace ${workspace}`, workspace, i), `workspace ${workspace}`, i);
      for (const x of dying) end(x, i);
      if (last[i] === -1) end(i, i);
    });
    return mostAtOnce(buffers, count);
  }
}

function mostAtOnce(buffers: readonly Buffer[], end: number): { bytes: number; at: number } {
  const change = new Float64Array(end + 2);
  for (const { bytes, from, to } of buffers) {
    change[from]! += bytes;
    change[to + 1]! -= bytes;
  }
  let [held, most, at] = [0, 0, 0];
  change.forEach((more, i) => {
    held += more;
    if (held > most) [most, at] = [held, i];
  });
  return { bytes: most, at };
}

/** Bytes of results and workspaces when most are held, of a program that is written as it was made. */
export function mostHeld(roots: readonly Tensor[], saving: Saving, inPlace: ReadonlySet<Tensor>): number {
  return new Course(executionOrder(topologicalOrder(roots)), roots, saving, inPlace).most().bytes;
}
