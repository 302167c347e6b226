/** Emphasis in prompts as AUTOMATIC1111's web UI writes it: (more), [less], (exactly:1.3), and what it does to text states. */
import type { ClipTokenizer } from './tokenizer.ts';

export interface Emphasised {
  text: string;
  weight: number;
}

const step = 1.1;
const written = /^:\s*([+-]?(?:\d+\.?\d*|\.\d+))\s*\)/;

/**
 * The parts of a prompt and their weights. Brackets nest and weights multiply; a backslash makes a bracket, or another
 * backslash, an ordinary character; a bracket that is never closed holds to the end, and one that was never opened is text.
 */
export function parseEmphasis(prompt: string): Emphasised[] {
  const parts: Emphasised[] = [];
  const open: { bracket: string; from: number }[] = [];
  let text = '';
  const flush = (): void => {
    if (text !== '') parts.push({ text, weight: 1 });
    text = '';
  };
  const close = (from: number, factor: number): void => {
    flush();
    for (const part of parts.slice(from)) part.weight *= factor;
  };
  for (let i = 0; i < prompt.length;) {
    const character = prompt[i]!;
    const last = open.at(-1);
    const weight = last?.bracket === '(' ? written.exec(prompt.slice(i)) : null;
    if (character === '\\' && /[()[\]\\]/.test(prompt[i + 1] ?? '')) {
      text += prompt[i + 1]!;
      i += 2;
      continue;
    }
    if (character === '(' || character === '[') {
      flush();
      open.push({ bracket: character, from: parts.length });
    } else if (weight !== null) {
      close(open.pop()!.from, Number(weight[1]));
      i += weight[0].length;
      continue;
    } else if ((character === ')' && last?.bracket === '(') || (character === ']' && last?.bracket === '['))
      close(open.pop()!.from, character === ')' ? step : 1 / step);
    else text += character;
    i++;
  }
  for (const { bracket, from } of open.toReversed()) close(from, bracket === '(' ? step : 1 / step);
  flush();
  return parts.reduce<Emphasised[]>((merged, part) => {
    const before = merged.at(-1);
    if (before !== undefined && before.weight === part.weight) before.text += part.text;
    else merged.push(part);
    return merged;
  }, []);
}

/** The same text with nothing in it that parseEmphasis takes for emphasis. */
export const escapeEmphasis = (text: string): string => text.replaceAll(/[()[\]\\]/g, (character) => `\\${character}`);

/** A prompt's ids, and each position's weight: 1 where nothing is emphasised, at the start, the end and in the padding. */
export function emphasisedIds(prompt: string, tokenizer: ClipTokenizer, length: number): { ids: Int32Array; weights: Float32Array } {
  const parts = parseEmphasis(prompt);
  // Parts of one weight are one text, so that a plain prompt is tokenized whole.
  const tokens = parts.flatMap(({ text, weight }) => tokenizer.encode(text).map((id) => ({ id, weight })));
  const kept = tokens.slice(0, length - 2);
  const ids = tokenizer.pad('', length);
  const padding = ids.at(-1)!;
  const full = [tokenizer.start, ...kept.map(({ id }) => id), tokenizer.end];
  const weights = new Float32Array(length).fill(1);
  kept.forEach(({ weight }, i) => (weights[i + 1] = weight));
  return { ids: ids.map((_, i) => full[i] ?? padding), weights };
}

/** One prompt's states [T, D], each position times its weight, then all scaled so that their mean stays what it was. */
export function applyEmphasis(states: Float32Array, weights: Float32Array): Float32Array {
  if (weights.every((weight) => weight === 1)) return states;
  const width = states.length / weights.length;
  const weighted = states.map((x, i) => x * weights[Math.floor(i / width)]!);
  const sum = (values: Float32Array): number => values.reduce((a, x) => a + x, 0);
  const [before, after] = [sum(states), sum(weighted)];
  if (after === 0) return weighted;
  const scale = before / after;
  return weighted.map((x) => x * scale);
}
