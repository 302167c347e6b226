import { expect, test } from 'vitest';
import { Judges } from '../../src/evaluation/judges.ts';
import { partsOf, portrait, present } from '../../src/evaluation/parts.ts';
import { toPlanes } from '../../src/files/images.ts';
import { Engine } from '../../src/graph/engine.ts';
import { drawIdentity } from '../../src/world/identity.ts';
import { benchmarkPairs, renderPair } from '../../src/world/pairs.ts';
import type { Pair } from '../../src/world/pairs.ts';
import { subjectScenes } from '../../src/world/sample.ts';
import { renderScene } from '../../src/world/scene.ts';

test('parts hang together by their sides; crumbs are none', () => {
  // 10 × 10: a block, a line that touches it by a corner only, and a single pixel.
  const mask = new Float32Array(100);
  for (const i of [0, 1, 10, 11, 22, 23, 24, 99]) mask[i] = 1;
  expect(partsOf(mask, 10).map((part) => part.toSorted((a, b) => a - b))).toEqual([
    [0, 1, 10, 11],
    [22, 23, 24],
  ]);
});

test('a portrait has the part alone, in the middle, on grey', () => {
  const size = 64;
  const pixels = new Float32Array(3 * size * size).fill(1);
  const part = Array.from({ length: 100 }, (_, i) => (i % 10) + size * Math.floor(i / 10));
  const out = portrait(pixels, part, size);
  const at = (x: number, y: number): number => out[y * size + x]!;
  expect(at(32, 32)).toBeCloseTo(1, 2);
  expect(Math.abs(at(2, 2))).toBeLessThan(0.01);
  const white = out.subarray(0, size * size).filter((x) => x > 0.5).length / (size * size);
  expect(Math.sqrt(white)).toBeGreaterThan(0.66);
  expect(Math.sqrt(white)).toBeLessThan(0.78);
});

test('who is there: renders of both, and of one alone', { timeout: 240_000 }, async () => {
  const engine = new Engine();
  const judges = await Judges.load(engine, 'assets/judges');
  const planes = async (pictures: readonly Promise<Uint8Array>[]): Promise<Float32Array[]> =>
    (await Promise.all(pictures)).map((bytes) => toPlanes(bytes, judges.size));
  let [found, there, imagined, absent] = [0, 0, 0, 0];
  for (const [v, base] of benchmarkPairs.entries()) {
    const [first, second] = base.subjects.map((subject) => ({
      ...subject,
      identity: drawIdentity(subject.identity.className, 1_740_000_000 + v),
    }));
    const pair: Pair = { ...base, subjects: [first!, second!] };
    const alone = [first!, second!].map((subject) => planes(subjectScenes(subject).map((scene) => renderScene(scene))));
    const references = [await alone[0]!, await alone[1]!] as const;
    const both = await present(judges, await planes([7, 8, 9, 10].map((i) => renderPair(pair, i))), references);
    found += both.flat().filter(Boolean).length;
    there += 2 * both.length;
    for (const [which, subject] of [first!, second!].entries()) {
      const scenes = ['jungle', 'snow', 'beach', 'city'].map((contextId, i) =>
        renderScene({ identity: subject.identity, contextId, seed: 500 + i }),
      );
      const shown = await present(judges, await planes(scenes), references);
      imagined += shown.filter((one) => one[1 - which]).length;
      absent += shown.length;
    }
  }
  await engine.close();
  expect(found / there).toBeGreaterThan(0.9);
  expect(imagined / absent).toBeLessThan(0.05);
});
