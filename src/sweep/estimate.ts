/**
 * What a training step and a picture will cost here, from the graphs that they run and the speed of this machine, without
 * running them. The operators that do most of the arithmetic are timed at the sizes that the model has.
 */
import { parseRecipe } from '../config.ts';
import { Engine, Program } from '../graph/engine.ts';
import type { CompileOptions } from '../graph/engine.ts';
import { flopsOf } from '../graph/flops.ts';
import { constant, exp, multiply, state, sum } from '../graph/ops.ts';
import { sizeOf, Tensor, topologicalOrder } from '../graph/tensor.ts';
import { methodOf } from '../methods/index.ts';
import { pixelSize, traces } from '../models/load.ts';
import type { DiffusionModel } from '../models/load.ts';
import { Parameters } from '../nn/parameters.ts';
import { Pipeline } from '../sampler/pipeline.ts';
import { objectTemplates } from '../text/templates.ts';
import { initialWeights, subjectTokens } from '../trainer/prepare.ts';
import { TrainingStep } from '../trainer/step.ts';

export interface Cost {
  /** Floating-point operations of matrix products and convolutions. */
  flops: number;
  seconds: number;
  /** Bytes at the peak: weights, and what is alive at once. */
  memory: number;
}

/** An engine that takes graphs and runs none of them. */
class Draughtsman extends Engine {
  readonly drawn: Tensor[][] = [];
  override compile({ outputs = {}, updates = {} }: CompileOptions): Promise<Program> {
    const roots = [...Object.values(outputs), ...Object.values(updates)];
    this.drawn.push(roots);
    return Promise.resolve(
      new Program(this, this.drawn.length - 1, { feeds: [], states: [], fetches: [], updates: {} }, flopsOf(roots), false),
    );
  }
  override setState(): Promise<void> {
    return Promise.resolve();
  }
}

/** The graphs of a step of textual inversion and of drawing pictures, a batch of them. */
async function drawGraphs(model: DiffusionModel, batch: number): Promise<Record<'training' | 'encode' | 'denoise' | 'decode', Tensor[]>> {
  const engine = new Draughtsman();
  try {
    const { in_channels: channels, sample_size: side } = model.unet.config;
    const prompts = objectTemplates.map((template) => template.replace('{}', '<v> dog'));
    const recipe = parseRecipe({ images: '-', class: 'dog', steps: 1, batchSize: batch, lambda: 0, initializer: 'a' });
    const method = methodOf(recipe.method);
    const own = [{ latents: new Float32Array(channels * side * side), prompts }];
    const data = { own, prior: [], richPrompts: [], ...subjectTokens(model, method, recipe, recipe.vectors) };
    await TrainingStep.create(engine, model, method, initialWeights(model, method, recipe), data, recipe);
    await Pipeline.create(engine, model, batch);
    const [training, encode, denoise, decode] = engine.drawn as [Tensor[], Tensor[], Tensor[], Tensor[]];
    return { training, encode, denoise, decode };
  } finally {
    await engine.close();
  }
}

const elementBytes = { float32: 4, int32: 4, bool: 1 } as const;
const bytesOf = (t: Tensor): number => sizeOf(t.shape) * elementBytes[t.dtype];
const isFree = ({ op }: Tensor): boolean => op === 'reshape' || op === 'stopGradient' || op === 'broadcast';

/** Tensors that no run changes: constants, and what is made of them alone. */
function fixed(order: readonly Tensor[]): Set<Tensor> {
  const out = new Set<Tensor>();
  for (const t of order) if (t.op === 'constant' || (t.op !== 'input' && t.inputs.every((x) => out.has(x)))) out.add(t);
  return out;
}

