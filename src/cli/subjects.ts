/** Subjects of recipes: bundled ones, or those of a benchmark's folder. */
import { UserError } from '../errors.ts';
import { completeRecipe } from '../methods/recipe.ts';
import { readBenchmark } from '../evaluation/dreambooth.ts';
import type { LearnedSubject } from '../sweep/shared.ts';
import { readPrompts, withoutClass } from '../text/prompts.ts';
import { grammarPrompts } from '../text/grammar/grammar.ts';
import { evaluationPrompts, promptSet } from '../world/captions.ts';
import { classes } from '../world/identity.ts';
import type { ClassName } from '../world/identity.ts';
import { isWorldClass } from './customize.ts';
import { bundledSubject } from '../world/bundled.ts';

const grammar = (className: string, count: number, seed: number): string[] =>
  grammarPrompts(className, { count, seed }).map(({ prompt }) => prompt);

/** Prompts of the picture world that no bundled prompt set trains on. */
export function heldOutPrompts(className: ClassName): readonly string[] {
  const trained = new Set(promptSet(className, 200));
  return promptSet(className, Infinity).filter((prompt) => !trained.has(prompt));
}

/** The grammar's, where the model is another than the embedded one. */
function heldOutSentences(className: string): readonly string[] {
  const trained = new Set(grammar(className, 200, 0));
  return grammar(className, 1000, 1).filter((prompt) => !trained.has(prompt));
}

/** The subjects that a recipe names. Throws a UserError for one that is not there. */
export async function subjectsFor(
  recipe: { subjects: readonly string[]; benchmark?: string | undefined; recipe: { model?: string | undefined } },
  where: string,
): Promise<LearnedSubject[]> {
  const tiny = (recipe.recipe.model ?? 'tiny') === 'tiny';
  const of = (subject: { name: string; className: string; images: string; evaluationPrompts: readonly string[] }): LearnedSubject => {
    const { name, className, images } = subject;
    return {
      name,
      evaluationPrompts: subject.evaluationPrompts,
      richPrompts: ({ source, count, evaluatedContexts }) => {
        if (source === 'grammar' && evaluatedContexts === undefined) return grammar(className, count, 0);
        if (source === 'grammar') throw new UserError(`${where}: prompts.evaluatedContexts tells of bundled prompts, not of the grammar’s`);
        if (isWorldClass(className)) return promptSet(className, count, 0, evaluatedContexts);
        throw new UserError(`${where}: prompts.source is bundled, and none are bundled for the class ${className}: say grammar`);
      },
      // Asked for by few recipes, and slow to make.
      get contextPrompts() {
        return tiny && isWorldClass(className) ? heldOutPrompts(className) : heldOutSentences(className);
      },
      complete: (partial) => completeRecipe({ ...partial, images, class: className }, where),
    };
  };
  if (recipe.benchmark === undefined) return recipe.subjects.map((name) => of(bundledSubject(name)));
  return (await readBenchmark(recipe.benchmark, recipe.subjects)).map(({ prompts, ...subject }) =>
    of({ ...subject, evaluationPrompts: prompts }),
  );
}

/** Prompts that an evaluation draws: of a file, DreamBooth's 25 of a kind, or those of the class's kind. */
export async function promptsFor(given: string | undefined, className: string, token: string): Promise<readonly string[]> {
  if (given === 'live' || given === 'object') return evaluationPrompts(given);
  if (given !== undefined) return withoutClass(await readPrompts(given, token), className);
  const kind = (classes as Partial<Record<string, 'live' | 'object'>>)[className];
  if (kind === undefined)
    throw new UserError(
      `--prompts is missing: name a file, or live or object for DreamBooth's 25 (the class ${className} does not tell which)`,
    );
  return evaluationPrompts(kind);
}
