/** Pictures in and out: folders of photographs, planes, PNG files. */
import { readdir, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import sharp from 'sharp';
import { UserError } from '../errors.ts';
import { writeAtomically } from './atomic.ts';

const extensions = new Set(['.png', '.jpg', '.jpeg', '.webp']);
const smallest = 16;

/** Endings of pictures that are not read. */
const others = new Set(['.heic', '.heif', '.avif', '.gif', '.tif', '.tiff', '.bmp', '.jxl', '.raw', '.dng']);

const namesIn = async (folder: string, endings: ReadonlySet<string>): Promise<string[]> =>
  (await readdir(folder)).filter((name) => !name.startsWith('.') && endings.has(extname(name).toLowerCase())).toSorted();

/** Names of a folder's pictures that are of a kind that is not read. */
export const picturesLeftOut = (folder: string): Promise<string[]> => namesIn(folder, others);

/** Paths of a folder's pictures, by name. Throws a UserError where there are none; `flag` is what named the folder. */
export async function listImages(folder: string, flag = '--images'): Promise<string[]> {
  const info = await stat(folder).catch(() => undefined);
  if (info === undefined) throw new UserError(`${flag} ${folder} does not exist: name a folder of PNG, JPEG or WebP pictures`);
  if (!info.isDirectory()) throw new UserError(`${flag} ${folder} is a file: name the folder that holds the pictures`);
  const names = await namesIn(folder, extensions);
  if (names.length === 0) {
    const [other] = await picturesLeftOut(folder);
    const found = other === undefined ? '' : ` (${other} is of another kind: convert it)`;
    throw new UserError(`${flag} ${folder} holds no pictures${found}: 3 to 5 PNG, JPEG or WebP files are expected`);
  }
  return names.map((name) => join(folder, name));
}

const readable = new Set<string | undefined>(['png', 'jpeg', 'webp']);

/**
 * A picture upright, cropped to its central square, scaled: bytes [size, size, 3]. `behind` is the colour where it is
 * transparent. Throws a UserError where it is no picture, or too small.
 */
export async function readSquare(path: string, size: number, behind = '#ffffff'): Promise<Uint8Array> {
  try {
    const info = await stat(path);
    if (!info.isFile())
      throw new UserError(`${path} is ${info.isDirectory() ? 'a folder' : 'no file'}: replace it by a picture or leave it out`);
    const { width, height, format } = await sharp(path).metadata();
    if (!readable.has(format))
      throw new UserError(
        `${path} is of the kind ${format}, whatever its name says; PNG, JPEG or WebP are read: convert it or leave it out`,
      );
    if (Math.min(width, height) < smallest)
      throw new UserError(`${path} is ${width} × ${height} pixels; at least ${smallest} × ${smallest} are needed: leave it out`);
    const bytes = await sharp(path)
      .rotate()
      .flatten({ background: behind })
      .toColourspace('srgb')
      .resize(size, size, { fit: 'cover', kernel: 'lanczos3' })
      .removeAlpha()
      .raw()
      .toBuffer();
    return bytes;
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(
      `${path} cannot be read as a picture (${String((error as Error).message).split('\n')[0]}): replace it or leave it out`,
    );
  }
}

/** Central squares of all pictures of a folder, each [3, size, size] in [−1, 1]. */
export async function readPlanes(folder: string, size: number): Promise<Float32Array[]> {
  return Promise.all((await listImages(folder)).map(async (path) => toPlanes(await readSquare(path, size), size)));
}

/** Width and height as a picture is shown. */
async function shownSize(path: string): Promise<{ width: number; height: number }> {
  const { autoOrient } = await sharp(path).metadata();
  return autoOrient;
}

/**
 * The mask of a picture as shares of white [size, size], cut as `readSquare` cuts the picture; what is transparent is not
 * white. Throws a UserError where
 * nothing is white, or where it is of another shape than the picture, so that it would lie beside what it marks.
 */
export async function readMask(path: string, size: number, picture: string): Promise<Float32Array> {
  const bytes = await readSquare(path, size, '#000000');
  const [mask, own] = [await shownSize(path), await shownSize(picture)];
  const ratio = (mask.width * own.height) / (mask.height * own.width);
  if (Math.abs(Math.log(ratio)) > 0.02)
    throw new UserError(
      `mask ${path} is ${mask.width} × ${mask.height} pixels and ${picture} ${own.width} × ${own.height}: a mask has the shape of its picture`,
    );
  const shares = Float32Array.from({ length: size * size }, (_, i) => (bytes[3 * i]! + bytes[3 * i + 1]! + bytes[3 * i + 2]!) / 765);
  if (!shares.some((share) => share > 0.5)) throw new UserError(`mask ${path} is empty: paint white what is to be learned`);
  return shares;
}

/** Planes [3, H, W] in [−1, 1] → bytes [H, W, 3]. */
export function toBytes(planes: Float32Array, width: number, height = width): Uint8Array {
  const area = width * height;
  const out = new Uint8Array(3 * area);
  for (let c = 0; c < 3; c++)
    for (let i = 0; i < area; i++) out[3 * i + c] = Math.max(0, Math.min(255, Math.round((planes[c * area + i]! + 1) * 127.5)));
  return out;
}

/** @internal A PNG file of bytes [height, size, 3]. */
export const encodePng = (bytes: Uint8Array, size: number, height = size): Promise<Buffer> =>
  sharp(bytes, { raw: { width: size, height, channels: 3 } })
    .png()
    .toBuffer();

/** Writes bytes [height, width, 3] as a PNG file, whole or not at all; its folder is made where it is missing. */
export async function writePng(path: string, bytes: Uint8Array, width: number, height = width): Promise<void> {
  await writeAtomically(path, await encodePng(bytes, width, height));
}

/** Pictures of one size in rows of `columns`, [rows · size, columns · size, 3]. */
export function contactSheet(
  pictures: readonly Uint8Array[],
  size: number,
  columns: number,
): { bytes: Uint8Array; width: number; height: number } {
  const rows = Math.ceil(pictures.length / columns);
  const width = columns * size;
  const bytes = new Uint8Array(rows * size * width * 3).fill(255);
  pictures.forEach((picture, i) => {
    const [x, y] = [(i % columns) * size, Math.floor(i / columns) * size];
    for (let row = 0; row < size; row++) bytes.set(picture.subarray(row * size * 3, (row + 1) * size * 3), ((y + row) * width + x) * 3);
  });
  return { bytes, width, height: rows * size };
}

/** Bytes [size, size, 3] → planes [3, size, size] in [−1, 1]. */
export function toPlanes(bytes: Uint8Array, size: number): Float32Array {
  const out = new Float32Array(3 * size * size);
  for (let c = 0; c < 3; c++) for (let i = 0; i < size * size; i++) out[c * size * size + i] = bytes[3 * i + c]! / 127.5 - 1;
  return out;
}
