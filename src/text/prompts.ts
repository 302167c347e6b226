/** Prompt files: one prompt a line, {subject} where the subject stands, # for comments. */
import { readFile } from 'node:fs/promises';
import { UserError } from '../errors.ts';

export const subjectMark = '{subject}';

export function parsePrompts(text: string, where: string, token: string): string[] {
  const lines = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  if (lines.length === 0)
    throw new UserError(`${where} holds no prompts: one a line is expected, with ${subjectMark} where the subject stands`);
  return lines.map((line) => {
    if (line.includes(token)) return line.replace(token, subjectMark);
    if (line.includes(subjectMark)) return line;
    throw new UserError(`${where}: "${line}" names no subject: put ${subjectMark} or ${token} where the subject stands`);
  });
}

export async function readPrompts(path: string, token: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch(() => {
    throw new UserError(`--prompts ${path} cannot be read: name a text file with one prompt a line`);
  });
  return parsePrompts(text, path, token);
}

/** A prompt about a subject: "<v> dog" while training and generating, "dog" for scoring. */
export const withSubject = (prompt: string, subject: string): string => prompt.replaceAll(subjectMark, subject);

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