/** Weights, and the largest sum of results that are alive at once, in the order in which they are made. */
function memoryOf(roots: readonly Tensor[]): number {
  const order = topologicalOrder(roots);
  const lastUse = new Map<Tensor, number>(roots.map((t) => [t, order.length]));
  order.forEach((t, i) => t.inputs.forEach((x) => lastUse.set(x, Math.max(lastUse.get(x) ?? 0, i))));
  const ends = order.map((): Tensor[] => []);
  for (const [t, i] of lastUse) ends[i]?.push(t);
  let [held, alive, most] = [0, 0, 0];
  order.forEach((t, i) => {
    if (t.op === 'constant' || t.op === 'input') held += bytesOf(t);
    else if (!isFree(t)) alive += bytesOf(t);
    most = Math.max(most, alive);
    for (const x of ends[i]!) if (x.op !== 'constant' && x.op !== 'input' && !isFree(x)) alive -= bytesOf(x);
  });
  return held + most;
}

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
  const still = fixed(order);
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
  const times: number[] = first * 1000 > milliseconds ? [first] : [];
  for (let left = milliseconds; left > 0; left -= times.at(-1)! * 1000) times.push(await once());
  await program.release();
  await engine.dropState(states.map(({ attributes }) => attributes.name));
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)]!;
}

/** Past this, an operator is not timed: it takes the rate of those that are. */
const tooLarge = 1e11;
const timedGroups = 16;

/** This machine's speed: seconds of operators by key, and rates for all else. */
export interface Rates {
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

async function measureRates(engine: Engine, works: readonly Work[], milliseconds: number): Promise<Rates> {
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

function weightsOf({ textEncoder, unet, vae }: DiffusionModel): { parameters: number; bytes: number } {
  const found = new Set<Tensor>();
  const parts = [
    [textEncoder, traces.textEncoder],
    [unet, traces.unet],
    [vae, traces.vae],
  ] as const;
  for (const [{ parameters, config }, { run }] of parts) {
    const noting = new Parameters((name, shape) => {
      const t = parameters.get(name, shape);
      found.add(t);
      return t;
    });
    (run as (p: Parameters, c: typeof config) => unknown)(noting, config);
  }
  const constants = [...found] as Tensor<'constant'>[];
  const stored = ({ attributes: { source }, shape }: Tensor<'constant'>): number =>
    source.kind === 'file' ? source.length : 4 * sizeOf(shape);
  return {
    parameters: constants.reduce((total, { shape }) => total + sizeOf(shape), 0),
    bytes: constants.reduce((total, t) => total + stored(t), 0),
  };
}

export interface Estimate {
  pixels: number;
  batch: number;
  /** Parameters of the text encoder, the U-Net and the VAE. */
  parameters: number;
  /** Their bytes, as the files hold them. */
  bytes: number;
  /** One step of plain textual inversion. */
  trainingStep: Cost;
  /** A batch of pictures drawn in `samplerSteps` guided steps. */
  pictures: Cost;
  samplerSteps: number;
  /** Share of the arithmetic that was timed at its own size. */
  timed: number;
}

/** About what a step and a batch of pictures cost on `engine`'s machine. Takes some seconds, most of them for timing. */
export async function estimate(
  engine: Engine,
  model: DiffusionModel,
  { batch = 1, samplerSteps = 25, milliseconds = 60 } = {},
): Promise<Estimate> {
  const graphs = await drawGraphs(model, batch);
  const works = Object.fromEntries(Object.entries(graphs).map(([name, roots]) => [name, workOf(roots)])) as Record<
    keyof typeof graphs,
    Work
  >;
  const rates = await measureRates(engine, Object.values(works), milliseconds);
  const flops = (name: keyof typeof graphs): number => flopsOf(graphs[name]);
  const seconds = (name: keyof typeof graphs): number => costOf(works[name], rates);
  const everything = Object.values(works).flatMap(({ groups }) => [...groups]);
  const arithmetic = (entries: typeof everything): number => entries.reduce((total, [, { flops: each, count }]) => total + each * count, 0);
  return {
    pixels: pixelSize(model),
    batch,
    ...weightsOf(model),
    trainingStep: { flops: flops('training'), seconds: seconds('training'), memory: memoryOf(graphs.training) },
    pictures: {
      flops: 2 * flops('encode') + samplerSteps * flops('denoise') + flops('decode'),
      seconds: 2 * seconds('encode') + samplerSteps * seconds('denoise') + seconds('decode'),
      // Each part's weights stay loaded; only one part runs at a time.
      memory: memoryOf([...graphs.encode, ...graphs.denoise, ...graphs.decode]),
    },
    samplerSteps,
    timed: arithmetic(everything.filter(([key]) => rates.seconds.has(key))) / arithmetic(everything),
  };
}
