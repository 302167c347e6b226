/** A subject's pictures, each in several views. */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { UserError } from '../errors.ts';
import { listImages, readMask, readSquare } from '../files/images.ts';
import { Random } from '../graph/random.ts';
import { crops, mirrored, regionOfLatents, scales } from './views.ts';
import type { View } from './views.ts';

export interface ConceptOptions {
  size: number;
  /** Side of the latents, at which a mask has to show something. */
  cells: number;
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
  /** Paths of the masks, if there are any. */
  masks: string[];
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

/**
 * Reads a folder of pictures. Of their views those are left out of which a mask shows nothing. Throws UserErrors as
 * `listImages`, `readSquare` and `readMask` do, and where a mask shows nothing of a whole picture.
 */
export async function readConcept(folder: string, options: ConceptOptions): Promise<ConceptImages> {
  const { size, cells, flip, crop, seed, masks } = options;
  const shows = ({ region }: View): boolean => region === undefined || regionOfLatents(region, size, cells).some((share) => share > 0);
  const paths = await listImages(folder);
  const pictures: View[] = [];
  const found: string[] = [];
  for (const path of paths) {
    const pixels = await readSquare(path, size);
    const mask = masks === undefined ? undefined : maskOf(path, masks);
    const picture = mask === undefined ? { pixels } : { pixels, region: await readMask(mask, size, path) };
    if (mask !== undefined) found.push(mask);
    if (!shows(picture))
      throw new UserError(
        `${mask} shows less of ${path} than a square of ${size / cells} pixels, which is all that the loss can tell apart: paint more of it white, or leave the picture out`,
      );
    pictures.push(picture);
  }
  const random = new Random(seed).fork('views');
  const whole = flip ? pictures.flatMap((picture) => [picture, mirrored(picture, size)]) : pictures;
  const views = [...whole];
  for (const [i, picture] of whole.entries()) {
    if (crop < 1) views.push(...(await crops(picture, size, crop, random.fork(i))));
    if (options.scaled === true) views.push(...(await scales(picture, size, random.fork('scales', i))));
  }
  return { paths, masks: found, views: views.filter(shows) };
}
