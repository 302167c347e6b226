/** Pictures as evaluations see them: bytes, a name for errors, and the hash of what was read. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { UserError } from '../errors.ts';
import type { Raster } from './resample.ts';

export interface Picture extends Raster {
  /** Its path, for errors. */
  name: string;
  /** SHA-256 of the file. */
  hash: string;
}

const smallest = 16;

/**
 * Reads a picture upright, on white where it is transparent, with the pixel values that its file holds: embedded colour
 * profiles are not applied, as Pillow does not. Throws a UserError where it is no picture, or too small.
 */
export async function readPicture(path: string): Promise<Picture> {
  const file = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new UserError(`${path} cannot be read (${error.code}): name an existing picture`);
  });
  const { data, info } = await sharp(file, { ignoreIcc: true })
    .autoOrient()
    .flatten({ background: '#ffffff' })
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
    .catch((error: Error) => {
      throw new UserError(`${path} cannot be read as a picture (${error.message.split('\n')[0]}): replace it or leave it out`);
    });
  const { width, height } = info;
  if (Math.min(width, height) < smallest)
    throw new UserError(`${path} is ${width} × ${height} pixels; at least ${smallest} × ${smallest} are needed: leave it out`);
  return { name: path, hash: createHash('sha256').update(file).digest('hex'), bytes: new Uint8Array(data), width, height };
}

/** Shares of the subject, [height, width] as bytes. */
export interface Mask {
  bytes: Uint8Array;
  width: number;
  height: number;
}

/** Where a mask says "subject". */
export const isForeground = (share: number): boolean => share > 127;

/** A picture with its background replaced by one colour. */
export function foregroundOf<P extends Raster>(picture: P, mask: Mask, fill: readonly number[]): P {
  const bytes = new Uint8Array(picture.bytes.length);
  for (let i = 0; i < mask.bytes.length; i++)
    for (let c = 0; c < 3; c++) bytes[3 * i + c] = isForeground(mask.bytes[i]!) ? picture.bytes[3 * i + c]! : fill[c]!;
  return { ...picture, bytes };
}
