/** One of two subjects learned out of pictures that show both (the paper's Figure 6): which one comes back? */
import { join } from 'node:path';
import * as z from 'zod';
import { partialRecipeSchema } from '../config.ts';
import { parseOf } from './parse.ts';
import type { Recipe } from '../config.ts';
import { scorePictures } from '../evaluation/judges.ts';
import type { Judges } from '../evaluation/judges.ts';
import { present } from '../evaluation/parts.ts';
import { average, clusterBootstrap } from '../evaluation/statistics.ts';
import type { Estimate } from '../evaluation/statistics.ts';
import { writeAtomically } from '../files/atomic.ts';
import { readPlanes, toBytes, writePng } from '../files/images.ts';
import type { Engine } from '../graph/engine.ts';
import type { DiffusionModel } from '../models/load.ts';
import { withSubject } from '../text/prompts.ts';
import { KeptPipeline } from '../sampler/kept.ts';
import { compare, drawnAtOnce } from './comparison.ts';
import { earlierResult } from './earlier.ts';
import { mapped } from '../events.ts';
import { resultSchema } from './result.ts';
import { sweepSchema, variantName } from './sweep.ts';
import type { ComparisonEvent } from './comparison.ts';

const partialRecipe = partialRecipeSchema.omit({ images: true, class: true, masks: true });

export const twoSubjectsSchema = z.strictObject({
  about: z.string().describe('what it shows, and its command'),
  together: z.array(z.string()).min(1).describe('folders of examples/pairs; each of their two subjects is learned in turn'),
  prompts: z.int().min(1).default(50).describe('prompts of the concept-specific set'),
  picturesPerPrompt: z.int().min(1).default(1),
  sampling: sweepSchema.shape.sampling,
  recipe: partialRecipe.default({}).describe('what all variants share'),
  variants: z
    .array(z.strictObject({ name: variantName, recipe: partialRecipe.default({}), masked: z.boolean().default(false) }))
    .min(1)
    .describe('differences are reported against the first'),
  expected: resultSchema,
});
export type TwoSubjects = z.infer<typeof twoSubjectsSchema>;

/** Throws a UserError that names the first thing wrong with `value`. */
export function parseTwoSubjects(value: unknown, where: string): TwoSubjects {
  return parseOf(twoSubjectsSchema, value, where);
}

/** One subject to be learned out of a pair's pictures. */
export interface NamedOfTwo {
  pair: string;
  /** Names of the subject that is learned and of the one beside it. */
  named: string;
  other: string;
  /** Folders of pictures that show each alone, and of the pair's pictures with the masks of the one that is learned. */
  alone: { named: string; other: string };
  images: string;
  masks: string;
  className: string;
  richPrompts: (count: number) => readonly string[];
  /** With {subject}. */
  evaluationPrompts: readonly string[];
  complete: (partial: Readonly<Record<string, unknown>>) => Recipe;
}

/** Means over pictures. */
export interface TwoSubjectsScores {
  clipT: number;
  /** DINO-FG to pictures of the named subject alone, and of the other. */
  named: number;
  other: number;
  /** Named minus other. */
  lead: number;
  /** Shares of the pictures that show the named subject, and the other. */
  showsNamed: number;
  showsOther: number;
}
export const twoSubjectsScores = ['clipT', 'named', 'other', 'lead', 'showsNamed', 'showsOther'] as const;

export interface TwoSubjectsCell extends TwoSubjectsScores {
  pair: string;
  subject: string;
  variant: string;
  /** What it was measured under: a result of other settings is not taken over. */
  settings: unknown;
}

type Estimates = Record<keyof TwoSubjectsScores, Estimate>;
export interface TwoSubjectsSummary {
  /** Means over subjects, with intervals that resample pairs: both orders of a pair share their pictures. */
  variants: Record<string, Estimates>;
  /** Paired by subject. */
  differences: { of: string; against: string; scores: Estimates }[];
  cells: Omit<TwoSubjectsCell, 'settings'>[];
}

export function summarizeTwoSubjects(cells: readonly TwoSubjectsCell[], sweep: Pick<TwoSubjects, 'variants'>): TwoSubjectsSummary {
  const [first, ...later] = sweep.variants.map(({ name }) => name) as [string, ...string[]];
  const pairs = [...new Set(cells.map(({ pair }) => pair))];
  const estimates = (value: (cell: TwoSubjectsCell, key: keyof TwoSubjectsScores) => number, variant: string): Estimates => {
    const own = cells.filter((cell) => cell.variant === variant);
    const grouped = (key: keyof TwoSubjectsScores): number[][] =>
      pairs.map((pair) => own.filter((cell) => cell.pair === pair).map((cell) => value(cell, key)));
    return Object.fromEntries(twoSubjectsScores.map((key) => [key, clusterBootstrap(grouped(key))])) as Estimates;
  };
  const baseOf = ({ pair, subject }: TwoSubjectsCell): TwoSubjectsCell =>
    cells.find((cell) => cell.pair === pair && cell.subject === subject && cell.variant === first)!;
  return {
    variants: Object.fromEntries([first, ...later].map((name) => [name, estimates((cell, key) => cell[key], name)])),
    differences: later.map((of) => ({ of, against: first, scores: estimates((cell, key) => cell[key] - baseOf(cell)[key], of) })),
    cells: cells.map(
      (cell) => Object.fromEntries(Object.entries(cell).filter(([key]) => key !== 'settings')) as Omit<TwoSubjectsCell, 'settings'>,
    ),
  };
}

