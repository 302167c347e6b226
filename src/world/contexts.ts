/** Every context of the world, by id. */
import { internal } from '../errors.ts';
import { both } from './context.ts';
import type { Context } from './context.ts';
import type { SubjectKind } from './identity.ts';
import { outfits } from './outfits.ts';
import { benchmarkScenes } from './settings/benchmark.ts';
import { natureScenes } from './settings/nature.ts';
import { placeScenes } from './settings/places.ts';
import { hsl } from './svg.ts';

const attribute = (id: string, words: readonly string[], more: Partial<Context>): Context => ({
  id,
  kinds: both,
  type: 'attribute',
  phrases: words,
  ...more,
});

export const attributes: readonly Context[] = [
  attribute('red', ['red', 'bright red', 'red painted'], { tint: hsl(357, 86, 44) }),
  attribute('purple', ['purple', 'deep purple', 'purple painted'], { tint: hsl(278, 70, 45) }),
  attribute('shiny', ['shiny', 'shiny polished', 'shiny sparkling'], { finish: 'shiny' }),
  attribute('wet', ['wet', 'wet dripping', 'soaking wet'], { finish: 'wet' }),
  attribute('cube shaped', ['cube shaped', 'square cube shaped'], { finish: 'cube' }),
];

/** No context at all: a plain studio. */
export const studio: Context = { id: 'studio', kinds: both, type: 'studio', phrases: [''] };

export const contexts: readonly Context[] = [...benchmarkScenes, ...outfits, ...attributes, ...natureScenes, ...placeScenes, studio];

const byId = new Map(contexts.map((context) => [context.id, context]));
if (byId.size !== contexts.length) throw internal('two contexts of the world share an id');

export function contextOf(id: string): Context {
  const context = byId.get(id);
  if (context === undefined) throw internal(`the world has no context ${id}`);
  return context;
}
export const contextsFor = (kind: SubjectKind): readonly Context[] => contexts.filter((context) => context.kinds.includes(kind));
