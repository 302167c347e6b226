/** What a context is: words and a picture of the same situation. */
import type { Random } from '../graph/random.ts';
import type { SubjectKind } from './identity.ts';
import type { Anchors } from './subjects.ts';
import type { Colour } from './svg.ts';

export interface Context {
  id: string;
  kinds: readonly SubjectKind[];
  type: 'scene' | 'outfit' | 'attribute' | 'studio';
  /** What follows the subject; the first is the benchmark's or the plainest. An attribute's are adjectives that precede it. */
  phrases: readonly string[];
  /** Behind the subject, over the whole canvas; nothing: a studio. */
  back?: (random: Random) => string;
  /** In front of the subject, over the whole canvas. */
  front?: (random: Random) => string;
  /** On the subject, in its own frame. */
  wear?: (anchors: Anchors) => string;
  tint?: Colour;
  finish?: 'shiny' | 'wet' | 'cube';
}

export const both: readonly SubjectKind[] = ['live', 'object'];
export const live: readonly SubjectKind[] = ['live'];
export const object: readonly SubjectKind[] = ['object'];

/** A scene in one line: id, who may be in it, words, back layer, front layer. */
export function scene(
  id: string,
  kinds: readonly SubjectKind[],
  phrases: readonly string[],
  back: Context['back'],
  front?: Context['front'],
): Context {
  return { id, kinds, type: 'scene', phrases, ...(back && { back }), ...(front && { front }) };
}
