/** A subject's pictures as latents, each in several views, cached for the whole run. */
import type { Engine } from '../graph/engine.ts';
import { input, multiply } from '../graph/ops.ts';
import { Random } from '../graph/random.ts';
import { sizeOf } from '../graph/tensor.ts';
import { listImages, readSquare, toPlanes } from '../files/images.ts';
import type { DiffusionModel } from '../models/load.ts';
import { vaeEncode } from '../models/vae.ts';
import sharp from 'sharp';

export interface ConceptOptions {
  size: number;
  flip: boolean;
  /** Smallest side of random crops, as a share; 1 for none. */
  crop: number;
  seed: number;
}

export interface ConceptImages {
  paths: string[];
  /** Bytes [size, size, 3] each, as they are. */
  pictures: Uint8Array[];
  /** The pictures and their flipped and cropped views. */
  views: Uint8Array[];
}

const cropsPerPicture = 4;

async function cropped(picture: Uint8Array, size: number, crop: number, random: Random): Promise<Uint8Array> {
  const side = Math.round(size * random.uniform(crop, 1));
  const [left, top] = [random.integer(size - side + 1), random.integer(size - side + 1)];
  return sharp(picture, { raw: { width: size, height: size, channels: 3 } })
    .extract({ left, top, width: side, height: side })
    .resize(size, size, { kernel: 'lanczos3' })
    .raw()
    .toBuffer();
}

function mirrored(picture: Uint8Array, size: number): Uint8Array {
  const out = new Uint8Array(picture.length);
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) for (let c = 0; c < 3; c++) out[3 * (y * size + x) + c] = picture[3 * (y * size + size - 1 - x) + c]!;
  return out;
}

/** Reads a folder of pictures. Throws UserErrors as `listImages` and `readSquare` do. */
export async function readConcept(folder: string, options: ConceptOptions): Promise<ConceptImages> {
  const { size, flip, crop, seed } = options;
  const paths = await listImages(folder);
  const pictures: Uint8Array[] = [];
  for (const path of paths) pictures.push(await readSquare(path, size));
  const random = new Random(seed).fork('views');
  const whole = flip ? pictures.flatMap((picture) => [picture, mirrored(picture, size)]) : pictures;
  const views = [...whole];
  if (crop < 1)
    for (const [i, picture] of whole.entries())
      for (let j = 0; j < cropsPerPicture; j++) views.push(await cropped(picture, size, crop, random.fork(i, j)));
  return { paths, pictures, views };
}

/** Scaled latents of pictures, [N, C, h, w]: means of the posterior. */
export async function encodePictures(
  engine: Engine,
  model: DiffusionModel,
  pictures: readonly Uint8Array[],
  size: number,
): Promise<Float32Array> {
  const { vae } = model;
  const { mean } = vaeEncode(vae.parameters, vae.config, input('pixels', [1, 3, size, size]));
  const program = await engine.compile({ outputs: { latents: multiply(mean, vae.config.scaling_factor) } });
  const out = new Float32Array(pictures.length * sizeOf(mean.shape));
  for (const [i, picture] of pictures.entries())
    out.set((await program.run({ pixels: toPlanes(picture, size) })).latents as Float32Array, i * sizeOf(mean.shape));
  await program.release();
  return out;
}
