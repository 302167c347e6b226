/** Table 1 and Figure 5 as a recipe: sim1, sim2 and SKL of two variants over many subjects. What is measured is not measured again. */
import { join } from 'node:path';
import * as z from 'zod';
import { UserError } from '../errors.ts';
import { analyseRun, columnsOf } from '../evaluation/analyse.ts';
import { meanSklBy } from '../evaluation/attention.ts';
import type { Analysed } from '../evaluation/analyse.ts';
import { readContexts } from '../evaluation/probe.ts';
import { average, pairedBootstrap } from '../evaluation/statistics.ts';
import type { Interval } from '../evaluation/statistics.ts';
import { writeAtomically } from '../files/atomic.ts';
import type { Engine } from '../graph/engine.ts';
import { tokenizerFor } from '../methods/learned.ts';
import type { DiffusionModel } from '../models/load.ts';
import type { CustomizeEvent } from '../trainer/customize.ts';
import { RunFolder } from '../trainer/run-folder.ts';
import { earlierResult } from './earlier.ts';
import { mapped } from '../events.ts';
import { drawnTogether } from '../sampler/usual.ts';
import { learnedRecipe, sharedKeys } from './shared.ts';
import type { LearnedSubject } from './shared.ts';
import { contentOf, trainedRun } from './trained.ts';

export const analysisSchema = z.strictObject({
  kind: z.literal('analysis'),
  ...sharedKeys,
  variants: sharedKeys.variants.length(2).describe('the baseline, then what is compared with it'),
  contexts: z.int().min(1).default(200).describe('prompts that the text encoder reads and the sampler draws'),
  shown: z.int().min(0).default(2).describe('prompts of each subject whose attention maps are drawn'),
});
export type AnalysisRecipe = z.infer<typeof analysisSchema>;

export const analysisFigures = ['sim1', 'sim2', 'skl'] as const;
export type AnalysisFigure = (typeof analysisFigures)[number];

/** One run of one subject, measured. */
export interface AnalysedRun extends Record<AnalysisFigure, number[]> {
  subject: string;
  variant: string;
  settings: unknown;
  /** In the order of the figures' values. */
  prompts: string[];
  /** Mean SKL by the side of the maps. */
  sklBySide: Record<string, number>;
  /** Of the prompts whose maps are drawn, the words in order. */
  shown: { prompt: string; words: string[] }[];
  /** Folder of their maps, in the folder of the recipe. */
  maps: string;
}

type Figures<T> = Record<AnalysisFigure, T>;

export interface AnalysisSummary {
  /** Means over subjects, with intervals over them. */
  variants: Record<string, Figures<Interval>>;
  /** The second variant minus the first, paired by subject. */
  difference: Figures<Interval>;
  subjects: Record<string, Record<string, Figures<number>>>;
  /** Prompts a subject. */
  prompts: number;
}

const each = <T>(value: (name: AnalysisFigure) => T): Figures<T> =>
  Object.fromEntries(analysisFigures.map((name) => [name, value(name)])) as Figures<T>;

export function summarizeAnalysis(runs: readonly AnalysedRun[], recipe: Pick<AnalysisRecipe, 'subjects' | 'variants'>): AnalysisSummary {
  const names = recipe.variants.map(({ name }) => name);
  const of = (subject: string, variant: string): AnalysedRun => runs.find((run) => run.subject === subject && run.variant === variant)!;
  const column = (variant: string, name: AnalysisFigure): number[] => recipe.subjects.map((subject) => average(of(subject, variant)[name]));
  return {
    variants: Object.fromEntries(names.map((variant) => [variant, each((name) => pairedBootstrap(column(variant, name)))])),
    difference: each((name) => {
      const [before, after] = [column(names[0]!, name), column(names[1]!, name)];
      return pairedBootstrap(after.map((value, i) => value - before[i]!));
    }),
    subjects: Object.fromEntries(
      recipe.subjects.map((subject) => [
        subject,
        Object.fromEntries(names.map((variant) => [variant, each((name) => average(of(subject, variant)[name]))])),
      ]),
    ),
    prompts: Math.max(...runs.map(({ prompts }) => prompts.length)),
  };
}

