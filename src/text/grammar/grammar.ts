/** The built-in prompt grammar: a contextually diverse set for any class, without a language model. */
import { Random } from '../../graph/random.ts';
import { leakOf, PromptIndex } from '../likeness.ts';
import { wordsOf } from '../words.ts';
import { Composer, contextTypes } from './compose.ts';
import type { ContextType, Draft } from './compose.ts';
import { singularOf } from './english.ts';
import { lookUp } from './lexicon.ts';
import type { Noun } from './lexicon.ts';

export { contextTypes } from './compose.ts';
export type { ContextType } from './compose.ts';

export const grammarVersion = 2;

export interface TypedPrompt {
  prompt: string;
  type: ContextType;
}

export interface GrammarOptions {
  count: number;
  seed?: number;
  types?: readonly ContextType[];
  /** A class whose vocabulary to use, where the lexicon lacks the class itself. */
  like?: string;
  /** Another concept of the same picture: every prompt then holds it too. */
  conceptOf?: string;
  /** Whether a prompt has room, where there is a bound. */
  fits?: (prompt: string) => boolean;
  /** Prompts that are there already: none is repeated. */
  known?: PromptIndex;
}

/** Each round asks every core once for a sentence that is new; a core that often fails is given up. */
const patience = 12;

class Source {
  private queue: Draft[] = [];
  private alive: Draft[];
  private readonly fails = new Map<Draft, number>();
  private readonly random: Random;
  constructor(drafts: Draft[], random: Random) {
    this.alive = drafts;
    this.random = random;
  }
  next(accept: (prompt: string) => boolean): string | undefined {
    while (this.alive.length > 0) {
      if (this.queue.length === 0) this.queue = Array.from(this.random.permutation(this.alive.length), (i) => this.alive[i]!);
      const draft = this.queue.pop()!;
      const prompt = draft(this.random);
      if (accept(prompt)) {
        this.fails.set(draft, 0);
        return prompt;
      }
      const fails = (this.fails.get(draft) ?? 0) + 1;
      this.fails.set(draft, fails);
      if (fails >= patience) this.alive = this.alive.filter((one) => one !== draft);
    }
    return undefined;
  }
}

/** A class's noun, with the vocabulary of another class where one is named. */
function nounOf(className: string, like: string | undefined): Noun {
  const noun = lookUp(className);
  if (like === undefined) return noun;
  const { kind, pronouns, known } = lookUp(like);
  return { ...noun, kind, known, pronouns: noun.number === 'one' ? pronouns : noun.pronouns };
}

/**
 * Up to `count` prompts about a class, types in turn, each with one {subject}; no two alike, none a
 * near match of an evaluation prompt, none that names the class beside the subject. The same seed
 * gives the same prompts. Fewer come back only where the grammar has no more to say.
 */
export function grammarPrompts(className: string, options: GrammarOptions): TypedPrompt[] {
  const { count, seed = 0, types = contextTypes, conceptOf, known = new PromptIndex() } = options;
  const noun = nounOf(className, options.like);
  const random = new Random(seed).fork('grammar', noun.words);
  const composer = new Composer(noun);
  const head = singularOf(noun.head) ?? noun.head;
  const accept = (prompt: string): boolean => {
    if (wordsOf(prompt).some((word) => word === noun.head || word === head || singularOf(word) === head)) return false;
    if (!composer.suits(prompt)) return false;
    if (leakOf(prompt) !== undefined || known.match(prompt) !== undefined) return false;
    if (options.fits?.(prompt) === false) return false;
    known.add(prompt);
    return true;
  };
  const sources =
    conceptOf === undefined
      ? types.map((type) => ({ type, source: new Source(composer.drafts(type), random.fork(type)) }))
      : [{ type: 'relation' as const, source: new Source(composer.together(conceptOf), random.fork('together', conceptOf)) }];
  const out: TypedPrompt[] = [];
  let live = sources;
  while (out.length < count && live.length > 0)
    for (const entry of live) {
      if (out.length === count) break;
      const prompt = entry.source.next(accept);
      if (prompt === undefined) live = live.filter((one) => one !== entry);
      else out.push({ prompt, type: entry.type });
    }
  const order = random.fork('order').permutation(out.length);
  return Array.from(order, (i) => out[i]!);
}
