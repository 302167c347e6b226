/** What a language model answers → lines that may be prompts. Answers are never trusted: each line is judged later. */
import { singularOf } from './grammar/english.ts';
import { subjectMark } from './prompts.ts';

function strings(value: unknown): string[] | undefined {
  if (Array.isArray(value)) {
    const texts = value.map((item: unknown) => {
      if (typeof item === 'string') return item;
      if (typeof item === 'object' && item !== null) return Object.values(item).find((v): v is string => typeof v === 'string');
      return undefined;
    });
    return texts.filter((text) => text !== undefined);
  }
  if (typeof value !== 'object' || value === null) return undefined;
  for (const inner of Object.values(value)) {
    const found = Array.isArray(inner) ? strings(inner) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

const parsed = (text: string): string[] | undefined => {
  try {
    return strings(JSON.parse(text));
  } catch {
    return undefined;
  }
};

/** The strings of an answer: JSON, JSON inside other text, JSON that was cut off, or plain lines. */
export function answerLines(answer: string): string[] {
  const text = answer
    .replace(/<think>[\s\S]*?(<\/think>|$)/g, '')
    .replace(/```(?:json)?/g, '')
    .trim();
  const whole = parsed(text);
  if (whole !== undefined) return whole;
  for (const [open, close] of [
    ['{', '}'],
    ['[', ']'],
  ] as const) {
    const inner = parsed(text.slice(text.indexOf(open), text.lastIndexOf(close) + 1));
    if (inner !== undefined && inner.length > 0) return inner;
  }
  const array = text.indexOf('[');
  if (array >= 0) {
    const complete = [...text.slice(array).matchAll(/"((?:[^"\\\n]|\\.)*)"/g)].flatMap(([quoted]) => {
      try {
        return [JSON.parse(quoted) as string];
      } catch {
        return [];
      }
    });
    if (complete.length > 0) return complete;
  }
  return text.split('\n');
}

/** A line without list marks, quotes and a full stop; the subject's mark put right where it is plain what was meant. */
export function tidyLine(line: string, className: string): string {
  const last = className.split(' ').at(-1) ?? className;
  const head = singularOf(last) ?? last;
  const names = `(?:${[...new Set([className, last, head])].map((name: string) => name.replace(/[^\p{L}\p{N} -]/gu, '')).join('|')})`;
  let text = line
    .trim()
    .replace(/^(?:[-*•]|\d{1,3}[.)])\s+/, '')
    .replace(/^["'“”]+|["'“”,]+$/g, '')
    .replace(/\.$/, '')
    .replace(/[’‘]/g, "'")
    .replace(/[\u2013\u2014]/g, '-')
    .replace(/ {2,}/g, ' ')
    .replace(/\{\{\s*subject\s*\}\}|[{[<]\s*subject\s*[}\]>]/gi, subjectMark)
    .replace(new RegExp(`\\{subject\\} ${names}\\b(?!')`, 'i'), subjectMark)
    .replace(/\ban \{subject\}/gi, `a ${subjectMark}`);
  if (!text.includes(subjectMark)) {
    const named = [...text.matchAll(new RegExp(`\\b${names}\\b`, 'gi'))];
    if (named.length === 1) text = text.replace(named[0]![0]!, subjectMark);
  }
  return /^[A-Z] |^[A-Z][a-z]+ /.test(text) ? text[0]!.toLowerCase() + text.slice(1) : text;
}
