/** Which of two known subjects a picture shows: its segmented parts, one by one, against pictures of each. */
import { toPlanes } from '../files/images.ts';
import { cosine } from './metrics.ts';
import type { Judges } from './judges.ts';
import { isForeground } from './picture.ts';
import { bicubic } from './resample.ts';

/** Parts below this share of the picture are crumbs of a mask. */
const smallest = 0.02;
/** What the longest side of a part takes of its portrait, as a subject does in a picture of its own. */
const portraitShare = 0.72;
/** How like a subject a part has to be, and how much nearer to it than to the other one: mean cosines of DINO features. */
export const leastLikeness = 0.4;
export const partMargin = 0.06;

/** Pixels that hang together within a mask of shares [size, size], a list for each part. */
export function partsOf(mask: Float32Array, size: number): number[][] {
  const seen = new Uint8Array(mask.length);
  const subject = (i: number): boolean => seen[i] === 0 && isForeground(255 * mask[i]!);
  const out: number[][] = [];
  for (let start = 0; start < mask.length; start++) {
    if (!subject(start)) continue;
    const part = [start];
    seen[start] = 1;
    for (const i of part) {
      const x = i % size;
      const beside = [x > 0 ? i - 1 : -1, x < size - 1 ? i + 1 : -1, i - size, i + size];
      for (const j of beside) {
        if (j < 0 || j >= mask.length || !subject(j)) continue;
        seen[j] = 1;
        part.push(j);
      }
    }
    if (part.length >= smallest * mask.length) out.push(part);
  }
  return out;
}

/** A part of a picture [3, size, size] by itself, on grey, in the middle and as large as a subject is on its own. */
export function portrait(pixels: Float32Array, part: readonly number[], size: number): Float32Array {
  const [xs, ys] = [part.map((i) => i % size), part.map((i) => Math.floor(i / size))];
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  const [width, height] = [Math.max(...xs) + 1 - left, Math.max(...ys) + 1 - top];
  const side = Math.round(Math.max(width, height) / portraitShare);
  const bytes = new Uint8Array(3 * side * side).fill(128);
  part.forEach((i, k) => {
    const at = (ys[k]! - top + Math.round((side - height) / 2)) * side + xs[k]! - left + Math.round((side - width) / 2);
    for (let c = 0; c < 3; c++) bytes[3 * at + c] = Math.max(0, Math.min(255, Math.round((pixels[c * size * size + i]! + 1) * 127.5)));
  });
  return toPlanes(bicubic({ bytes, width: side, height: side }, size, size).bytes, size);
}

/** DINO features of the parts of each picture [3, S, S]; none where the segmenter finds none. */
export async function partFeatures(judges: Judges, pictures: readonly Float32Array[]): Promise<Float32Array[][]> {
  const masks = await judges.masks(pictures);
  const parts = pictures.map((pixels, i) => partsOf(masks[i]!, judges.size).map((part) => portrait(pixels, part, judges.size)));
  const features = await judges.identities(parts.flat());
  let from = 0;
  return parts.map(({ length }) => features.slice(from, (from += length)));
}

/**
 * Whether each picture shows each of two subjects, of whom pictures are given: whether one of its parts is like that subject
 * by `leastLikeness`, and nearer to it than to the other by `partMargin`. A blend of both is neither.
 */
export async function present(
  judges: Judges,
  pictures: readonly Float32Array[],
  subjects: readonly [readonly Float32Array[], readonly Float32Array[]],
): Promise<[boolean, boolean][]> {
  const [first, second] = [(await partFeatures(judges, subjects[0])).flat(), (await partFeatures(judges, subjects[1])).flat()];
  const near = (part: Float32Array, all: readonly Float32Array[]): number =>
    all.reduce((sum, one) => sum + cosine(part, one), 0) / all.length;
  return (await partFeatures(judges, pictures)).map((parts) => {
    const likeness = parts.map((part) => [near(part, first), near(part, second)] as const);
    const shows = (own: number, other: number): boolean => own >= leastLikeness && own - other >= partMargin;
    return [likeness.some(([a, b]) => shows(a, b)), likeness.some(([a, b]) => shows(b, a))];
  });
}
