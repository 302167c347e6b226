/** Whole recipes: what was asked for, and for the rest what suits the method and the model. */
import { parseRecipe, readKeys } from '../config.ts';
import type { Recipe } from '../config.ts';
import { methodOf } from './index.ts';

/** Settings that suit the embedded model, by method. */
const tinySettings: Record<string, Partial<Recipe>> = {
  ti: { steps: 400, vectors: 4, learningRate: 0.02 },
  xti: { steps: 300, vectors: 2, learningRate: 0.01 },
  dreambooth: { steps: 100, learningRate: 2e-4, ema: 0.9, priorCount: 40, lambda: 5e-4 },
  'custom-diffusion': {
    steps: 400,
    vectors: 2,
    learningRate: 2e-4,
    tokenLearningRate: 5e-3,
    priorCount: 40,
    scaledViews: false,
    lambda: 0.01,
  },
  lora: { steps: 250, rank: 8, learningRate: 3e-3, priorCount: 40 },
};
const tinyShared: Partial<Recipe> = { batchSize: 4, accumulation: 1, ema: 0.98, lambda: 0.05, sampleEvery: 100 };

/** Rich prompts of an update, where nothing is said. */
const promptsPerUpdate = 16;

/**
 * A whole recipe from the keys that are given: where a key is missing, what the embedded model needs, where it is the
 * model, then what the method usually takes, then the general defaults. It is what `contextura customize` runs for the
 * same keys. Batches are accumulated only where no batch size is given; an update's rich prompts are shared out among them.
 * Throws a UserError that names the first thing wrong; `where` says what held the keys.
 */
export function completeRecipe(given: Readonly<Record<string, unknown>>, where?: string): Recipe {
  const name = typeof given.method === 'string' ? given.method : 'ti';
  const method = methodOf(name);
  const tiny = (given.model ?? 'tiny') === 'tiny';
  const nothingOfText = !method.trainsText({ vectors: 1, rank: 4, loraText: given.loraText === true });
  const keys = {
    ...method.defaults,
    ...(tiny && { ...tinyShared, ...tinySettings[name] }),
    ...(given.batchSize !== undefined && { accumulation: 1 }),
    ...(nothingOfText && { lambda: 0 }),
    ...given,
  };
  const batches = Number(keys.accumulation ?? 1);
  return parseRecipe({ ...(batches > 0 && { promptBatch: Math.max(1, Math.round(promptsPerUpdate / batches)) }), ...keys }, where);
}

/** The recipe in a JSON file, completed. Throws a UserError where the file cannot be read or something in it is wrong. */
export const readRecipe = async (path: string): Promise<Recipe> => completeRecipe(await readKeys(path), path);
