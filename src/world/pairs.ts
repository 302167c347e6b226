/** Pictures of two of the benchmark's subjects side by side: what one of them is to be learned from (the paper's Figure 6). */
import { join } from 'node:path';
import { internal } from '../errors.ts';
import { writePng } from '../files/images.ts';
import { Random } from '../graph/random.ts';
import { benchmarkSubjects } from './sample.ts';
import type { BenchmarkSubject } from './sample.ts';
import { frame, renderAlpha, renderSvg, studios } from './scene.ts';
import { drawBody } from './subjects.ts';
import { ellipse, group, rect } from './svg.ts';

export interface Pair {
  /** Also its folder's name under examples/pairs/. */
  name: string;
  subjects: readonly [BenchmarkSubject, BenchmarkSubject];
  studio: number;
}

const together: readonly (readonly [string, string])[] = [
  ['dog', 'teapot'],
  ['cat', 'backpack'],
  ['rabbit', 'vase'],
  ['dog2', 'clock'],
  ['cat2', 'boot'],
];

const named = (name: string): BenchmarkSubject => {
  const subject = benchmarkSubjects.find((one) => one.name === name);
  if (subject === undefined) throw internal(`the benchmark has no subject ${name}`);
  return subject;
};

export const benchmarkPairs: readonly Pair[] = together.map(([first, second], i) => ({
  name: `${first}-and-${second}`,
  subjects: [named(first), named(second)],
  studio: (2 * i + 1) % studios.length,
}));

/** The parts of a pair's picture number `index`: the setting, and each subject on its half. Which half is whose changes from picture to picture. */
function layers(pair: Pair, index: number): { definition: string; back: string; bodies: readonly [string, string] } {
  const random = new Random(9000 + index).fork('pair', pair.name);
  const { wall, floor } = studios[pair.studio]!;
  const parts = pair.subjects.map(({ identity }, which) => {
    const pose = random.fork('pose', which);
    const size = pose.uniform(0.6, 0.7);
    const left = which === index % 2;
    const x = (left ? 26 : 74) + pose.uniform(-2, 2);
    const y = 60 + pose.uniform(-3, 3) + 36 * (0.7 - size);
    const flip = pose.chance(0.5) ? -1 : 1;
    const place = `translate(${x.toFixed(1)} ${y.toFixed(1)}) rotate(${pose.uniform(-5, 5).toFixed(1)}) scale(${(size * flip).toFixed(3)} ${size.toFixed(3)})`;
    const { definition, body } = drawBody(identity, undefined, `skin${which}`);
    return { definition, shadow: group(ellipse(0, 36, 27, 4, '#000000', 'opacity="0.22"'), place), body: group(body, place) };
  });
  return {
    definition: parts.map(({ definition }) => definition).join(''),
    back: rect(0, 0, 100, 66, wall) + rect(0, 66, 100, 34, floor) + parts.map(({ shadow }) => shadow).join(''),
    bodies: [parts[0]!.body, parts[1]!.body],
  };
}

/** RGB [size, size, 3] of a pair's picture. */
export function renderPair(pair: Pair, index: number, size = 64): Promise<Uint8Array> {
  const { definition, back, bodies } = layers(pair, index);
  return renderSvg(frame(definition, back + bodies.join(''), size));
}

/** Share of each pixel that shows the first (0) or the second (1) subject, [size, size]: 0 … 255. */
export async function renderPairMask(pair: Pair, index: number, which: 0 | 1, size = 64): Promise<Uint8Array> {
  const { definition, bodies } = layers(pair, index);
  const [visible, hidden] = await Promise.all([
    renderAlpha(frame(definition, bodies[which], size)),
    which === 1 ? undefined : renderAlpha(frame(definition, bodies[1], size)),
  ]);
  return hidden === undefined ? visible : visible.map((v, i) => Math.round((v * (255 - hidden[i]!)) / 255));
}

/** Writes a pair's pictures, and under masks/ those of each subject, named as the pictures are. */
export async function writePair(folder: string, pair: Pair, count = 5, size = 256): Promise<void> {
  for (let i = 0; i < count; i++) {
    await writePng(join(folder, `${i + 1}.png`), await renderPair(pair, i, size), size);
    for (const which of [0, 1] as const) {
      const mask = await renderPairMask(pair, i, which, size);
      const grey = Uint8Array.from({ length: 3 * mask.length }, (_, j) => mask[Math.floor(j / 3)]!);
      await writePng(join(folder, 'masks', pair.subjects[which].name, `${i + 1}.png`), grey, size);
    }
  }
}
