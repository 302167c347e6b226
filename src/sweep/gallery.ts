/** Figure 7 as a recipe: the same prompts and seeds under several methods, side by side. */
import { join } from 'node:path';
import * as z from 'zod';
import { drawPictures } from '../evaluation/run.ts';
import type { Engine } from '../graph/engine.ts';
import type { DiffusionModel } from '../models/load.ts';
import type { CustomizeEvent } from '../trainer/customize.ts';
import { mapped } from '../events.ts';
import { learnedRecipe, sharedKeys } from './shared.ts';
import type { LearnedSubject } from './shared.ts';
import { trainedRun } from './trained.ts';

const { paper: _, ...keys } = sharedKeys;

export const gallerySchema = z.strictObject({
  kind: z.literal('pictures'),
  ...keys,
  show: z
    .array(z.string().regex(/\{subject\}/, 'a prompt with {subject} is expected'))
    .min(1)
    .describe('prompts that are drawn, one picture each'),
});
export type GalleryRecipe = z.infer<typeof gallerySchema>;

/** Pictures of one subject under one variant, in the order of the prompts. */
export interface GalleryRow {
  subject: string;
  variant: string;
  pictures: string[];
}

export type GalleryEvent =
  | { subject: string; variant: string; event: CustomizeEvent }
  | { subject: string; variant: string; pictures: number; of: number };

/** Learns what is missing in `out`, and draws into `name`/ there what is not drawn yet. */
export async function* runGallery(
  engine: Engine,
  model: DiffusionModel,
  recipe: GalleryRecipe,
  subjects: readonly LearnedSubject[],
  options: { out: string; name: string; versions: Record<string, string>; signal?: AbortSignal },
): AsyncGenerator<GalleryEvent, GalleryRow[]> {
  const { out, name, versions, signal } = options;
  const rows: GalleryRow[] = [];
  for (const subject of subjects)
    for (const variant of recipe.variants) {
      const at = { subject: subject.name, variant: variant.name };
      const own = learnedRecipe(recipe, variant, subject);
      const folder = join(out, subject.name, variant.name);
      const training = trainedRun({ engine, model, out: folder, versions, ...own, ...(signal && { signal }) });
      const run = yield* mapped(training, (event) => ({ ...at, event }));
      const drawing = drawPictures(engine, run, {
        prompts: recipe.show,
        perPrompt: 1,
        out: join(out, name, subject.name, variant.name),
        seed: own.recipe.seed,
        sampler: 'dpm++',
        ...recipe.sampling,
        ...(signal && { signal }),
      });
      const pictures = yield* mapped(drawing, ({ done, of }) => ({ ...at, pictures: done, of }));
      rows.push({ ...at, pictures: pictures.map(({ path }) => path) });
    }
  return rows;
}
