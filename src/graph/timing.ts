/**
 * How long a graph will take on this machine, without running it: the operators that do most of its arithmetic are timed
 * at their own sizes, all else goes by rates.
 */
import type { Engine } from './engine.ts';
import { flopsOf } from './flops.ts';
import { constant, exp, multiply, state, sum } from './ops.ts';
import { bytesOf, fixedTensors, sizeOf, Tensor, topologicalOrder } from './tensor.ts';

const isFree = ({ op }: Tensor): boolean => op === 'reshape' || op === 'stopGradient' || op === 'broadcast';

interface Group {
  /** One such operator over leaves: constants where the model's are, states elsewhere. */
  alone: () => Tensor;
  flops: number;
  count: number;
}

function alone(t: Tensor, still: ReadonlySet<Tensor>): Tensor {
  const leaf = (x: Tensor, i: number): Tensor => {
    if (x.dtype === 'float32' && still.has(x)) return constant(new Float32Array(sizeOf(x.shape)).fill(0.01), x.shape);
    return state(`input${i}`, x.shape, x.dtype);
  };
  return new Tensor(t.op, t.inputs.map(leaf), t.attributes, t.shape, t.dtype);
}

interface Work {
  groups: Map<string, Group>;
  /** Bytes that all else reads and writes, and how many operators it is. */
  bytes: number;
  operators: number;
}

/** A graph as operators with arithmetic in them, the same at the same sizes taken together, and all else. */
function workOf(roots: readonly Tensor[]): Work {
  const order = topologicalOrder(roots);
  const still = fixedTensors(order);
  const work: Work = { groups: new Map(), bytes: 0, operators: 0 };
  for (const t of order) {
    if (t.inputs.length === 0 || still.has(t) || isFree(t)) continue;
    work.operators++;
    const key = JSON.stringify([t.op, t.attributes, t.inputs.map((x) => [x.shape, still.has(x)])]);
    const known = work.groups.get(key);
    if (known !== undefined) {
      known.count++;
      continue;
    }
    const flops = flopsOf([
      new Tensor(
        t.op,
        t.inputs.map(({ shape, dtype }) => state('x', shape, dtype)),
        t.attributes,
        t.shape,
        t.dtype,
      ),
    ]);
    if (flops === 0) work.bytes += bytesOf(t) + t.inputs.reduce((total, x) => total + bytesOf(x), 0);
    else work.groups.set(key, { alone: () => alone(t, still), flops, count: 1 });
  }
  return work;
}

/** Seconds of one run of a graph over states, the first runs left out. */
async function timeOf(engine: Engine, y: Tensor, milliseconds: number): Promise<number> {
  const states = topologicalOrder([y]).filter((t): t is Tensor<'input'> => t.op === 'input');
  const program = await engine.compile({ outputs: { result: y } });
  await engine.setState(
    Object.fromEntries(
      states.map(({ attributes: { name }, shape, dtype }) => {
        const data = dtype === 'float32' ? new Float32Array(sizeOf(shape)).fill(0.01) : new Int32Array(sizeOf(shape));
        return [name, { data, shape, dtype }];
      }),
    ),
  );
  const once = async (): Promise<number> => {
    const start = performance.now();
    await program.run();
    return (performance.now() - start) / 1000;
  };
  const first = await once();
  // The first run is left out, but for operators that take so long that it says enough.
  const times: number[] = first > 1 ? [first] : [];
  for (let spent = 0; first <= 1 && (spent < milliseconds || times.length < 3); spent += 1000 * times.at(-1)!) times.push(await once());
  await program.release();
  await engine.dropState(states.map(({ attributes }) => attributes.name));
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)]!;
}

/** Past this, an operator is not timed: it takes the rate of those that are. */
const tooLarge = 1e11;
const timedGroups = 16;

/** This machine's speed: seconds of operators by key, and rates for all else. */
interface Rates {
  seconds: ReadonlyMap<string, number>;
  /** Floating-point operations a second, of an operator that was not timed. */
  flops: number;
  /** Bytes a second through operators without arithmetic. */
  bytes: number;
  /** Seconds of an operator that has next to nothing to do. */
  operator: number;
  /** Seconds of an empty run. */
  run: number;
}

async function measureRates(engine: Engine, works: readonly Work[], milliseconds: number, signal?: AbortSignal): Promise<Rates> {
  const all = new Map(works.flatMap(({ groups }) => [...groups]));
  const share = ({ flops, count }: Group): number => flops * count;
  const chosen = [...all]
    .filter(([, { flops }]) => flops < tooLarge)
    .toSorted(([, a], [, b]) => share(b) - share(a))
    .slice(0, timedGroups);
  const small = state('x', [16]);
  const chain = (length: number): Tensor => Array.from({ length }).reduce<Tensor>((x) => exp(x), small);
  const run = await timeOf(engine, chain(1), milliseconds);
  const operator = Math.max(0, ((await timeOf(engine, chain(201), milliseconds)) - run) / 200);
  const wide = [64, 256, 256];
  const stream = await timeOf(engine, sum(multiply(state('x', wide), state('y', wide))), milliseconds);
  const seconds = new Map<string, number>();
  let [flops, spent] = [0, 0];
  for (const [key, group] of chosen) {
    signal?.throwIfAborted();
    // The sum keeps a large result from being sent back.
    const taken = Math.max(1e-7, (await timeOf(engine, sum(group.alone()), milliseconds)) - run);
    seconds.set(key, taken);
    flops += share(group);
    spent += taken * group.count;
  }
  return { seconds, flops: flops / spent, bytes: (4 * 4 * sizeOf(wide)) / stream, operator, run };
}

function costOf({ groups, bytes, operators }: Work, rates: Rates): number {
  const arithmetic = [...groups].reduce(
    (total, [key, { flops, count }]) => total + count * (rates.seconds.get(key) ?? flops / rates.flops),
    0,
  );
  return rates.run + arithmetic + bytes / rates.bytes + operators * rates.operator;
}

export interface Times {
  /** Of one run of each graph. */
  seconds: number[];
  /** Share of all arithmetic that was timed at its own size. */
  timed: number;
}

/** About how long one run of each graph takes on `engine`. `milliseconds` go to each operator that is timed. */
export async function timeGraphs(
  engine: Engine,
  graphs: readonly (readonly Tensor[])[],
  milliseconds = 60,
  signal?: AbortSignal,
): Promise<Times> {
  const works = graphs.map(workOf);
  const rates = await measureRates(engine, works, milliseconds, signal);
  const all = works.flatMap(({ groups }) => [...groups]);
  const arithmetic = (entries: typeof all): number => entries.reduce((total, [, { flops, count }]) => total + flops * count, 0);
  return {
    seconds: works.map((work) => costOf(work, rates)),
    timed: arithmetic(all.filter(([key]) => rates.seconds.has(key))) / arithmetic(all),
  };
}
