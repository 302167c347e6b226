/** Words for scenes, and the prompt lists that methods and evaluations use. */
import { Random } from '../graph/random.ts';
import { leakOf } from '../text/likeness.ts';
import { wordsOf } from '../text/words.ts';
import { objectTemplates } from '../text/templates.ts';
import { contextOf, contexts, contextsFor, studio } from './contexts.ts';
import type { Context } from './context.ts';
import { classes, classNames, drawIdentity } from './identity.ts';
import type { ClassName, Identity, SubjectKind } from './identity.ts';
import { studioOf, studios } from './scene.ts';
import type { Scene } from './scene.ts';

const shared = ['jungle', 'snow', 'beach', 'cobblestone', 'pink fabric', 'wooden floor', 'city', 'mountain', 'blue house', 'purple rug'];
const objects = ['wheat field', 'autumn', 'Eiffel Tower', 'water', 'milk', 'sunflowers', 'mirror', 'sidewalk', 'dirt road', 'white rug'];
const wearing = [
  'red hat',
  'santa hat',
  'rainbow scarf',
  'top hat',
  'chef',
  'firefighter',
  'police',
  'pink glasses',
  'yellow shirt',
  'wizard',
];
const adjectives = ['red', 'purple', 'shiny', 'wet', 'cube shaped'];

/** The contexts of DreamBooth's 25 prompts, in their order. */
export const benchmarkContexts: Record<SubjectKind, readonly string[]> = {
  object: [...shared, ...objects, ...adjectives],
  live: [...shared, ...wearing, ...adjectives],
};

/** "a {subject} in the snow", "a red {subject}". */
function phrase(context: Context, words: string): string {
  if (context.type === 'attribute') return `a ${words} {subject}`;
  return `a {subject} ${words}`.trim();
}

/** DreamBooth's 25 evaluation prompts for a kind of subject, with {subject} where it stands. */
export const evaluationPrompts = (kind: SubjectKind): readonly string[] =>
  benchmarkContexts[kind].map((id) => phrase(contextOf(id), contextOf(id).phrases[0]!));

function description(identity: Identity, random: Random): string {
  const { words, pattern, className } = identity;
  const kind = random.integer(4);
  const marks = pattern === 'plain' ? '' : `${pattern} `;
  if (kind === 0) return `${words.primary} ${className}`;
  if (kind === 1) return `${words.primary} and ${words.secondary} ${className}`;
  if (kind === 2) return `${marks}${words.primary} ${className}`;
  return `${words.primary} and ${words.secondary} ${marks}${className}`;
}

/**
 * A caption of a scene. A third are the benchmark's plain sentences; the rest vary in opening, in
 * what they say of the identity and in how they describe the setting.
 */
export function captionOf(scene: Scene, random: Random): string {
  const context = contextOf(scene.contextId);
  const { className } = scene.identity;
  if (random.chance(0.35)) return phrase(context, context.phrases[0]!).replace('{subject}', className);
  const words =
    context === studio
      ? random.chance(0.5)
        ? ''
        : `on a plain ${studios[studioOf(scene)]!.words} background`
      : random.pick(context.phrases);
  const named = random.chance(0.6) && context.tint === undefined ? description(scene.identity, random) : className;
  const subject = context.type === 'attribute' ? `${words} ${named}` : named;
  const behind =
    (context.type === 'attribute' || context.type === 'outfit') && random.chance(0.25)
      ? ` on a plain ${studios[studioOf(scene)]!.words} background`
      : '';
  const setting = `${context.type === 'attribute' ? '' : ` ${words}`}${behind}`.trimEnd();
  const template = random.chance(0.4) ? 'a {}' : random.pick(objectTemplates);
  return template.replace('{}', subject + setting);
}

const openings = ['', 'a photo of ', 'a rendering of ', 'a good photo of '];

const evaluated = new Set([...benchmarkContexts.object, ...benchmarkContexts.live]);

/**
 * A contextually diverse prompt set for a class, with {subject} where the subject stands: the
 * contexts of the class's kind in several wordings, none that gives an evaluation prompt away.
 * Without `evaluatedContexts` none is in a context of an evaluation prompt, in whatever words.
 */
export function promptSet(className: ClassName, count: number, seed = 0, evaluatedContexts = true): string[] {
  const random = new Random(seed).fork('prompts', className);
  const candidates = contextsFor(classes[className])
    .filter((context) => context !== studio && (evaluatedContexts || !evaluated.has(context.id)))
    .flatMap((context) => context.phrases.flatMap((words) => openings.map((opening) => opening + phrase(context, words))))
    .filter((prompt) => leakOf(prompt) === undefined);
  const order = random.permutation(candidates.length);
  return Array.from({ length: Math.min(count, candidates.length) }, (_, i) => candidates[order[i]!]!);
}

/** The ten evaluation prompts that objects and live subjects share, with {subject}: scenes that say nothing of the subject. */
export const sharedPrompts: readonly string[] = shared.map((id) => phrase(contextOf(id), contextOf(id).phrases[0]!));

/**
 * A prompt set whose contexts are a class's own beside another class: what can be said of the one and not of the other
 * (the paper's Figure 6), none of them a scene of `sharedPrompts`. Empty where nothing sets the two apart.
 */
export function specificPrompts(className: ClassName, other: ClassName, count: number, seed = 0): string[] {
  const random = new Random(seed).fork('specific prompts', className);
  const candidates = contextsFor(classes[className])
    .filter(({ kinds }) => !kinds.includes(classes[other]))
    .flatMap((context) => context.phrases.flatMap((words) => openings.map((opening) => opening + phrase(context, words))));
  const order = random.permutation(candidates.length);
  return Array.from(order.subarray(0, count), (i) => candidates[i]!);
}

/** A corpus that holds every word a caption can have, in deterministic order: what the tokenizer learns from. */
export function allWords(): string[] {
  const random = new Random(5).fork('words');
  const captions = contexts.flatMap((context) =>
    classNames
      .filter((name) => context.kinds.includes(classes[name]))
      .flatMap((className) =>
        Array.from({ length: 6 }, (_, i) =>
          captionOf(
            { identity: drawIdentity(className, random.integer(1e9)), contextId: context.id, seed: i },
            random.fork(context.id, className, i),
          ),
        ),
      ),
  );
  return [...captions, ...contexts.flatMap((context) => context.phrases), ...objectTemplates];
}

/** The words that the embedded text encoder has read, in lower case. */
export const worldWords = (): ReadonlySet<string> =>
  new Set(allWords().flatMap((caption) => wordsOf(caption).filter((word) => word !== '{subject}')));
