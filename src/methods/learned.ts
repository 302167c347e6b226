/** What a method has learned of a subject. */
import type { Recipe } from '../config.ts';
import { UserError } from '../errors.ts';
import type { DiffusionModel } from '../models/load.ts';
import type { ClipTokenizer } from '../text/tokenizer.ts';
import type { Method, MethodSettings, Weights } from './method.ts';

export interface Learned {
  method: Method;
  settings: MethodSettings;
  /** The subject's name in prompts, in front of its class. */
  token: string;
  weights: Weights;
  /** The recipe that made it, where that is known. */
  recipe: Recipe | undefined;
}

/** The subject as prompts name it: "<v> dog". */
export const subjectOf = ({ token, recipe }: Learned): string => `${token} ${recipe?.class ?? ''}`.trim();

/** The model's tokenizer with the placeholders of what was learned, in its order. */
export function tokenizerFor(model: DiffusionModel, learned: readonly Learned[]): ClipTokenizer {
  return learned.reduce(
    (tokenizer, { method, token, settings, weights }) =>
      method.learnsToken ? withNewWord(tokenizer, token, settings.vectors, weights.concept!.shape[0]!) : tokenizer,
    model.tokenizer,
  );
}

/** A tokenizer with one new word more. Throws a UserError where the word has spaces or is known already. */
export function withNewWord(tokenizer: ClipTokenizer, token: string, vectors: number, rows: number = vectors): ClipTokenizer {
  if (/\s/.test(token)) throw new UserError(`--token "${token}" holds a space: choose one word, such as <v>`);
  if (tokenizer.placeholders.some((placeholder) => placeholder.token === token))
    throw new UserError(`two subjects are called ${token}: give them different tokens`);
  if (tokenizer.encode(token).length === 1)
    throw new UserError(`--token ${token} is a word that the model knows: choose another, such as <v>`);
  return tokenizer.withPlaceholder(token, vectors, rows);
}
