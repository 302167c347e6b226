/** One subject under several variants of a recipe: the same pictures, seeds and prompts, scored by the same judges. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Recipe } from '../config.ts';
import type { Judges, Scores } from '../evaluation/judges.ts';
import { scorePictures } from '../evaluation/judges.ts';
import { average } from '../evaluation/statistics.ts';
import { listImages, readSquare, toPlanes } from '../files/images.ts';
import type { Engine } from '../graph/engine.ts';
import { pixelSize } from '../models/load.ts';
import type { DiffusionModel } from '../models/load.ts';
import { KeptPipeline } from '../sampler/kept.ts';
import { withSubject } from '../text/prompts.ts';
import { customize } from '../trainer/customize.ts';
import type { CustomizeEvent } from '../trainer/customize.ts';

/** A name and the whole recipe that it stands for. */
export interface Variant {
  name: string;
  recipe: Recipe;
}

export interface ComparisonOptions {
  engine: Engine;
  model: DiffusionModel;
  judges: Judges;
  variants: readonly Variant[];
  richPrompts: readonly string[];
  /** With {subject}. */
  evaluationPrompts: readonly string[];
  picturesPerPrompt: number;
  sampling: { steps: number; guidance: number };
  /** Each variant has a run of its name in it. */
  out: string;
  versions: Record<string, string>;
  signal?: AbortSignal;
}

export interface VariantResult extends Scores {
  name: string;
  folder: string;
  /** Per picture, in the order of prompts, then of repetitions. */
  scores: Scores[];
  pictures: Float32Array[];
}

export type ComparisonEvent = { variant: string; event: CustomizeEvent } | { variant: string; pictures: number; of: number };

/** Learns and draws each variant in turn. Runs that were interrupted in `out` go on. */
export async function* compare(options: ComparisonOptions): AsyncGenerator<ComparisonEvent, VariantResult[]> {
  const { engine, model, judges, variants } = options;
  const size = pixelSize(model);
  const results: VariantResult[] = [];
  const pipelines = new KeptPipeline(engine, model, 10);
  const repeated = options.evaluationPrompts.flatMap((prompt) => Array.from({ length: options.picturesPerPrompt }, () => prompt));
  for (const { name, recipe } of variants) {
    const references: Float32Array[] = [];
    for (const path of await listImages(recipe.images)) references.push(toPlanes(await readSquare(path, size), size));
    const folder = join(options.out, name);
    const training = customize({
      engine,
      model,
      recipe,
      prompts: options.richPrompts,
      out: folder,
      resume: existsSync(join(folder, 'run.json')),
      versions: options.versions,
      ...(options.signal && { signal: options.signal }),
    });
    let step = await training.next();
    for (; step.done !== true; step = await training.next()) yield { variant: name, event: step.value };
    const pipeline = await pipelines.of(step.value);
    const prompts = repeated.map((prompt) => withSubject(prompt, `${recipe.token} ${recipe.class}`));
    const pictures: Float32Array[] = [];
    for await (const { pixels } of pipeline.generate({ prompts, seed: recipe.seed, sampler: 'dpm++', ...options.sampling })) {
      options.signal?.throwIfAborted();
      pictures.push(pixels);
      yield { variant: name, pictures: pictures.length, of: prompts.length };
    }
    const plain = repeated.map((prompt) => withSubject(prompt, recipe.class));
    const scores = await scorePictures(judges, pictures, plain, references);
    const mean = (key: keyof Scores): number => average(scores.map((score) => score[key]));
    results.push({ name, folder, scores, pictures, clipT: mean('clipT'), dino: mean('dino'), dinoFg: mean('dinoFg') });
  }
  await pipelines.release();
  return results;
}