/** Where a cell's pictures lie. */
export const picturesOf = (out: string, cell: Pick<TwoSubjectsCell, 'pair' | 'subject' | 'variant'>): string =>
  join(out, cell.pair, cell.subject, cell.variant, 'pictures');

export type TwoSubjectsEvent = { event: ComparisonEvent } | { cell: TwoSubjectsCell; done: number; of: number };

/** Learns and judges what is not done yet in `out`; leaves summary.json there. */
export async function* runTwoSubjects(
  engine: Engine,
  model: DiffusionModel,
  judges: Judges,
  sweep: TwoSubjects,
  subjects: readonly NamedOfTwo[],
  options: { out: string; versions: Record<string, string>; signal?: AbortSignal },
): AsyncGenerator<TwoSubjectsEvent, TwoSubjectsSummary> {
  const { picturesPerPrompt, sampling } = sweep;
  const of = subjects.length * sweep.variants.length;
  const cells: TwoSubjectsCell[] = [];
  const pipelines = new KeptPipeline(engine, model, drawnAtOnce);
  for (const subject of subjects)
    for (const variant of sweep.variants) {
      const at = { pair: subject.pair, subject: subject.named, variant: variant.name };
      const folder = join(options.out, subject.pair, subject.named);
      const done = join(folder, `${variant.name}.json`);
      const { images } = subject;
      const masks = variant.masked ? { masks: subject.masks } : {};
      const recipe = subject.complete({ sampleEvery: 0, ...sweep.recipe, ...variant.recipe, images, class: subject.className, ...masks });
      const richPrompts = recipe.lambda === 0 ? [] : subject.richPrompts(sweep.prompts);
      const settings = {
        ...recipe,
        images: subject.pair,
        masks: variant.masked,
        promptSet: recipe.lambda === 0 ? 0 : sweep.prompts,
        picturesPerPrompt,
        sampling,
      };
      const earlier = await earlierResult<TwoSubjectsCell>(done, settings);
      if (earlier !== undefined) {
        cells.push(earlier);
        continue;
      }
      const { evaluationPrompts } = subject;
      const running = compare({
        engine,
        model,
        judges,
        variants: [{ name: variant.name, recipe }],
        richPrompts,
        evaluationPrompts,
        picturesPerPrompt,
        sampling,
        ...options,
        out: folder,
        pipelines,
      });
      const [result] = yield* mapped(running, (event) => ({ event }));
      const { pictures } = result!;
      const prompts = evaluationPrompts.flatMap((prompt) =>
        Array.from({ length: picturesPerPrompt }, () => withSubject(prompt, subject.className)),
      );
      const [own, others] = [await readPlanes(subject.alone.named, judges.size), await readPlanes(subject.alone.other, judges.size)];
      const toNamed = await scorePictures(judges, pictures, prompts, own);
      const toOther = await scorePictures(judges, pictures, prompts, others);
      const shown = await present(judges, pictures, [own, others]);
      const [named, other] = [average(toNamed.map(({ dinoFg }) => dinoFg)), average(toOther.map(({ dinoFg }) => dinoFg))];
      const cell: TwoSubjectsCell = {
        ...at,
        clipT: average(toNamed.map(({ clipT }) => clipT)),
        named,
        other,
        lead: named - other,
        showsNamed: average(shown.map(([first]) => Number(first))),
        showsOther: average(shown.map(([, second]) => Number(second))),
        settings,
      };
      for (const [i, picture] of pictures.entries())
        await writePng(join(picturesOf(options.out, at), `${String(i).padStart(3, '0')}.png`), toBytes(picture, judges.size), judges.size);
      await writeAtomically(done, `${JSON.stringify(cell)}\n`);
      cells.push(cell);
      yield { cell, done: cells.length, of };
    }
  await pipelines.release();
  const summary = summarizeTwoSubjects(cells, sweep);
  await writeAtomically(join(options.out, 'summary.json'), `${JSON.stringify(summary, undefined, 2)}\n`);
  return summary;
}
