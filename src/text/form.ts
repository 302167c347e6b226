/** Whether a line may be a prompt at all: one subject, plain words, a bounded length. */
import { singularOf } from './grammar/english.ts';
import { subjectMark } from './prompts.ts';
import { wordsOf } from './words.ts';

export type FormFault =
  | 'no subject'
  | 'several subjects'
  | 'class word'
  | 'too short'
  | 'too long'
  | 'markup'
  | 'address'
  | 'control characters'
  | 'unknown word'
  | 'instruction';

export interface FormRules {
  /** The class that {subject} stands for: its last word must not stand beside it. */
  className?: string;
  /** Tokens of a text, without start and end. */
  tokens: (text: string) => number;
  /** Most tokens that a prompt may have, its subject counted as the class alone. */
  longest: number;
  /** The only words that a prompt may have beside its subject, in lower case, where the text encoder has read no others. */
  words?: ReadonlySet<string>;
}

/** Words that a prompt needs beside its subject's article. */
const fewestWords = 3;
/** Characters; what is longer is no prompt, and its words are not looked at. */
export const longestLine = 400;

/** Sentences that speak to a reader or a machine instead of describing a picture. */
const instructions =
  /\b(ignore (all|any|the|your|previous)|disregard|system prompt|previous instructions?|as an ai\b|language model|i('m| am) sorry|i can(no|')t|here (are|is) (the|your|a list)|sure[,!]|api key|password|click|subscribe|output only|\bjson\b|please (note|provide))/i;

/** The first of a prompt's words that the rules' vocabulary lacks. */
export const unknownWord = (words: readonly string[], { words: known }: Pick<FormRules, 'words'>): string | undefined =>
  known === undefined ? undefined : words.find((word) => word !== subjectMark && !known.has(word));

/** The first thing wrong with a line, or undefined. */
export function formFault(line: string, rules: FormRules): FormFault | undefined {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufffd]/.test(line)) return 'control characters';
  if (line.length > longestLine) return 'too long';
  const marks = line.split(subjectMark).length - 1;
  if (marks !== 1) return marks === 0 ? 'no subject' : 'several subjects';
  if (/https?:|www\.|\b[\w-]+\.(com|org|net|io|ai|ru)\b|@\w/i.test(line)) return 'address';
  if (/[<>[\]{}`*#|\\_=^~]|&\w+;|["“”]/.test(line.replace(subjectMark, ''))) return 'markup';
  if (instructions.test(line)) return 'instruction';
  const words = wordsOf(line);
  if (words.length < fewestWords) return 'too short';
  if (rules.className !== undefined) {
    const last = rules.className.toLowerCase().split(/\s+/).at(-1)!;
    const head = singularOf(last) ?? last;
    if (words.some((word) => word === last || word === head || singularOf(word) === head)) return 'class word';
  }
  if (unknownWord(words, rules) !== undefined) return 'unknown word';
  if (rules.tokens(line.replace(subjectMark, rules.className ?? 'subject')) > rules.longest) return 'too long';
  return undefined;
}

/** CLIP's tokens of a text without its vocabulary, rather too many: words of up to eight letters are one. */
export const estimatedTokens = (text: string): number =>
  (text.match(/\p{L}+|\p{N}|[^\s\p{L}\p{N}]+/gu) ?? []).reduce((sum, word) => sum + Math.ceil(word.length / 8), 0);

/** Tokens that CLIP takes beside start, end and a subject of so many vectors. */
export const clipRoom = (positions: number, vectors: number): number => positions - 2 - vectors;
