/** Contact sheets of masks: each picture beside its subject on magenta, for a person to accept or not. */
import { encodePng, listImages } from '../files/images.ts';
import { foregroundOf, readPicture } from './picture.ts';
import { resizeAndCrop } from './resample.ts';
import { coverage } from './segmenters.ts';
import type { Segmenter } from './segmenters.ts';

const tile = 112;
const magenta = [255, 0, 255] as const;

export interface MaskSheet {
  png: Buffer;
  /** Of each picture, the share that is subject. */
  shares: { path: string; share: number }[];
}

/** Subjects two a row, `perSubject` pictures each. Yields after every picture. */
export async function* maskSheet(
  subjects: readonly { name: string; images: string }[],
  segmenter: Segmenter,
  perSubject = 3,
): AsyncGenerator<{ done: number; of: number }, MaskSheet> {
  const columns = 2 * 2 * perSubject;
  const rows = Math.ceil(subjects.length / 2);
  const width = columns * tile;
  const sheet = new Uint8Array(width * rows * tile * 3).fill(255);
  const shares: MaskSheet['shares'] = [];
  for (const [s, { images }] of subjects.entries()) {
    for (const [k, path] of (await listImages(images)).slice(0, perSubject).entries()) {
      const picture = await readPicture(path);
      const mask = await segmenter.segment(picture);
      shares.push({ path, share: coverage(mask) });
      for (const [j, shown] of [picture, foregroundOf(picture, mask, magenta)].entries()) {
        const { bytes } = resizeAndCrop(shown, tile, tile);
        const [x, y] = [((s % 2) * 2 * perSubject + 2 * k + j) * tile, Math.floor(s / 2) * tile];
        for (let row = 0; row < tile; row++) sheet.set(bytes.subarray(row * tile * 3, (row + 1) * tile * 3), ((y + row) * width + x) * 3);
      }
    }
    yield { done: s + 1, of: subjects.length };
  }
  return { png: await encodePng(sheet, width, rows * tile), shares };
}
