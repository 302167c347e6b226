/** Prompt files: one prompt a line, {subject} where the subject stands, # for comments. */
import { readFile } from 'node:fs/promises';
import { UserError } from '../errors.ts';
import { articleFor } from './grammar/english.ts';

export const subjectMark = '{subject}';

/** A file's lines that are neither empty nor comments. */
export const promptLines = (text: string): string[] =>
  text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));

const longestQuote = 80;

/** A line as messages quote it: its beginning, without what a terminal would obey. */
export function quoted(line: string): string {
  const start = Array.from(line.slice(0, 2 * longestQuote + 1));
  const shown = start
    .slice(0, longestQuote)
    .join('')
    .replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '\ufffd');
  return JSON.stringify(start.length > longestQuote ? `${shown}…` : shown);
}

/** A subject's name where it stands by itself: "sks" is none in "masks". */
function asWord(token: string): RegExp {
  const [before, after] = [
    /^[\p{L}\p{N}]/u.test(token) ? '(?<![\\p{L}\\p{N}])' : '',
    /[\p{L}\p{N}]$/u.test(token) ? '(?![\\p{L}\\p{N}])' : '',
  ];
  return new RegExp(`${before}${token.replace(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`)}${after}`, 'gu');
}

/** Prompts of a file, with {subject}. Throws a UserError that quotes the first line without a subject, or with two. */
export function parsePrompts(text: string, where: string, token: string): string[] {
  const lines = promptLines(text);
  if (lines.length === 0)
    throw new UserError(`${where} holds no prompts: one a line is expected, with ${subjectMark} where the subject stands`);
  const name = asWord(token);
  return lines.map((line) => {
    const marked = line
      .split(subjectMark)
      .map((part) => part.replace(name, subjectMark))
      .join(subjectMark);
    const count = marked.split(subjectMark).length - 1;
    if (count === 1) return marked;
    if (count === 0)
      throw new UserError(`${where}: ${quoted(line)} names no subject: put ${subjectMark} or ${token} where the subject stands`);
    throw new UserError(`${where}: ${quoted(line)} names the subject ${count} times: put ${subjectMark} or ${token} once`);
  });
}

export async function readPrompts(path: string, token: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch(() => {
    throw new UserError(`--prompts ${path} cannot be read: name a text file with one prompt a line`);
  });
  return parsePrompts(text, path, token);
}

/** A prompt about a subject: "<v> dog" while training and generating, "dog" for scoring; "a" becomes "an" where the word asks for it. */
export const withSubject = (prompt: string, subject: string): string =>
  /^\p{L}/u.test(subject) && articleFor(subject) === 'an'
    ? prompt.replaceAll(/\b([Aa]) \{subject\}/g, `$1n ${subject}`).replaceAll(subjectMark, subject)
    : prompt.replaceAll(subjectMark, subject);

/** Prompts whose subject is followed by its class ("<v> dog") with the subject alone, which says the class by itself. */
export const withoutClass = (prompts: readonly string[], className: string): string[] =>
  prompts.map((prompt) =>
    prompt
      .split(`${subjectMark} ${className}`)
      .reduce((before, after) => `${before}${subjectMark}${/^[\p{L}\p{N}]/u.test(after) ? ` ${className}` : ''}${after}`),
  );

/** Words that say nothing of a context by themselves. */
const functionWords = new Set(
  'a an the this that my one of in on at to by for with and or from as is are its it into over under near next top'.split(' '),
);

/** The words of a prompt that say something of its context, in lower case, the subject's mark aside. */
export const contentWords = (prompt: string): string[] =>
  prompt
    .replaceAll(subjectMark, ' ')
    .toLowerCase()
    .split(/\s+/)
    .map((word) => word.replace(/[^\p{L}\p{N}]/gu, ''))
    .filter((word) => word !== '' && !functionWords.has(word));
