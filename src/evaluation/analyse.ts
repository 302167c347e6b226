/** One run analysed: text space, attention, theory; its figures, and the differences to a baseline's. */
import { followed } from '../events.ts';
import type { Engine } from '../graph/engine.ts';
import { headlineSide, measureAttention, meanSklBy, sklByPrompt } from './attention.ts';
import type { AttentionPicture, AttentionRow } from './attention.ts';
import { Probe } from './probe.ts';
import type { ReadPrompt } from './probe.ts';
import type { CustomizedRun } from './run.ts';
import { clusterBootstrap, pairedBootstrap } from './statistics.ts';
import { textSimilarities } from './text-space.ts';
import type { TextSimilarity } from './text-space.ts';
import { measureTheory } from './theory.ts';
import type { Theory } from './theory.ts';

export interface Analysed {
  run: CustomizedRun;
  read: ReadPrompt[];
  text: TextSimilarity[];
  attention: { rows: AttentionRow[]; pictures: AttentionPicture[] } | undefined;
  theory: Theory | undefined;
}

export interface Figures {
  sim1: number;
  sim2: number;
  skl?: number;
  n: number;
  intervals: Record<string, { lo: number; hi: number }>;
  sklBySide?: Record<string, number>;
  sklByStep?: Record<string, number>;
}

export type Columns = { sim1: number[]; sim2: number[]; skl?: number[] };

/** Values of each figure, in the order of the prompts. */
export function columnsOf({ read, text, attention }: Analysed): Columns {
  const skl = attention === undefined ? undefined : sklByPrompt(attention.rows, headlineSide(attention.rows));
  return {
    sim1: text.map((one) => one.sim1),
    sim2: text.map((one) => one.sim2),
    ...(skl !== undefined && { skl: read.flatMap(({ prompt }) => skl.get(prompt) ?? []) }),
  };
}

/** Means with intervals over prompts. */
export function figuresOf(analysed: Analysed): Figures {
  const estimates = Object.entries(columnsOf(analysed)).map(
    ([name, values]) => [name, clusterBootstrap((values as number[]).map((x) => [x]))] as const,
  );
  const { attention } = analysed;
  const headline = attention === undefined ? [] : attention.rows.filter(({ side }) => side === headlineSide(attention.rows));
  return {
    ...(Object.fromEntries(estimates.map(([name, { mean }]) => [name, mean])) as { sim1: number; sim2: number; skl?: number }),
    n: analysed.read.length,
    intervals: Object.fromEntries(estimates.map(([name, { lo, hi }]) => [name, { lo, hi }])),
    ...(attention !== undefined && { sklBySide: meanSklBy(attention.rows, 'side'), sklByStep: meanSklBy(headline, 'step') }),
  };
}

export type Differences = Record<string, { mean: number; low: number; high: number }>;

/** Paired differences to a baseline over the same prompts, with intervals over them. */
export function differencesOf(own: Analysed, other: Analysed): Differences {
  const [a, b] = [columnsOf(own), columnsOf(other)];
  return Object.fromEntries(
    Object.entries(a).map(([name, values]) => [
      name,
      pairedBootstrap((values as number[]).map((x, i) => x - b[name as keyof Columns]![i]!)),
    ]),
  );
}

/** Analyses a run over prompts with {subject}: text space always, attention of the first `sampled`, theory where it is asked for. */
export async function analyseRun(
  engine: Engine,
  run: CustomizedRun,
  options: {
    prompts: readonly string[];
    name: string;
    sampled: number;
    theory: boolean;
    sampling: Parameters<typeof measureAttention>[2];
    onPrompt: (done: number, of: number) => void;
  },
): Promise<Analysed> {
  const probe = await Probe.create(engine, run, `${options.name}.`);
  const read = probe.read(options.prompts);
  const text = await textSimilarities(probe, read);
  let attention: Analysed['attention'];
  const wanted = read.slice(0, options.sampled);
  if (wanted.length > 0) {
    attention = await followed(measureAttention(probe, wanted, options.sampling), (done) => options.onPrompt(done, wanted.length));
  }
  const { batch, seed } = options.sampling;
  const theory = options.theory ? await measureTheory(probe, read, { batch, seed }) : undefined;
  await probe.release();
  return { run, read, text, attention, theory };
}
