/** What the package brings along: subjects, their prompt sets, settings that suit the embedded model. */
import { parseRecipe } from '../config.ts';
import type { Recipe } from '../config.ts';
import { UserError } from '../errors.ts';
import { methodOf } from '../methods/index.ts';
import { evaluationPrompts, promptSet } from '../world/captions.ts';
import { classes } from '../world/identity.ts';
import type { ClassName } from '../world/identity.ts';
import { benchmarkSubjects } from '../world/sample.ts';
import { examplePath } from './terminal.ts';

/** Settings that suit the embedded model, by method. */
const tinySettings: Record<string, Partial<Recipe>> = {
  ti: { steps: 400, vectors: 4, learningRate: 0.02 },
  xti: { steps: 300, vectors: 2, learningRate: 0.01, accumulation: 1 },
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
const tinyShared: Partial<Recipe> = { batchSize: 4, promptBatch: 16, ema: 0.98, lambda: 0.05, sampleEvery: 100 };

/**
 * A whole recipe from the keys that were given: what the embedded model needs, where it is the model, then what the
 * method usually takes, then the general defaults.
 */
export function completeRecipe(given: Readonly<Record<string, unknown>>, where?: string): Recipe {
  const name = typeof given.method === 'string' ? given.method : 'ti';
  const method = methodOf(name);
  const tiny = (given.model ?? 'tiny') === 'tiny';
  const nothingOfText = !method.trainsText({ vectors: 1, rank: 4, loraText: given.loraText === true });
  return parseRecipe(
    {
      ...method.defaults,
      ...(tiny && tinyShared),
      ...(tiny && tinySettings[name]),
      ...(nothingOfText && { lambda: 0 }),
      ...given,
    },
    where,
  );
}

export interface BundledSubject {
  name: string;
  className: ClassName;
  images: string;
  /** Rich prompts of the MLM objective, with {subject}. */
  richPrompts: readonly string[];
  /** DreamBooth's 25, with {subject}. */
  evaluationPrompts: readonly string[];
}

/** A subject of examples/subjects. Throws a UserError that lists them where there is no such one. */
export function bundledSubject(name: string): BundledSubject {
  const subject = benchmarkSubjects.find((one) => one.name === name);
  if (subject === undefined)
    throw new UserError(`subject ${name} is not bundled: choose one of ${benchmarkSubjects.map((one) => one.name).join(', ')}`);
  const { className } = subject.identity;
  return {
    name,
    className,
    images: examplePath(`subjects/${name}`),
    richPrompts: promptSet(className, 200),
    evaluationPrompts: evaluationPrompts(classes[className]),
  };
}
