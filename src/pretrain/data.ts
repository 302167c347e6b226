/** Renders of the world as training data. */
import { toPlanes as planesOf } from '../files/images.ts';
import { Random } from '../graph/random.ts';
import { captionOf } from '../world/captions.ts';
import { sampleScene } from '../world/sample.ts';
import type { SampleOptions } from '../world/sample.ts';
import { renderScene } from '../world/scene.ts';
import type { Scene } from '../world/scene.ts';

export const pictureSize = 64;

/** `count` scenes of a seed, the same for ever. */
export function scenesOf(seed: number, count: number, options: SampleOptions = {}): Scene[] {
  const random = new Random(seed).fork('scenes');
  return Array.from({ length: count }, (_, i) => sampleScene(random.fork(i), options));
}

/** Pictures of scenes, [N, 64, 64, 3] bytes, two at a time. */
export async function renderAll(scenes: readonly Scene[], progress?: (done: number) => void): Promise<Uint8Array> {
  const length = pictureSize * pictureSize * 3;
  const out = new Uint8Array(scenes.length * length);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < scenes.length) {
      const i = next++;
      out.set(await renderScene(scenes[i]!, pictureSize), i * length);
      if (i % 1000 === 999) progress?.(i + 1);
    }
  };
  await Promise.all([worker(), worker(), worker()]);
  return out;
}

/** Pictures of a table [N, 64, 64, 3] at the given rows → [n, 3, 64, 64] in [−1, 1]. */
export function toPlanes(pictures: Uint8Array, rows: Iterable<number>): Float32Array {
  const list = [...rows];
  const length = 3 * pictureSize ** 2;
  const out = new Float32Array(list.length * length);
  list.forEach((row, i) => out.set(planesOf(pictures.subarray(row * length, (row + 1) * length), pictureSize), i * length));
  return out;
}

/** A caption for each scene; another `variant` says it in other words. */
export const captionsOf = (scenes: readonly Scene[], seed: number, variant = 0): string[] => {
  const random = new Random(seed).fork('captions', variant);
  return scenes.map((scene, i) => captionOf(scene, random.fork(i)));
};
