/** Pretraining a contextualizer as a user does it: held-out captions, early stopping, a run that resumes. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { writeAtomically } from '../files/atomic.ts';
import { openSafetensors, writeSafetensors } from '../files/safetensors.ts';
import type { Engine } from '../graph/engine.ts';
import { Random } from '../graph/random.ts';
import type { ContextualizerConfig } from '../models/contextualizer.ts';
import { Parameters, stateSource } from '../nn/parameters.ts';
import { MaskedCaptions, trainContextualizer } from './contextualizer.ts';
import type { TextModel } from './contextualizer.ts';
import { holdOut } from './corpora.ts';
import type { Weights } from './fit.ts';
import { readWeights } from './workshop.ts';

export interface ContextualizerRun {
  config: ContextualizerConfig;
  batchSize: number;
  maskRate: number;
  learningRate: number;
  /** At most. */
  epochs: number;
  /** At most this many steps in all, where it is less. */
  steps: number;
  /** Epochs without a better held-out loss after which training ends. */
  patience: number;
  /** Share of captions held out. */
  heldOut: number;
  seed: number;
  /** Folder of what a resumed run needs; removed by the caller when ψ is written. */
  work: string;
  signal?: AbortSignal;
}

/** Held-out measures after an epoch; epoch 0 is ψ untrained. Perplexity is e to the mean cross-entropy at masked positions. */
export interface Evaluation {
  epoch: number;
  step: number;
  accuracy: number;
  perplexity: number;
}

export type ContextualizerEvent =
  | { kind: 'start'; training: number; heldOut: number; length: number; steps: number; stepsPerEpoch: number; unigram: number }
  | { kind: 'step'; step: number; steps: number; loss: number; accuracy: number }
  | { kind: 'evaluation'; evaluation: Evaluation; best: boolean };

export interface ContextualizerResult {
  weights: Weights;
  best: Evaluation;
  evaluations: Evaluation[];
  stoppedEarly: boolean;
}

/** Tokens of the longest caption but a hundredth, which are cut: one long caption must not make every step slow. */
function usualLength(model: TextModel, captions: readonly string[]): number {
  const lengths = captions.map((caption) => model.tokenizer.encode(caption).length + 2).toSorted((a, b) => a - b);
  return Math.min(model.text.max_position_embeddings, Math.max(4, lengths[Math.floor(0.99 * (lengths.length - 1))]!));
}

/** What of a run must not change while it is resumed. */
const fingerprint = (captions: readonly string[], run: ContextualizerRun): string =>
  JSON.stringify({
    config: run.config,
    batch: run.batchSize,
    maskRate: run.maskRate,
    learningRate: run.learningRate,
    epochs: run.epochs,
    steps: run.steps,
    heldOut: run.heldOut,
    seed: run.seed,
    corpus: createHash('sha256').update(captions.join('\n')).digest('hex'),
  });

async function openWork(work: string, settings: string): Promise<Evaluation[]> {
  const path = join(work, 'run.json');
  if (!existsSync(path)) {
    await writeAtomically(path, `${JSON.stringify({ settings, evaluations: [] })}\n`);
    return [];
  }
  const saved = JSON.parse(await readFile(path, 'utf8')) as { settings: string; evaluations: Evaluation[] };
  if (saved.settings !== settings) {
    const [before, now] = [JSON.parse(saved.settings) as Record<string, unknown>, JSON.parse(settings) as Record<string, unknown>];
    const key = Object.keys(now).find((name) => JSON.stringify(before[name]) !== JSON.stringify(now[name])) ?? 'settings';
    throw new UserError(
      `${work} holds an unfinished run of another ${key}: go on with the same request, or remove the folder to begin anew`,
    );
  }
  return saved.evaluations;
}

