/** Draws scenes: streams for training, held-out data and the benchmark's subjects. */
import type { Random } from '../graph/random.ts';
import { contextsFor, studio } from './contexts.ts';
import { benchmarkContexts } from './captions.ts';
import { classNames, classes, drawIdentity } from './identity.ts';
import type { ClassName, Identity } from './identity.ts';
import { studios } from './scene.ts';
import type { Scene } from './scene.ts';

/** Identity seeds: training draws below this, held-out data above it. */
export const heldOutFrom = 1_000_000_000;

export interface SampleOptions {
  /** Identities come from [first, first + count). */
  identities?: { first: number; count: number };
}

/** A scene at random: half of them in the benchmark's contexts, an eighth in a plain studio. */
export function sampleScene(random: Random, options: SampleOptions = {}): Scene {
  const { first, count } = options.identities ?? { first: 0, count: heldOutFrom };
  const className = random.pick(classNames);
  const identity = drawIdentity(className, first + random.integer(count));
  const kind = classes[className];
  const share = random.uniform();
  const contextId = share < 0.125 ? studio.id : share < 0.6 ? random.pick(benchmarkContexts[kind]) : random.pick(contextsFor(kind)).id;
  return { identity, contextId, seed: random.integer(2 ** 31) };
}

/** The fifteen subjects of the benchmark: identities that no training has seen. */
const benchmarkClasses: readonly ClassName[] = [
  'dog',
  'dog',
  'cat',
  'cat',
  'rabbit',
  'teapot',
  'backpack',
  'duck toy',
  'car',
  'teddy bear',
  'boot',
  'vase',
  'robot toy',
  'candle',
  'clock',
];

export interface BenchmarkSubject {
  /** Also its folder's name under examples/subjects/. */
  name: string;
  identity: Identity;
  studio: number;
}

export const benchmarkSubjects: readonly BenchmarkSubject[] = benchmarkClasses.map((className, i) => {
  const before = benchmarkClasses.slice(0, i).filter((other) => other === className).length;
  return {
    name: `${className.replace(' ', '-')}${before === 0 ? '' : before + 1}`,
    identity: drawIdentity(className, heldOutFrom + 500_000_000 + 7 * i),
    studio: i % studios.length,
  };
});

/** The pictures of a benchmark subject: one plain setting, differing poses. */
export const subjectScenes = (subject: BenchmarkSubject, count = 5): Scene[] =>
  Array.from({ length: count }, (_, i) => ({ identity: subject.identity, contextId: studio.id, seed: 9000 + i, studio: subject.studio }));
