/** Going on with a run: only as what it was. */
import { parseRecipe } from '../config.ts';
import type { Recipe } from '../config.ts';
import { UserError } from '../errors.ts';
import { openSafetensors, tensorOnDemand } from '../files/safetensors.ts';
import type { Weights } from '../methods/method.ts';
import { hasOtherPrompts, RunFolder } from './run-folder.ts';
import type { RunRecord } from './run-folder.ts';

/** Names under which two tables hold different things. */
const differing = (a: Record<string, string>, b: Record<string, string>): string[] =>
  [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((name) => a[name] !== b[name]);

/** A run to go on with. Throws a UserError where its recipe (not its number of steps), pictures or prompts are not what they were. */
export async function reopen(
  path: string,
  asked: RunRecord & { recipe: Recipe },
): Promise<{ run: RunFolder; record: RunRecord & { recipe: Recipe } }> {
  const { run, record: earlier } = await RunFolder.open(path);
  const former = parseRecipe(earlier.recipe, run.in('run.json'));
  // λ that the run measured when it began stands in its record, in the place of the one that was asked for.
  const recipe = asked.recipe.lambdaBalance > 0 ? { ...asked.recipe, lambda: former.lambda } : asked.recipe;
  const record = { ...asked, recipe };
  const before: Record<string, unknown> = { ...former };
  const other = Object.entries(record.recipe).find(
    ([key, value]) => key !== 'steps' && JSON.stringify(before[key]) !== JSON.stringify(value),
  );
  if (other !== undefined)
    throw new UserError(
      `the run in ${path} has ${other[0]} ${JSON.stringify(before[other[0]])}, not ${JSON.stringify(other[1])}: go on with its own recipe, or start a new run`,
    );
  const changed = [
    ...differing(earlier.inputs, record.inputs),
    ...(earlier.others === undefined ? [] : differing(earlier.others, record.others ?? {})),
    ...(earlier.base === undefined || earlier.base === record.base ? [] : [former.model]),
  ][0];
  if (changed !== undefined)
    throw new UserError(`${changed} is not what it was when the run in ${path} began: put it back as it was, or start a new run`);
  if (hasOtherPrompts(earlier, asked))
    throw new UserError(
      `the rich prompts${former.prompts === undefined ? '' : ` in ${former.prompts}`} are not what they were when the run in ${path} began: put them back as they were, or start a new run`,
    );
  const saved = (await run.checkpoints()).at(-1) ?? 0;
  if (record.recipe.steps < saved)
    throw new UserError(
      `--steps ${record.recipe.steps}: the run in ${path} is at step ${saved} already: name a later one, or start a new run`,
    );
  return { run, record: { ...earlier, recipe } };
}

/** The states of a checkpoint, read on demand. Throws a UserError where it is damaged. */
export async function statesOf(run: RunFolder, step: number): Promise<Weights> {
  const path = run.checkpoint(step);
  const file = await openSafetensors(path).catch((error: unknown) => {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`checkpoint ${path} is damaged: remove it, and the run goes on from the one before, or from its beginning`);
  });
  return Object.fromEntries([...file.tensors.keys()].map((name) => [name, tensorOnDemand(file, name)]));
}
