/** What a method has learned of a subject. */
import type { Recipe } from '../config.ts';
import { UserError } from '../errors.ts';
import type { DiffusionModel } from '../models/load.ts';
import { quoted } from '../text/prompts.ts';
import type { ClipTokenizer } from '../text/tokenizer.ts';
import type { Method, MethodSettings, Weights } from './method.ts';

export interface Word {
  token: string;
  className: string | undefined;
}

export interface Learned {
  method: Method;
  settings: MethodSettings;
  /** The subjects' names in prompts, and their classes where they are known; usually one. */
  words: readonly Word[];
  weights: Weights;
  /** The recipe that made it, where that is known. */
  recipe: Recipe | undefined;
  /** Fingerprint of the model that it was learned on, where that is not the model that it is read with. */
  base?: string;
}

/** A subject as prompts name it: "<v> dog". */
export const nameOf = ({ token, className = '' }: Word): string => `${token} ${className}`.trim();
export const subjectOf = ({ words }: Pick<Learned, 'words'>): string => nameOf(words[0]!);

/** The model's tokenizer with the placeholders of what was learned, in its order. */
export function tokenizerFor(model: DiffusionModel, learned: readonly Learned[]): ClipTokenizer {
  return learned.reduce(
    (tokenizer, { method, words, settings, weights }) =>
      method.learnsToken
        ? withNewWords(
            tokenizer,
            words.map(({ token }) => token),
            settings.vectors,
            weights.concept!.shape[0]!,
          )
        : tokenizer,
    model.tokenizer,
  );
}

/** A tokenizer with new words that share `vectors` ids, out of `rows` that the last one takes. */
export function withNewWords(tokenizer: ClipTokenizer, tokens: readonly string[], vectors: number, rows: number): ClipTokenizer {
  const each = vectors / tokens.length;
  return tokens.reduce((all, token, i) => withNewWord(all, token, each, i === tokens.length - 1 ? rows - i * each : each), tokenizer);
}

/** A tokenizer with one new word more. Throws a UserError where the word cannot name a file, or is known already. */
function withNewWord(tokenizer: ClipTokenizer, token: string, vectors: number, rows: number): ClipTokenizer {
  if (/[\p{Cc}\\/:]/u.test(token))
    throw new UserError(`--token ${quoted(token)} cannot name a file, as it should: choose a word without slashes and colons, such as <v>`);
  if (/\s/.test(token)) throw new UserError(`--token "${token}" holds a space: choose one word, such as <v>`);
  if (tokenizer.placeholders.some((placeholder) => placeholder.token === token))
    throw new UserError(`two subjects are called ${token}: give them different tokens`);
  if (tokenizer.encode(token).length === 1)
    throw new UserError(`--token ${token} is a word that the model knows: choose another, such as <v>`);
  return tokenizer.withPlaceholder(token, vectors, rows);
}
