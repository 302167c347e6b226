/** The loop behind every pretraining stage: a loss over states, batches from a seed, checkpoints that resume. */
import { existsSync } from 'node:fs';
import { openSafetensors, tensorOnDemand, writeSafetensors } from '../files/safetensors.ts';
import type { NewTensor } from '../files/safetensors.ts';
import type { Engine } from '../graph/engine.ts';
import { gradients } from '../graph/gradient.ts';
import { state } from '../graph/ops.ts';
import type { TypedArray } from '../graph/values.ts';
import { Random } from '../graph/random.ts';
import type { Tensor } from '../graph/tensor.ts';
import { initialValues } from '../nn/initialize.ts';
import { adamw, adamwFeeds } from '../optim/adamw.ts';
import { movingAverage } from '../optim/ema.ts';
import { schedule } from '../optim/schedule.ts';

export interface FitOptions {
  steps: number;
  learningRate: number;
  warmup?: number;
  weightDecay?: number;
  seed: number;
  /** Decay of the exponential moving average of the weights; none: the last weights are the result. */
  ema?: number;
  /** First values other than the seed's: weights of an earlier stage. */
  start?: Readonly<Record<string, NewTensor>>;
  /** A batch, a function of the step alone. */
  batch: (step: number) => Record<string, TypedArray> | Promise<Record<string, TypedArray>>;
  /** Where to keep all that is needed to go on, and every how many seconds. */
  checkpoint?: { path: string; every: number; /** Asked after each step: save now. */ due?: (step: number) => boolean };
  /** Asked after each step that has been yielded: end here, as if it were the last. */
  stop?: () => boolean;
}

export interface FitEvent {
  step: number;
  loss: number;
  /** Seconds of this process so far. */
  seconds: number;
  metrics: Record<string, number>;
}

export type Weights = Record<string, NewTensor>;

/** Trains, yields every step, returns the weights: their moving average where one is kept. */
export async function* fit(
  engine: Engine,
  model: { loss: Tensor; parameters: ReadonlyMap<string, Tensor>; metrics?: Record<string, Tensor> },
  options: FitOptions,
): AsyncGenerator<FitEvent, Weights> {
  const { parameters, loss, metrics = {} } = model;
  const names = [...parameters.keys()];
  const optimizer = adamw(parameters, gradients(loss, [...parameters.values()]), { weightDecay: options.weightDecay ?? 0.01 });
  const updates = { ...optimizer.updates };
  const average = (name: string): string => `ema.${name}`;
  if (options.ema !== undefined)
    for (const [name, tensor] of parameters) {
      const mean = state(average(name), tensor.shape);
      updates[average(name)] = movingAverage(mean, updates[name]!, options.ema);
    }
  const program = await engine.compile({ outputs: { loss, ...metrics }, updates });
  const first = { ...initialValues(parameters, new Random(options.seed).fork('weights')), ...options.start };
  const own = Object.fromEntries(names.map((name) => [name, first[name]!]));
  const states: Weights = { ...own, ...optimizer.initial() };
  if (options.ema !== undefined) for (const name of names) states[average(name)] = own[name]!;
  let begin = 0;
  const { checkpoint } = options;
  if (checkpoint !== undefined && existsSync(checkpoint.path)) {
    const file = await openSafetensors(checkpoint.path);
    begin = Number(file.metadata.step);
    for (const name of Object.keys(states)) states[name] = tensorOnDemand(file, name);
  }
  await engine.setState(states);
  const read = async (wanted: readonly string[]): Promise<Weights> => {
    const data = await engine.getState(wanted);
    return Object.fromEntries(wanted.map((name) => [name, { data: data[name] as Float32Array, shape: states[name]!.shape }]));
  };
  const rate = schedule('cosine', options.steps, options.warmup ?? 100);
  const started = performance.now();
  let saved = started;
  let next = Promise.resolve(options.batch(begin));
  for (let step = begin; step < options.steps; step++) {
    const feeds = await next;
    const running = program.run({ ...feeds, ...adamwFeeds(options.learningRate * rate(step), step + 1) });
    if (step + 1 < options.steps) next = Promise.resolve(options.batch(step + 1));
    const out = await running;
    if (checkpoint !== undefined && (performance.now() - saved > 1000 * checkpoint.every || checkpoint.due?.(step + 1) === true)) {
      saved = performance.now();
      const inTurn = Object.entries(states).map(([name, { shape }]) => [name, engine.stateInTurn(name, shape)] as const);
      await writeSafetensors(checkpoint.path, Object.fromEntries(inTurn), { step: String(step + 1) });
    }
    yield {
      step: step + 1,
      loss: out.loss![0]!,
      seconds: (performance.now() - started) / 1000,
      metrics: Object.fromEntries(Object.keys(metrics).map((name) => [name, out[name]![0]!])),
    };
    if (options.stop?.() === true) break;
  }
  const result = await read(names.map((name) => (options.ema === undefined ? name : average(name))));
  await program.release();
  await engine.dropState(Object.keys(states));
  return Object.fromEntries(names.map((name) => [name, result[options.ema === undefined ? name : average(name)]!]));
}
