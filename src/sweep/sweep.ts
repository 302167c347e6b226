/** A recipe over many subjects and variants: the paper's tables. What is done already is not done again. */
import { join } from 'node:path';
import * as z from 'zod';
import { partialRecipeSchema } from '../config.ts';
import type { Recipe } from '../config.ts';
import { UserError } from '../errors.ts';
import type { Judges, Scores } from '../evaluation/judges.ts';
import { pairedBootstrap } from '../evaluation/statistics.ts';
import type { Interval } from '../evaluation/statistics.ts';
import { writeAtomically } from '../files/atomic.ts';
import type { Engine } from '../graph/engine.ts';
import type { DiffusionModel } from '../models/load.ts';
import { parseOf } from './parse.ts';
import { KeptPipeline } from '../sampler/kept.ts';
import { compare, drawnAtOnce } from './comparison.ts';
import { earlierResult } from './earlier.ts';
import { tableResultSchema } from './result.ts';
import { mapped } from '../events.ts';
import type { ComparisonEvent } from './comparison.ts';

const partialRecipe = partialRecipeSchema.omit({ images: true, class: true });
/** All variants have one model. */
const ofVariant = partialRecipe.omit({ model: true, tokenizer: true, prediction: true });
export const variantName = z.string().regex(/^[\w+.=,-]+$/, 'letters, digits and + - _ . = , are expected');

const promptSetSchema = z.strictObject({
  source: z.enum(['bundled', 'grammar']).describe('the picture world’s own sentences, or the grammar’s'),
  count: z.int().min(1).max(10_000),
  evaluatedContexts: z
    .boolean()
    .optional()
    .describe('false: of the picture world’s sentences those alone whose context no evaluation prompt is in'),
});
/** Which rich prompts the MLM objective gets. */
export type PromptSet = z.infer<typeof promptSetSchema>;

export const sweepSchema = z.strictObject({
  about: z.string().describe('the table that it makes, and its command'),
  subjects: z.array(z.string()).min(1).describe('bundled subjects'),
  picturesPerPrompt: z.int().min(1).default(2),
  sampling: z.strictObject({ steps: z.int().min(1), guidance: z.number().min(0) }).default({ steps: 20, guidance: 4 }),
  recipe: partialRecipe.default({}).describe('what all variants share'),
  prompts: promptSetSchema.default({ source: 'bundled', count: 200 }),
  variants: z
    .array(z.strictObject({ name: variantName, recipe: ofVariant, prompts: promptSetSchema.optional() }))
    .min(1)
    .default([
      { name: 'ti', recipe: { lambda: 0 } },
      { name: 'ti+mlm', recipe: {} },
    ]),
  pairs: z
    .array(z.tuple([z.string(), z.string()]))
    .optional()
    .describe('differences to report: the second minus the first; by default of neighbours'),
  paper: z
    .record(z.string(), z.record(z.string(), z.number()))
    .optional()
    .describe('the paper’s figures, on Stable Diffusion, by variant or setting'),
  expected: tableResultSchema.optional().describe('the result, as it was measured'),
});
export type Sweep = z.infer<typeof sweepSchema>;

/** Throws a UserError that names the first thing wrong with `value`. */
export function parseSweep(value: unknown, where: string): Sweep {
  const sweep = parseOf(sweepSchema, value, where);
  const { model = 'tiny' } = sweep.recipe;
  if (model !== 'tiny')
    throw new UserError(
      `${where}: recipe.model is ${model}: a table without a kind is of the embedded model; "kind": "benchmark" takes others`,
    );
  const names = sweep.variants.map(({ name }) => name);
  const stranger = sweep.pairs?.flat().find((name) => !names.includes(name));
  if (stranger !== undefined) throw new UserError(`${where}: pairs names ${stranger}, which is no variant: ${names.join(', ')} are`);
  return sweep;
}

/** A subject, and the whole recipe of a variant for it. */
export interface SweepSubject {
  name: string;
  richPrompts: (set: PromptSet) => readonly string[];
  evaluationPrompts: readonly string[];
  complete: (partial: Sweep['recipe']) => Recipe;
}

/** Of so many pictures, those whose subject the segmenter does not find: DINO-FG is a mean over the others. */
export interface WithoutSubject {
  pictures: number;
  of: number;
}

/** One subject under one variant. */
export interface Cell extends Scores {
  subject: string;
  variant: string;
  /** A benchmark's, where they were counted. */
  withoutSubject?: WithoutSubject;
  /** What it was measured under: a result of other settings is not taken over. */
  settings: unknown;
}

