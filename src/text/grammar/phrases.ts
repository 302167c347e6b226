/** Phrases and where they can happen. */

/**
 * What a phrase agrees with: any place; `open`, any place outdoors; `out` and `in`, an hour outdoors or
 * indoors and no other place, since it says enough of its own; `own`, neither place nor hour.
 */
export type Where = 'any' | 'open' | 'out' | 'in' | 'own';

export interface Phrase {
  words: string;
  where: Where;
}

/** Items of a text, parted by semicolons. */
export const list = (text: string): readonly string[] =>
  text
    .split(';')
    .map((item) => item.trim().replace(/\s+/g, ' ').replaceAll('’', "'"))
    .filter((item) => item !== '');

export const phrases = (texts: Partial<Record<Where, string>>): readonly Phrase[] =>
  (Object.entries(texts) as [Where, string][]).flatMap(([where, text]) => list(text).map((words) => ({ words, where })));
