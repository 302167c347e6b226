/** What recipes of tables and figures share: subjects, variants of a recipe, where the subjects come from. */
import * as z from 'zod';
import type { Recipe } from '../config.ts';
import { resultSchema } from './result.ts';
import { sweepSchema } from './sweep.ts';
import type { PromptSet, Sweep, SweepSubject } from './sweep.ts';

const { about, subjects, sampling, recipe, prompts, variants, paper } = sweepSchema.shape;

/** Keys of every kind of recipe that learns subjects under variants. */
export const sharedKeys = {
  about,
  subjects,
  benchmark: z
    .string()
    .optional()
    .describe(
      'folder of google/dreambooth’s dataset, or of CustomConcept101: the subjects are its own; bundled ones where nothing is said',
    ),
  sampling,
  recipe,
  prompts,
  variants: variants.unwrap(),
  paper,
  expected: resultSchema,
};

/** A subject of a recipe that also looks at what was learned. */
export interface LearnedSubject extends SweepSubject {
  /** Prompts with {subject} that the MLM objective does not see. */
  contextPrompts: readonly string[];
}

export type Variant = Sweep['variants'][number];

/** What one subject learns under one variant: the same as a table's recipe would make of it, so that they share runs. */
export function learnedRecipe(
  shared: { recipe: Sweep['recipe']; prompts: PromptSet },
  variant: Variant,
  subject: SweepSubject,
): { recipe: Recipe; prompts: readonly string[]; promptSet: PromptSet | undefined } {
  const recipe = subject.complete({ sampleEvery: 0, ...shared.recipe, ...variant.recipe });
  const promptSet = recipe.lambda === 0 ? undefined : (variant.prompts ?? shared.prompts);
  return { recipe, promptSet, prompts: promptSet === undefined ? [] : subject.richPrompts(promptSet) };
}
