/** Prompts as sets of words that say something: what likeness is measured by. */
import { singularOf } from './grammar/english.ts';
import { subjectMark } from './prompts.ts';

/** Words that carry no picture: articles, pronouns, the commonest prepositions, and what only says that this is a picture. */
const silent = new Set(
  `a an the of in on at by with and or to from for its his her their it is are was be been some this that these my one
  photo photograph picture image snapshot nice good detailed rendering`.split(/\s+/),
);
const same: Record<string, string> = {
  uniform: 'outfit', costume: 'outfit', clothes: 'outfit', spectacle: 'glasses', sunglasse: 'glasses', glasse: 'glasses', eyeglasse: 'glasses', cubic: 'cube', cubical: 'cube',
  grey: 'gray', seashore: 'beach', seaside: 'beach', violet: 'purple', scarlet: 'red', glossy: 'shiny', soaked: 'wet', drenched: 'wet', seaview: 'sea', cobbled: 'cobblestone', rainforest: 'jungle', snowy: 'snow',
  wooded: 'forest', woods: 'forest', cook: 'chef', fireman: 'firefighter', policeman: 'police', wizardry: 'wizard', carpet: 'rug',
}; // prettier-ignore

const base = (word: string): string => {
  const single = singularOf(word) ?? word;
  return same[single] ?? same[word] ?? single;
};

/** Lower-case words of a prompt, in order, the subject as `{subject}`. */
export const wordsOf = (prompt: string): string[] =>
  prompt
    .toLowerCase()
    .replaceAll(/\bon top of\b/g, 'on')
    .match(/\{subject\}|[\p{L}\p{N}]+/gu) ?? [];

/** The words that say something, in their base forms; the subject is left out. */
export const contentOf = (prompt: string): Set<string> =>
  new Set(
    wordsOf(prompt)
      .filter((word) => word !== subjectMark && !silent.has(word))
      .map(base),
  );

/** What is equal where two prompts differ only in case, spaces or punctuation. */
export const normalised = (prompt: string): string => wordsOf(prompt).join(' ');

export function jaccard(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  let common = 0;
  for (const word of a) if (b.has(word)) common++;
  return a.size + b.size === 0 ? 1 : common / (a.size + b.size - common);
}

/** Words right before the subject, back to its article: "a shiny old {subject}" → shiny, old. */
export function modifiersOf(prompt: string): string[] {
  const words = wordsOf(prompt);
  const out: string[] = [];
  for (let i = words.indexOf(subjectMark) - 1; i >= 0 && !silent.has(words[i]!); i--) out.unshift(base(words[i]!));
  return out;
}
