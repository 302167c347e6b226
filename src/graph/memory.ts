/** Memory that a compiled graph will take, from its shapes: constants, and the largest sum of what is alive at once. */
import { sizeOf, topologicalOrder } from './tensor.ts';
import type { PrimitiveName, Tensor } from './tensor.ts';

export interface MemoryEstimate {
  /** Bytes of constants, each once. */
  constants: number;
  /** Bytes of inputs and states. */
  inputs: number;
  /** Bytes of intermediate results at the moment when most are alive. */
  intermediates: number;
}

const bytesOf = (t: Tensor): number => sizeOf(t.shape) * (t.dtype === 'bool' ? 1 : 4);

/** Another name for the same bytes. */
const isView = (t: Tensor): boolean => t.op === 'reshape' || t.op === 'stopGradient';
/** Element by element: the result may take the place of an input that nothing needs any more. */
const elementwise = new Set<PrimitiveName>(
  'negate exp log sqrt sigmoid tanh erf sin cos add subtract multiply divide maximum softmax'.split(' ') as PrimitiveName[],
);

/** The tensors of an order with when each is last used, views counted as uses of what they show. */
function lastUses(order: readonly Tensor[], roots: readonly Tensor[]): { owner: Map<Tensor, Tensor>; last: Map<Tensor, number> } {
  const owner = new Map<Tensor, Tensor>();
  const last = new Map<Tensor, number>();
  order.forEach((tensor, at) => {
    owner.set(tensor, isView(tensor) ? owner.get(tensor.inputs[0]!)! : tensor);
    for (const x of tensor.inputs) last.set(owner.get(x)!, at);
  });
  for (const root of roots) last.set(owner.get(root)!, order.length);
  return { owner, last };
}

/** Walks an order and calls `visit` with what is alive while each tensor is made. */
export function walkLiveness(
  roots: readonly Tensor[],
  visit: (tensor: Tensor, alive: ReadonlyMap<Tensor, number>, bytes: number) => void,
): void {
  const order = topologicalOrder(roots);
  const { owner, last } = lastUses(order, roots);
  const fixed = constantTensors(order);
  const alive = new Map<Tensor, number>();
  let bytes = 0;
  const free = (x: Tensor): void => {
    bytes -= alive.get(x) ?? 0;
    alive.delete(x);
  };
  order.forEach((tensor, at) => {
    if (tensor.op === 'input' || fixed.has(tensor) || isView(tensor)) return;
    const dying = [...new Set(tensor.inputs.map((x) => owner.get(x)!))].filter((x) => last.get(x) === at && alive.has(x));
    const reused = elementwise.has(tensor.op) ? dying.find((x) => bytesOf(x) === bytesOf(tensor)) : undefined;
    if (reused !== undefined) free(reused);
    alive.set(tensor, bytesOf(tensor));
    bytes += bytesOf(tensor);
    visit(tensor, alive, bytes);
    for (const x of dying) free(x);
    if (!last.has(tensor)) free(tensor);
  });
}

/** Tensors that depend on constants alone, which the runtime folds. */
function constantTensors(order: readonly Tensor[]): Set<Tensor> {
  const out = new Set<Tensor>();
  for (const t of order) if (t.op === 'constant' || (t.inputs.length > 0 && t.inputs.every((x) => out.has(x)))) out.add(t);
  return out;
}

export function estimateMemory(roots: readonly Tensor[]): MemoryEstimate {
  const order = topologicalOrder(roots);
  const total = (op: PrimitiveName): number => order.reduce((sum, t) => sum + (t.op === op ? bytesOf(t) : 0), 0);
  let intermediates = 0;
  walkLiveness(roots, (_t, _alive, bytes) => (intermediates = Math.max(intermediates, bytes)));
  return { constants: total('constant'), inputs: total('input'), intermediates };
}
