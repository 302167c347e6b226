/**
 * A table over photographs of a benchmark's folder: any model, extractors of the literature. Pictures are kept, so that an
 * interrupted one goes on by the picture. `sweep.ts` is its quick sister for the embedded model and its judges.
 */
import { join } from 'node:path';
import * as z from 'zod';
import { UserError } from '../errors.ts';
import { evaluatePictures } from '../evaluation/evaluate.ts';
import type { EvaluationOptions } from '../evaluation/evaluate.ts';
import { drawPictures } from '../evaluation/run.ts';
import { average } from '../evaluation/statistics.ts';
import { writeAtomically } from '../files/atomic.ts';
import { listImages } from '../files/images.ts';
import type { Engine } from '../graph/engine.ts';
import type { DiffusionModel } from '../models/load.ts';
import type { CustomizeEvent } from '../trainer/customize.ts';
import { earlierResult } from './earlier.ts';
import { followed, mapped } from '../events.ts';
import { tableResultSchema } from './result.ts';
import { learnedRecipe, sharedKeys } from './shared.ts';
import type { LearnedSubject } from './shared.ts';
import { summarize, sweepSchema } from './sweep.ts';
import type { Cell, SweepSummary } from './sweep.ts';
import { trainedRun } from './trained.ts';

export const benchmarkSchema = z.strictObject({
  kind: z.literal('benchmark'),
  ...sharedKeys,
  expected: tableResultSchema.or(z.string().describe('why there is none')).optional(),
  picturesPerPrompt: z.int().min(1).default(4),
  pairs: sweepSchema.shape.pairs,
  clip: z
    .string()
    .optional()
    .describe('a CLIP: a folder as transformers writes it, or a hub’s owner/name; the embedded judges where nothing is said'),
  dino: z.string().optional().describe('a DINO ViT, the same'),
  segmenter: z.string().optional().describe('what evaluate --segmenter takes'),
});
export type BenchmarkRecipe = z.infer<typeof benchmarkSchema>;

type Tools = Pick<EvaluationOptions, 'clip' | 'dino' | 'segmenterOf'>;

export type BenchmarkEvent =
  | { subject: string; variant: string; event: CustomizeEvent }
  | { subject: string; variant: string; pictures: number; of: number }
  | { cell: Cell; done: number; of: number };

/** Runs what is not done yet. Pictures whose mask is empty are left out of DINO-FG, and counted. */
export async function* runBenchmark(
  engine: Engine,
  model: DiffusionModel,
  recipe: BenchmarkRecipe,
  subjects: readonly LearnedSubject[],
  options: {
    out: string;
    name: string;
    versions: Record<string, string>;
    /** What scores pictures such as this one. */
    toolsFor: (picture: string) => Promise<Tools>;
    signal?: AbortSignal;
  },
): AsyncGenerator<BenchmarkEvent, SweepSummary> {
  const { out, name, versions, signal } = options;
  const { picturesPerPrompt, sampling, clip, dino, segmenter } = recipe;
  const of = subjects.length * recipe.variants.length;
  const cells: Cell[] = [];
  let tools: Tools | undefined;
  for (const subject of subjects)
    for (const variant of recipe.variants) {
      const at = { subject: subject.name, variant: variant.name };
      const own = learnedRecipe(recipe, variant, subject);
      const folder = join(out, subject.name, variant.name);
      const done = join(out, subject.name, `${variant.name}.json`);
      const settings = {
        ...own.recipe,
        images: subject.name,
        promptSet: own.promptSet,
        picturesPerPrompt,
        sampling,
        clip,
        dino,
        segmenter,
      };
      const earlier = await earlierResult<Cell>(done, settings);
      if (earlier !== undefined) {
        cells.push(earlier);
        continue;
      }
      const training = trainedRun({ engine, model, out: folder, versions, ...own, ...(signal && { signal }) });
      const run = yield* mapped(training, (event) => ({ ...at, event }));
      const drawing = drawPictures(engine, run, {
        prompts: subject.evaluationPrompts,
        perPrompt: picturesPerPrompt,
        out: join(folder, 'evaluation', 'pictures'),
        seed: own.recipe.seed,
        sampler: 'dpm++',
        ...sampling,
        ...(signal && { signal }),
      });
      const drawn = yield* mapped(drawing, ({ done, of }) => ({ ...at, pictures: done, of }));
      tools ??= await options.toolsFor(drawn[0]!.path);
      const scoring = evaluatePictures({
        ...tools,
        subjects: [
          {
            name: subject.name,
            className: own.recipe.class,
            token: own.recipe.token,
            references: await listImages(own.recipe.images),
            pictures: drawn,
          },
        ],
        out: join(folder, 'evaluation'),
        skipEmptyMasks: true,
        ...(signal && { signal }),
      });
      const { pictures, withoutMask } = await followed(scoring);
      const mean = (key: 'clipT' | 'dino' | 'dinoFg'): number => average(pictures.flatMap((one) => one[key] ?? []));
      const withoutSubject = { pictures: drawn.filter(({ path }) => withoutMask.includes(path)).length, of: drawn.length };
      const cell: Cell = { ...at, clipT: mean('clipT'), dino: mean('dino'), dinoFg: mean('dinoFg'), withoutSubject, settings };
      if (!Number.isFinite(cell.dinoFg))
        throw new UserError(
          `${folder}: no picture has a mask, so there is no DINO-FG: name another segmenter than ${segmenter ?? 'the default'}`,
          1,
        );
      await writeAtomically(done, `${JSON.stringify(cell)}\n`);
      cells.push(cell);
      yield { cell, done: cells.length, of };
    }
  const summary = summarize(cells, recipe);
  await writeAtomically(join(out, `${name}.json`), `${JSON.stringify(summary, undefined, 2)}\n`);
  return summary;
}
