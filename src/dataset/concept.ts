/** A subject's pictures, each in several views. */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { UserError } from '../errors.ts';
import { listImages, readMask, readSquare } from '../files/images.ts';
import { Random } from '../graph/random.ts';
import { crops, mirrored, scales } from './views.ts';
import type { View } from './views.ts';

export interface ConceptOptions {
  size: number;
  flip: boolean;
  /** Smallest side of random crops, as a share; 1 for none. */
  crop: number;
  /** Scaled views, as Custom Diffusion makes them. */
  scaled?: boolean;
  /** Folder of masks, named as the pictures are. */
  masks?: string;
  seed: number;
}

export interface ConceptImages {
  paths: string[];
  /** The pictures as they are, and their views. */
  views: View[];
}

/** The mask of a picture: the file of its name, whatever its ending. */
function maskOf(picture: string, folder: string): string {
  const stem = basename(picture).replace(/\.[^.]+$/, '');
  const path = ['png', 'webp', 'jpg', 'jpeg'].map((ending) => join(folder, `${stem}.${ending}`)).find((one) => existsSync(one));
  if (path === undefined) throw new UserError(`--masks ${folder} has no mask ${stem}.png for ${picture}: name masks as the pictures are`);
  return path;
}

/** Reads a folder of pictures. Throws UserErrors as `listImages`, `readSquare` and `readMask` do. */
export async function readConcept(folder: string, options: ConceptOptions): Promise<ConceptImages> {
  const { size, flip, crop, seed, masks } = options;
  const paths = await listImages(folder);
  const pictures: View[] = [];
  for (const path of paths) {
    const pixels = await readSquare(path, size);
    pictures.push(masks === undefined ? { pixels } : { pixels, region: await readMask(maskOf(path, masks), size, path) });
  }
  const random = new Random(seed).fork('views');
  const whole = flip ? pictures.flatMap((picture) => [picture, mirrored(picture, size)]) : pictures;
  const views = [...whole];
  for (const [i, picture] of whole.entries()) {
    if (crop < 1) views.push(...(await crops(picture, size, crop, random.fork(i))));
    if (options.scaled === true) views.push(...(await scales(picture, size, random.fork('scales', i))));
  }
  return { paths, views };
}
