/** Work that does not change from run to run, taken out of a program into one that runs before. */
import { state } from './ops.ts';
import { fixedTensors, Tensor, topologicalOrder } from './tensor.ts';

export interface Hoisted {
  /** To be computed whenever what was given changes: an update of each state that `outputs` reads. */
  once: Record<string, Tensor>;
  /** What was asked for, from those states and whatever else it depends on. */
  outputs: Record<string, Tensor>;
}

/** Of each tensor, the names of the fed inputs that it depends on. */
function feedsOf(order: readonly Tensor[]): Map<Tensor, ReadonlySet<string>> {
  const feeds = new Map<Tensor, ReadonlySet<string>>();
  for (const t of order) {
    const own = t.op === 'input' ? (t as Tensor<'input'>).attributes : undefined;
    feeds.set(t, new Set(own?.role === 'feed' ? [own.name] : t.inputs.flatMap((x) => [...feeds.get(x)!])));
  }
  return feeds;
}

/**
 * Splits a graph at what depends on the inputs `given` and on no other: keys and values of a prompt, say, which are the
 * same at every step of a sampler. What depends on states alone stays where it is. States are named after `prefix`.
 */
export function hoist(roots: Readonly<Record<string, Tensor>>, given: readonly string[], prefix: string): Hoisted {
  const order = topologicalOrder(Object.values(roots));
  const fixed = fixedTensors(order);
  const feeds = feedsOf(order);
  const early = (t: Tensor): boolean => {
    const names = [...feeds.get(t)!];
    return !fixed.has(t) && names.length > 0 && names.every((name) => given.includes(name));
  };
  const once: Record<string, Tensor> = {};
  const later = new Map<Tensor, Tensor>();
  const kept = (t: Tensor): Tensor => {
    let stand = later.get(t);
    if (stand === undefined) {
      const name = `${prefix}${Object.keys(once).length}`;
      once[name] = t;
      later.set(t, (stand = state(name, t.shape, t.dtype)));
    }
    return stand;
  };
  for (const t of order) {
    if (early(t)) continue;
    const inputs = t.inputs.map((x) => (early(x) ? kept(x) : (later.get(x) ?? x)));
    if (inputs.some((x, i) => x !== t.inputs[i])) later.set(t, new Tensor(t.op, inputs, t.attributes, t.shape, t.dtype));
  }
  const outputs = Object.fromEntries(Object.entries(roots).map(([name, t]) => [name, early(t) ? kept(t) : (later.get(t) ?? t)]));
  return { once, outputs };
}
