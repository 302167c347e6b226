/** Pictures of a subject's class that stand beside its own (prior preservation): given, or drawn by the model as it is. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { subjectsOf } from '../config.ts';
import type { Recipe } from '../config.ts';
import { countUnencoded } from '../dataset/latents.ts';
import type { View } from '../dataset/views.ts';
import { UserError } from '../errors.ts';
import { listImages, readSquare, toBytes, writePng } from '../files/images.ts';
import type { Engine } from '../graph/engine.ts';
import { pixelSize } from '../models/load.ts';
import type { DiffusionModel } from '../models/load.ts';
import { Pipeline } from '../sampler/pipeline.ts';
import { drawnTogether, usualGuidance } from '../sampler/usual.ts';
import { about } from '../text/templates.ts';
import type { RunFolder } from './run-folder.ts';

export const priorSteps = 20;

/** Paths of pictures of a class that a folder holds. Throws a UserError where they are too few. */
export async function givenPrior(folder: string, count: number): Promise<string[]> {
  const paths = await listImages(folder, '--prior-images');
  if (paths.length < count)
    throw new UserError(
      `--prior-images ${folder} holds ${paths.length} pictures, --prior-count asks for ${count}: add some, or ask for fewer`,
    );
  return paths.slice(0, count);
}

export const priorClasses = (recipe: Recipe): string[] =>
  recipe.priorCount === 0 ? [] : [...new Set(subjectsOf(recipe).map((subject) => subject.class))];

/** Where a run keeps the pictures of a class that it draws. */
function priorPaths(run: RunFolder, { class: first, priorCount }: Recipe, className: string): string[] {
  const folder = className === first ? run.in('prior') : run.in('prior', className.replaceAll(/\W+/g, '-'));
  return Array.from({ length: priorCount }, (_, i) => join(folder, `${String(i).padStart(4, '0')}.png`));
}

async function readViews(paths: readonly string[], size: number): Promise<View[]> {
  const views: View[] = [];
  for (const path of paths) views.push({ pixels: await readSquare(path, size) });
  return views;
}

/** Pictures of classes that a run is still to make ready. */
export interface MissingPrior {
  /** To be drawn, by class. */
  drawn: number[];
  /** About how many of all classes are to be encoded: of those at hand, a few are looked at and stand for the others. */
  encoded: number;
}

const lookedAt = 4;

/** What is missing of the pictures of classes: all of them, where the run has not begun and none are given. */
export async function missingPrior(
  engine: Engine,
  model: DiffusionModel,
  run: RunFolder | undefined,
  recipe: Recipe,
): Promise<MissingPrior> {
  const { priorCount, priorImages } = recipe;
  const missing: MissingPrior = { drawn: [], encoded: 0 };
  for (const className of priorClasses(recipe)) {
    const own = run === undefined ? [] : priorPaths(run, recipe, className).filter((path) => existsSync(path));
    const atHand = priorImages === undefined ? own : await givenPrior(priorImages, priorCount);
    const some = atHand.filter((_, i) => i % Math.ceil(atHand.length / lookedAt) === 0);
    const views = await readViews(some, pixelSize(model));
    const unencoded = await countUnencoded(
      engine,
      model,
      views.map(({ pixels }) => pixels),
    );
    if (priorImages === undefined) missing.drawn.push(priorCount - atHand.length);
    missing.encoded += priorCount - atHand.length + Math.round((unencoded / Math.max(1, some.length)) * atHand.length);
  }
  return missing;
}

/** Pictures of a class: those of a folder, or drawn by the model as it is, into the run's folder, those there already aside. */
export async function* classPictures(
  engine: Engine,
  model: DiffusionModel,
  recipe: Recipe,
  className: string,
  run: RunFolder,
  signal?: AbortSignal,
): AsyncGenerator<{ done: number; of: number }, View[]> {
  const size = pixelSize(model);
  const { priorCount, priorImages } = recipe;
  if (priorImages !== undefined) return readViews(await givenPrior(priorImages, priorCount), size);
  const paths = priorPaths(run, recipe, className);
  const missing = [...paths.keys()].filter((i) => !existsSync(paths[i]!));
  if (missing.length > 0) {
    const pipeline = await Pipeline.create(engine, model, drawnTogether(model, missing.length));
    const prompt = about('a photo of a {}', className);
    const options = {
      prompts: missing.map(() => prompt),
      indices: missing,
      seed: recipe.seed + 1,
      sampler: 'dpm++',
      steps: priorSteps,
    } as const;
    let drawn = 0;
    try {
      for await (const { index, pixels } of pipeline.generate({ ...options, guidance: usualGuidance(model), signal })) {
        await writePng(paths[missing[index]!]!, toBytes(pixels, size), size);
        yield { done: ++drawn, of: missing.length };
      }
    } finally {
      await pipeline.release();
    }
  }
  return readViews(paths, size);
}
