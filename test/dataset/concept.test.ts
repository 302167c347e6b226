import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { readConcept } from '../../src/dataset/concept.ts';
import { regionOfLatents } from '../../src/dataset/views.ts';
import { writePng } from '../../src/files/images.ts';
import { scratch } from '../scratch.ts';

const [size, cells] = [64, 16];
/** A picture, and a mask that is white in a square of its upper left corner. */
async function pictures(corner: number): Promise<{ images: string; masks: string }> {
  const folder = await scratch();
  const [images, masks] = ['images', 'masks'].map((name) => join(folder, name)) as [string, string];
  await Promise.all([images, masks].map((path) => mkdir(path)));
  await writePng(
    join(images, '0.png'),
    Uint8Array.from({ length: 3 * size ** 2 }, (_, i) => i % 251),
    size,
  );
  const white = (i: number): boolean => i % size < corner && Math.floor(i / size) < corner;
  await writePng(
    join(masks, '0.png'),
    Uint8Array.from({ length: 3 * size ** 2 }, (_, i) => (white(Math.floor(i / 3)) ? 255 : 0)),
    size,
  );
  return { images, masks };
}

test('views of which a mask shows nothing are left out', async () => {
  const { images, masks } = await pictures(13);
  for (const views of [
    { crop: 0.4, scaled: false },
    { crop: 1, scaled: true },
  ]) {
    const counts = await Promise.all(
      Array.from({ length: 6 }, async (_, seed) => {
        const read = (masked: object): ReturnType<typeof readConcept> =>
          readConcept(images, { size, cells, flip: true, seed, ...views, ...masked });
        const [all, shown] = [(await read({})).views, (await read({ masks })).views];
        for (const { region } of shown) expect(regionOfLatents(region!, size, cells).some((share) => share > 0)).toBe(true);
        expect(shown.length).toBeGreaterThanOrEqual(2);
        return all.length - shown.length;
      }),
    );
    expect(Math.max(...counts)).toBeGreaterThan(0);
  }
});

test('a mask that shows too little of a whole picture is refused', async () => {
  const { images, masks } = await pictures(2);
  await expect(readConcept(images, { size, cells, flip: false, crop: 1, masks, seed: 0 })).rejects.toThrow(
    `${join(masks, '0.png')} shows less of ${join(images, '0.png')} than a square of 4 pixels, which is all that the loss can tell apart: paint more of it white, or leave the picture out`,
  );
});

test('what is transparent in a mask is not learned', async () => {
  const { images, masks } = await pictures(32);
  const cutOut = Buffer.from(Uint8Array.from({ length: 4 * size ** 2 }, (_, i) => (i % 4 < 3 || Math.floor(i / 4) % size < 32 ? 255 : 0)));
  await sharp(cutOut, { raw: { width: size, height: size, channels: 4 } })
    .png()
    .toFile(join(masks, '0.png'));
  const [view] = (await readConcept(images, { size, cells, flip: false, crop: 1, masks, seed: 0 })).views;
  const region = regionOfLatents(view!.region!, size, cells);
  expect([...region]).toEqual(Array.from({ length: cells ** 2 }, (_, i) => (i % cells < 8 ? 1 : 0)));
});