/** Trains ψ and p_mask; the result is the epoch with the least held-out loss. Aborting keeps what a repeated call goes on from. */
export async function* runContextualizer(
  engine: Engine,
  model: TextModel,
  captions: readonly string[],
  run: ContextualizerRun,
): AsyncGenerator<ContextualizerEvent, ContextualizerResult> {
  const { config, batchSize, seed, work, signal } = run;
  const { training, heldOut } = holdOut(captions, run.heldOut, seed);
  const length = usualLength(model, captions);
  const stepsPerEpoch = Math.max(1, Math.ceil(training.length / batchSize));
  const steps = Math.min(run.steps, run.epochs * stepsPerEpoch);
  const settings = fingerprint(captions, run);
  let evaluations = await openWork(work, settings);
  const best = join(work, 'best.safetensors');
  const checkpoint = join(work, 'checkpoint.safetensors');
  const begin = existsSync(checkpoint) ? Number((await openSafetensors(checkpoint)).metadata.step) : 0;
  evaluations = evaluations.filter(({ step }) => step <= begin);

  const masked = new MaskedCaptions(model.tokenizer, { batchSize, length, maskRate: run.maskRate });
  const batches = Array.from({ length: Math.ceil(heldOut.length / batchSize) }, (_, i) =>
    masked.batch(heldOut.slice(i * batchSize, (i + 1) * batchSize), new Random(seed).fork('held-out masks', i)),
  );
  yield {
    kind: 'start',
    training: training.length,
    heldOut: heldOut.length,
    length,
    steps,
    stepsPerEpoch,
    unigram: unigramAccuracy(batches),
  };

  const program = await engine.compile({ outputs: masked.losses(model, new Parameters(stateSource('ema.').source), config) });
  const evaluate = async (step: number): Promise<Evaluation> => {
    let [loss, accuracy, named] = [0, 0, 0];
    for (const batch of batches) {
      const out = await program.run(batch.feeds);
      loss += out.loss![0]! * batch.named;
      accuracy += out.accuracy![0]! * batch.named;
      named += batch.named;
    }
    return { epoch: step / stepsPerEpoch, step, accuracy: accuracy / named, perplexity: Math.exp(loss / named) };
  };
  const bestOf = (all: readonly Evaluation[]): Evaluation => all.reduce((a, b) => (b.perplexity < a.perplexity ? b : a));
  const stale = (): boolean => evaluations.length > 0 && evaluations.at(-1)!.epoch - bestOf(evaluations).epoch >= run.patience;

  const isEpoch = (step: number): boolean => step % stepsPerEpoch === 0 || step === steps;
  let stopped = stale();
  const finished = async (): Promise<ContextualizerResult> => {
    await program.release();
    if (!existsSync(best)) throw new UserError(`${work} holds a run that was never measured: remove the folder to begin anew`, 1);
    return { weights: await readWeights(best), best: bestOf(evaluations), evaluations, stoppedEarly: stopped };
  };
  if (stopped) return finished();
  const fitting = trainContextualizer(engine, model, training, {
    steps,
    warmup: Math.min(100, Math.ceil(steps / 10)),
    batchSize,
    maskRate: run.maskRate,
    learningRate: run.learningRate,
    seed,
    config,
    length,
    checkpoint: { path: checkpoint, every: 30, due: (step) => isEpoch(step) || signal?.aborted === true },
    stop: () => stopped,
  });
  for (;;) {
    const next = await fitting.next();
    if (next.done === true) return finished();
    const { step, loss, metrics } = next.value;
    if (!Number.isFinite(loss))
      throw new UserError(
        `the loss is not a number at step ${step}: lower --learning-rate (it was ${run.learningRate}), remove ${work} and begin anew`,
        1,
      );
    yield { kind: 'step', step, steps, loss, accuracy: metrics.accuracy! };
    if (isEpoch(step)) {
      const evaluation = await evaluate(step);
      evaluations.push(evaluation);
      const isBest = bestOf(evaluations) === evaluation;
      if (isBest) {
        const names = [...stateNames(model, masked, config)];
        const inTurn = names.map(([name, shape]) => [name, engine.stateInTurn(`ema.${name}`, shape)] as const);
        await writeSafetensors(best, Object.fromEntries(inTurn), {
          step: String(step),
        });
      }
      await writeAtomically(join(work, 'run.json'), `${JSON.stringify({ settings, evaluations })}\n`);
      yield { kind: 'evaluation', evaluation, best: isBest };
      stopped = stale() && step < steps;
    }
    signal?.throwIfAborted();
  }
}

/** Names and shapes of what is trained. */
function stateNames(model: TextModel, masked: MaskedCaptions, config: ContextualizerConfig): Map<string, readonly number[]> {
  const { source, tensors } = stateSource();
  masked.losses(model, new Parameters(source), config);
  return new Map([...tensors].map(([name, { shape }]) => [name, shape]));
}

/** Accuracy of always guessing the held-out captions' most frequent masked token. */
function unigramAccuracy(batches: readonly { feeds: Record<string, ArrayLike<number>>; named: number }[]): number {
  const counts = new Map<number, number>();
  let total = 0;
  for (const { feeds, named } of batches) {
    for (let i = 0; i < named; i++) counts.set(feeds.targets![i]!, (counts.get(feeds.targets![i]!) ?? 0) + 1);
    total += named;
  }
  return Math.max(...counts.values()) / total;
}

/** Removes what a finished run no longer needs. */
export const clearWork = (work: string): Promise<void> => rm(work, { recursive: true, force: true });
