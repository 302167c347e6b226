/** Attention maps as pictures. */
import { join } from 'node:path';
import type { Analysed } from '../evaluation/analyse.ts';
import { heatMap, tokenMap } from '../evaluation/attention.ts';
import { writeAtomically } from '../files/atomic.ts';
import { contactSheet, encodePng, toBytes, writePng } from '../files/images.ts';
import { pixelSize } from '../models/load.ts';

/** Heat maps of the concept and of each context word over the picture, a row a prompt; one file each, and a sheet. */
export async function drawMaps({ run, attention }: Analysed, folder: string): Promise<void> {
  const size = pixelSize(run.model);
  const tiles: Uint8Array[] = [];
  const columns = 2 + Math.max(...attention!.pictures.map(({ read }) => new Set(read.words).size));
  for (const [p, { read, pixels, maps }] of attention!.pictures.entries()) {
    const sides = [...maps.keys()].toSorted((a, b) => b - a);
    const side = sides.find((one) => one <= 16) ?? sides.at(-1)!;
    const values = maps.get(side)!;
    const length = values.length / side ** 2;
    const mean = (tokens: readonly number[]): Float64Array => {
      const own = tokens.map((token) => tokenMap(values, side, length, 0, token));
      return own[0]!.map((_, i) => own.reduce((sum, map) => sum + map[i]!, 0) / own.length);
    };
    const words = new Map<string, number[]>();
    read.words.forEach((word, i) => words.set(word, [...(words.get(word) ?? []), read.context.with[i]!]));
    const row = [toBytes(pixels, size), heatMap(pixels, size, mean(read.concept))];
    const name = String(p).padStart(3, '0');
    await writePng(join(folder, `${name}.png`), row[0]!, size);
    await writePng(join(folder, `${name}-concept.png`), row[1]!, size);
    for (const [word, tokens] of words) {
      row.push(heatMap(pixels, size, mean(tokens)));
      await writePng(join(folder, `${name}-${word}.png`), row.at(-1)!, size);
    }
    while (row.length < columns) row.push(new Uint8Array(3 * size * size).fill(255));
    tiles.push(...row);
  }
  const sheet = contactSheet(tiles, size, columns);
  await writeAtomically(join(folder, 'sheet.png'), await encodePng(sheet.bytes, sheet.width, sheet.height));
}
