/** Exact and near duplicates in a set, and near matches with the evaluation's prompts. */
import { dreamboothPrompts } from './benchmark.ts';
import { contentOf, jaccard, modifiersOf, normalised } from './words.ts';

/** From this Jaccard index of their words on, two prompts are near duplicates. */
export const nearDuplicate = 0.8;
/** From this one on, a prompt is a near match of an evaluation prompt. */
export const nearMatch = 0.6;

/** Prompts so far, asked whether one more says anything new. */
export class PromptIndex {
  private readonly exact = new Map<string, string>();
  private readonly byWord = new Map<string, number[]>();
  private readonly entries: { prompt: string; words: ReadonlySet<string> }[] = [];

  get size(): number {
    return this.entries.length;
  }

  /** The prompt that this one repeats, exactly or nearly. */
  match(prompt: string): { prompt: string; exact: boolean } | undefined {
    const equal = this.exact.get(normalised(prompt));
    if (equal !== undefined) return { prompt: equal, exact: true };
    const words = contentOf(prompt);
    const common = new Map<number, number>();
    for (const word of words) for (const i of this.byWord.get(word) ?? []) common.set(i, (common.get(i) ?? 0) + 1);
    for (const [i, count] of common) {
      const other = this.entries[i]!;
      if (count / (words.size + other.words.size - count) >= nearDuplicate) return { prompt: other.prompt, exact: false };
    }
    return undefined;
  }

  add(prompt: string): void {
    const words = contentOf(prompt);
    const i = this.entries.push({ prompt, words }) - 1;
    this.exact.set(normalised(prompt), prompt);
    for (const word of words) {
      const known = this.byWord.get(word);
      if (known === undefined) this.byWord.set(word, [i]);
      else known.push(i);
    }
  }
}

const all = [...new Set([...dreamboothPrompts.object, ...dreamboothPrompts.live])];
/** "a red {subject}": the words stand before the subject. */
const attributes = all.filter((prompt) => prompt.endsWith('{subject}')).map((prompt) => ({ prompt, words: new Set(modifiersOf(prompt)) }));
const scenes = all.filter((prompt) => !prompt.endsWith('{subject}')).map((prompt) => ({ prompt, words: contentOf(prompt) }));

/**
 * The evaluation prompt that a prompt gives away: it holds all its telling words, or nearly the same
 * words; "a red {subject}" is given away by red right before the subject, not by red elsewhere.
 */
export function leakOf(prompt: string): string | undefined {
  const modifiers = new Set(modifiersOf(prompt));
  const attribute = attributes.find(({ words }) => modifiers.has([...words][0]!));
  if (attribute !== undefined) return attribute.prompt;
  const words = contentOf(prompt);
  return scenes.find((scene) => [...scene.words].every((word) => words.has(word)) || jaccard(scene.words, words) >= nearMatch)?.prompt;
}
