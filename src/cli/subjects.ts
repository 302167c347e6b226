/** Subjects of recipes: bundled ones, or those of a benchmark's folder. */
import { UserError } from '../errors.ts';
import { readBenchmark } from '../evaluation/dreambooth.ts';
import type { LearnedSubject } from '../sweep/shared.ts';
import { grammarPrompts } from '../text/grammar/grammar.ts';
import { promptSet } from '../world/captions.ts';
import type { ClassName } from '../world/identity.ts';
import { isWorldClass } from './customize.ts';
import { bundledSubject, completeRecipe } from './bundled.ts';

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
    const { name, className, images, evaluationPrompts } = subject;
    return {
      name,
      evaluationPrompts,
      richPrompts: ({ source, count }) => {
        if (source === 'grammar') return grammar(className, count, 0);
        if (isWorldClass(className)) return promptSet(className, count);
        throw new UserError(`${where}: prompts.source is bundled, and none are bundled for the class ${className}: say grammar`);
      },
      contextPrompts: tiny && isWorldClass(className) ? heldOutPrompts(className) : heldOutSentences(className),
      complete: (partial) => completeRecipe({ ...partial, images, class: className }, where),
    };
  };
  if (recipe.benchmark === undefined) return recipe.subjects.map((name) => of(bundledSubject(name)));
  return (await readBenchmark(recipe.benchmark, recipe.subjects)).map(({ prompts, ...subject }) =>
    of({ ...subject, evaluationPrompts: prompts }),
  );
}
