/** Runs that recipes of tables and figures share: learned where they are missing, taken over where they are there. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseRecipe } from '../config.ts';
import type { Recipe } from '../config.ts';
import { UserError } from '../errors.ts';
import { readRun } from '../evaluation/run.ts';
import type { CustomizedRun } from '../evaluation/run.ts';
import { richPrompts } from '../trainer/prepare.ts';
import { hashOf, hasOtherPrompts, promptsRecord } from '../trainer/run-folder.ts';
import type { RunRecord } from '../trainer/run-folder.ts';
import type { Engine } from '../graph/engine.ts';
import type { DiffusionModel } from '../models/load.ts';
import { customize } from '../trainer/customize.ts';
import type { CustomizeEvent } from '../trainer/customize.ts';

export interface TrainedOptions {
  engine: Engine;
  model: DiffusionModel;
  recipe: Recipe;
  /** Rich prompts of the MLM objective, with {subject}. */
  prompts: readonly string[];
  out: string;
  versions: Record<string, string>;
  signal?: AbortSignal;
}

/** Keys that change nothing of what is learned. λ that was measured differs from the λ that was asked for. */
const free = (recipe: Recipe): ReadonlySet<string> =>
  new Set(['images', 'sampleEvery', 'checkpointEvery', 'keepCheckpoints', ...(recipe.lambdaBalance > 0 ? ['lambda'] : [])]);

/**
 * A finished run of `recipe` in `out`: the one that is there, or one that is learned now, or to its end. Throws a UserError
 * where the run that is there was learned otherwise.
 */
export async function* trainedRun(options: TrainedOptions): AsyncGenerator<CustomizeEvent, CustomizedRun> {
  const { engine, model, recipe, prompts, out, versions, signal } = options;
  const record = join(out, 'run.json');
  if (existsSync(record) && existsSync(join(out, 'artefact'))) {
    const earlier = JSON.parse(await readFile(record, 'utf8')) as RunRecord;
    const before: Record<string, unknown> = { ...parseRecipe(earlier.recipe, record) };
    const skipped = free(recipe);
    const asked: Record<string, unknown> = { ...recipe };
    const other = [...new Set([...Object.keys(before), ...Object.keys(asked)])].find(
      (key) => !skipped.has(key) && JSON.stringify(before[key]) !== JSON.stringify(asked[key]),
    );
    if (other !== undefined)
      throw new UserError(
        `the run in ${out} has ${other} ${JSON.stringify(before[other])}, not ${JSON.stringify(asked[other])} as this recipe asks for: choose another --out`,
      );
    if (hasOtherPrompts(earlier, promptsRecord(await richPrompts(recipe, prompts))))
      throw new UserError(`the run in ${out} was learned with other rich prompts than this recipe names: choose another --out`);
    return readRun(out, recipe, () => model);
  }
  const resume = existsSync(record);
  yield* customize({ engine, model, recipe, prompts, out, resume, versions, ...(signal && { signal }) });
  return readRun(out, recipe, () => model);
}

/** Changes with what was learned, by the bytes of its checkpoint or artefact. */
export async function contentOf(path: string): Promise<string> {
  const hash = await hashOf(path).catch(() => {
    throw new UserError(`${path} is missing: remove the run that it belongs to, and it is learned again`);
  });
  return hash.slice(0, 16);
}