export interface SweepSummary {
  /** Means over subjects, each with a bootstrap interval over them. */
  variants: Record<string, Record<keyof Scores, Interval>>;
  /** Paired differences over subjects. */
  differences: { of: string; against: string; scores: Record<keyof Scores, Interval> }[];
  cells: Omit<Cell, 'settings'>[];
}

export const scoreNames = ['clipT', 'dino', 'dinoFg'] as const;

export function summarize(cells: readonly Cell[], sweep: Pick<Sweep, 'variants' | 'pairs' | 'subjects'>): SweepSummary {
  const names = sweep.variants.map(({ name }) => name);
  const column = (variant: string, key: keyof Scores): number[] =>
    sweep.subjects.map((subject) => cells.find((cell) => cell.variant === variant && cell.subject === subject)![key]);
  const each = (values: (key: keyof Scores) => number[]): Record<keyof Scores, Interval> =>
    Object.fromEntries(scoreNames.map((key) => [key, pairedBootstrap(values(key))])) as Record<keyof Scores, Interval>;
  const pairs = sweep.pairs ?? names.slice(1).map((name, i) => [names[i]!, name] as const);
  return {
    variants: Object.fromEntries(names.map((name) => [name, each((key) => column(name, key))])),
    differences: pairs.map(([against, of]) => ({
      of,
      against,
      scores: each((key) => column(of, key).map((value, i) => value - column(against, key)[i]!)),
    })),
    cells: cells.map(({ subject, variant, clipT, dino, dinoFg, withoutSubject }) => ({
      subject,
      variant,
      clipT,
      dino,
      dinoFg,
      ...(withoutSubject && { withoutSubject }),
    })),
  };
}

/** A variant's pictures without the subject, over the subjects where they were counted; undefined where they were for none. */
export function withoutSubjectIn({ cells }: Pick<SweepSummary, 'cells'>, variant: string): WithoutSubject | undefined {
  const counted = cells.flatMap((cell) => (cell.variant === variant ? (cell.withoutSubject ?? []) : []));
  if (counted.length === 0) return undefined;
  return counted.reduce((sum, { pictures, of }) => ({ pictures: sum.pictures + pictures, of: sum.of + of }));
}

export type SweepEvent = { subject: string; event: ComparisonEvent } | { cell: Cell; done: number; of: number };

/**
 * Runs what is not done yet. Cells lie in `out` by subject and variant, so recipes whose variants have the same names and
 * settings share them there; the summary is `name`.json.
 */
export async function* runSweep(
  engine: Engine,
  model: DiffusionModel,
  judges: Judges,
  sweep: Sweep,
  subjects: readonly SweepSubject[],
  options: { out: string; name: string; versions: Record<string, string>; signal?: AbortSignal },
): AsyncGenerator<SweepEvent, SweepSummary> {
  const { picturesPerPrompt, sampling } = sweep;
  const of = subjects.length * sweep.variants.length;
  const cells: Cell[] = [];
  const pipelines = new KeptPipeline(engine, model, drawnAtOnce);
  for (const subject of subjects)
    for (const variant of sweep.variants) {
      const folder = join(options.out, subject.name);
      const done = join(folder, `${variant.name}.json`);
      const recipe = subject.complete({ sampleEvery: 0, ...sweep.recipe, ...variant.recipe });
      const promptSet = variant.prompts ?? sweep.prompts;
      const richPrompts = recipe.lambda === 0 ? [] : subject.richPrompts(promptSet);
      const settings = { ...recipe, images: subject.name, ...(recipe.lambda > 0 && { promptSet }), picturesPerPrompt, sampling };
      const earlier = await earlierResult<Cell>(done, settings);
      if (earlier !== undefined) {
        cells.push(earlier);
        continue;
      }
      const { evaluationPrompts } = subject;
      const variants = [{ name: variant.name, recipe }];
      const running = compare({
        engine,
        model,
        judges,
        variants,
        richPrompts,
        evaluationPrompts,
        picturesPerPrompt,
        sampling,
        ...options,
        out: folder,
        pipelines,
      });
      const [result] = yield* mapped(running, (event) => ({ subject: subject.name, event }));
      const { clipT, dino, dinoFg } = result!;
      const cell: Cell = { subject: subject.name, variant: variant.name, clipT, dino, dinoFg, settings };
      await writeAtomically(done, `${JSON.stringify(cell)}\n`);
      cells.push(cell);
      yield { cell, done: cells.length, of };
    }
  await pipelines.release();
  const summary = summarize(cells, sweep);
  await writeAtomically(join(options.out, `${options.name}.json`), `${JSON.stringify(summary, undefined, 2)}\n`);
  return summary;
}
