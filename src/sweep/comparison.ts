/** One subject under several variants of a recipe: the same pictures, seeds and prompts, scored by the same judges. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Recipe } from '../config.ts';
import type { Judges, Scores } from '../evaluation/judges.ts';
import { scorePictures } from '../evaluation/judges.ts';
import { average } from '../evaluation/statistics.ts';
import { readPlanes } from '../files/images.ts';
import type { Engine } from '../graph/engine.ts';
import { pixelSize } from '../models/load.ts';
import type { DiffusionModel } from '../models/load.ts';
import { KeptPipeline } from '../sampler/kept.ts';
import type { Pipeline } from '../sampler/pipeline.ts';
import { withSubject } from '../text/prompts.ts';
import { customize } from '../trainer/customize.ts';
import type { CustomizeEvent } from '../trainer/customize.ts';
import { mapped } from '../events.ts';

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
  /** The caller's, where it compares more than once: what was compiled for one is of use to the next. */
  pipelines?: KeptPipeline;
}

/** Pictures and their mean scores. */
export interface Scored extends Scores {
  /** Per picture, in the order of prompts, then of repetitions. */
  scores: Scores[];
  pictures: Float32Array[];
}

export interface VariantResult extends Scored {
  name: string;
  folder: string;
}

/** Pictures that a comparison draws in one batch. */
export const drawnAtOnce = 10;

export type ComparisonEvent = { variant: string; event: CustomizeEvent } | { variant: string; pictures: number; of: number };

/**
 * Draws with what was learned, `picturesPerPrompt` of each evaluation prompt, and scores every picture against the recipe's
 * photographs.
 */
export async function* drawAndScore(
  pipeline: Pipeline,
  judges: Judges,
  recipe: Recipe,
  options: Pick<ComparisonOptions, 'evaluationPrompts' | 'picturesPerPrompt' | 'sampling' | 'signal'> & { size: number },
): AsyncGenerator<{ pictures: number; of: number }, Scored> {
  const { evaluationPrompts, picturesPerPrompt, sampling, signal, size } = options;
  const repeated = evaluationPrompts.flatMap((prompt) => Array.from({ length: picturesPerPrompt }, () => prompt));
  const prompts = repeated.map((prompt) => withSubject(prompt, `${recipe.token} ${recipe.class}`));
  const pictures: Float32Array[] = [];
  for await (const { pixels } of pipeline.generate({ prompts, seed: recipe.seed, sampler: 'dpm++', ...sampling, signal })) {
    pictures.push(pixels);
    yield { pictures: pictures.length, of: prompts.length };
  }
  const plain = repeated.map((prompt) => withSubject(prompt, recipe.class));
  const scores = await scorePictures(judges, pictures, plain, await readPlanes(recipe.images, size));
  const mean = (key: keyof Scores): number => average(scores.map((score) => score[key]));
  return { pictures, scores, clipT: mean('clipT'), dino: mean('dino'), dinoFg: mean('dinoFg') };
}

/** Learns and draws each variant in turn. Runs that were interrupted in `out` go on. */
export async function* compare(options: ComparisonOptions): AsyncGenerator<ComparisonEvent, VariantResult[]> {
  const { engine, model, judges, variants } = options;
  const size = pixelSize(model);
  const results: VariantResult[] = [];
  const pipelines = options.pipelines ?? new KeptPipeline(engine, model, drawnAtOnce);
  for (const { name, recipe } of variants) {
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
    const pipeline = await pipelines.of(yield* mapped(training, (event) => ({ variant: name, event })));
    const scored = yield* mapped(drawAndScore(pipeline, judges, recipe, { ...options, size }), (done) => ({ variant: name, ...done }));
    results.push({ name, folder, ...scored });
  }
  if (options.pipelines === undefined) await pipelines.release();
  return results;
}