export type AnalysisEvent = { subject: string; variant: string; event: CustomizeEvent } | { run: AnalysedRun; done: number; of: number };

/** Measures what is not measured yet; runs that are missing in `out` are learned first. Leaves `name`/ and `name`.json there. */
export async function* runAnalysis(
  engine: Engine,
  model: DiffusionModel,
  recipe: AnalysisRecipe,
  subjects: readonly LearnedSubject[],
  options: {
    out: string;
    name: string;
    versions: Record<string, string>;
    /** Draws the attention maps of a run into a folder. */
    draw: (analysed: Analysed, folder: string) => Promise<void>;
    /** Told as the sampler goes on. */
    onPrompt?: (of: string, done: number, all: number) => void;
    signal?: AbortSignal;
  },
): AsyncGenerator<AnalysisEvent, { summary: AnalysisSummary; runs: AnalysedRun[] }> {
  const { out, name, versions, draw, signal } = options;
  const of = subjects.length * 2;
  const runs: AnalysedRun[] = [];
  for (const subject of subjects)
    for (const variant of recipe.variants) {
      const at = { subject: subject.name, variant: variant.name };
      const own = learnedRecipe(recipe, variant, subject);
      const folder = join(out, subject.name, variant.name);
      const training = trainedRun({ engine, model, out: folder, versions, ...own, ...(signal && { signal }) });
      const run = yield* mapped(training, (event) => ({ ...at, event }));
      const contexts = readContexts(
        tokenizerFor(run.model, run.learned),
        subject.contextPrompts,
        own.recipe.token,
        own.recipe.class,
        run.model.textEncoder.config.max_position_embeddings,
      )
        .slice(0, recipe.contexts)
        .map(({ prompt }) => prompt);
      const other = runs.find((one) => one.subject === subject.name);
      if (other !== undefined && other.prompts.join('\n') !== contexts.join('\n'))
        throw new UserError(
          `${variant.name} and ${other.variant} have placeholders of different lengths, so other prompts fit: give both one`,
        );
      const { sampling, shown } = recipe;
      const learned = await contentOf((await RunFolder.open(folder)).run.checkpoint(own.recipe.steps));
      const settings = { learned, contexts, sampling, shown, seed: own.recipe.seed };
      const done = join(out, name, subject.name, `${variant.name}.json`);
      const earlier = await earlierResult<AnalysedRun>(done, settings, join(out, name));
      if (earlier !== undefined) {
        runs.push(earlier);
        continue;
      }
      const analysed = await analyseRun(engine, run, {
        prompts: contexts,
        name: 'analysis',
        sampled: contexts.length,
        theory: false,
        sampling: { batch: drawnTogether(model, 8), ...sampling, seed: own.recipe.seed, shown, ...(signal && { signal }) },
        onPrompt: (prompts) => options.onPrompt?.(`${subject.name} ${variant.name}`, prompts, contexts.length),
      });
      const { sim1, sim2, skl } = columnsOf(analysed);
      const maps = join(subject.name, `${variant.name}-maps`);
      if (shown > 0) await draw(analysed, join(out, name, maps));
      const pictures = analysed.attention!.pictures.map(({ read }) => ({ prompt: read.prompt, words: [...new Set(read.words)] }));
      const sklBySide = meanSklBy(analysed.attention!.rows, 'side');
      const measured: AnalysedRun = { ...at, settings, prompts: contexts, sim1, sim2, skl: skl!, sklBySide, shown: pictures, maps };
      await writeAtomically(done, `${JSON.stringify(measured)}\n`);
      runs.push(measured);
      yield { run: measured, done: runs.length, of };
    }
  const summary = summarizeAnalysis(runs, recipe);
  await writeAtomically(join(out, `${name}.json`), `${JSON.stringify(summary, undefined, 2)}\n`);
  return { summary, runs };
}
