/** One subject, two methods: textual inversion without and with the MLM objective; all else the same. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseRecipe } from '../config.ts';
import type { Recipe } from '../config.ts';
import type { Judges, Scores } from '../evaluation/judges.ts';
import { scorePictures } from '../evaluation/judges.ts';
import { average } from '../evaluation/statistics.ts';
import { listImages, readSquare, toPlanes } from '../files/images.ts';
import type { Engine } from '../graph/engine.ts';
import type { DiffusionModel } from '../models/load.ts';
import { Pipeline } from '../sampler/pipeline.ts';
import { withSubject } from '../text/prompts.ts';
import { customize } from '../trainer/customize.ts';
import { pixelSize } from '../models/load.ts';
import type { CustomizeEvent } from '../trainer/customize.ts';

export interface ComparisonOptions {
  engine: Engine;
  model: DiffusionModel;
  judges: Judges;
  /** Recipe of both; its λ is the second method's. */
  recipe: Recipe;
  richPrompts: readonly string[];
  /** With {subject}. */
  evaluationPrompts: readonly string[];
  picturesPerPrompt: number;
  sampling: { steps: number; guidance: number };
  out: string;
  versions: Record<string, string>;
  signal?: AbortSignal;
}

export interface MethodResult extends Scores {
  name: 'ti' | 'ti+mlm';
  folder: string;
  /** Per picture, in the order of prompts, then of repetitions. */
  scores: Scores[];
  pictures: Float32Array[];
}

export type ComparisonEvent =
  | { method: MethodResult['name']; event: CustomizeEvent }
  | { method: MethodResult['name']; pictures: number; of: number };

/** Runs that were interrupted in `out` go on. */
export async function* compareMethods(options: ComparisonOptions): AsyncGenerator<ComparisonEvent, MethodResult[]> {
  const { engine, model, judges, recipe } = options;
  const size = pixelSize(model);
  const references: Float32Array[] = [];
  for (const path of await listImages(recipe.images)) references.push(toPlanes(await readSquare(path, size), size));
  const repeated = options.evaluationPrompts.flatMap((prompt) => Array.from({ length: options.picturesPerPrompt }, () => prompt));
  const results: MethodResult[] = [];
  const batch = 10;
  let pipeline: Pipeline | undefined;
  for (const name of ['ti', 'ti+mlm'] as const) {
    const folder = join(options.out, name);
    const own = parseRecipe({ ...recipe, lambda: name === 'ti' ? 0 : recipe.lambda });
    const training = customize({
      engine,
      model,
      recipe: own,
      prompts: options.richPrompts,
      out: folder,
      resume: existsSync(join(folder, 'run.json')),
      versions: options.versions,
      ...(options.signal && { signal: options.signal }),
    });
    let step = await training.next();
    for (; step.done !== true; step = await training.next()) yield { method: name, event: step.value };
    const learned = step.value;
    pipeline ??= await Pipeline.create(engine, model, batch, [learned]);
    await pipeline.use([learned]);
    const subject = `${recipe.token} ${recipe.class}`;
    const pictures: Float32Array[] = [];
    const prompts = repeated.map((prompt) => withSubject(prompt, subject));
    for await (const { pixels } of pipeline.generate({ prompts, seed: recipe.seed, sampler: 'dpm++', ...options.sampling })) {
      options.signal?.throwIfAborted();
      pictures.push(pixels);
      yield { method: name, pictures: pictures.length, of: prompts.length };
    }
    const scores = await scorePictures(
      judges,
      pictures,
      repeated.map((prompt) => withSubject(prompt, recipe.class)),
      references,
    );
    const mean = (key: keyof Scores): number => average(scores.map((score) => score[key]));
    results.push({ name, folder, scores, pictures, clipT: mean('clipT'), dino: mean('dino'), dinoFg: mean('dinoFg') });
  }
  await pipeline?.release();
  return results;
}
