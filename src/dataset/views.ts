/** Views of a picture to learn from: mirrored, cropped, scaled; with the region that shows the picture, and words for the scale. */
import sharp from 'sharp';
import type { Random } from '../graph/random.ts';

export interface View {
  /** Bytes [size, size, 3]. */
  pixels: Uint8Array;
  /** Where the loss counts, shares at the pixels' size [size, size]; everywhere where nothing is said. */
  region?: Float32Array;
  /** Put before the prompt: "a far away ". */
  prefix?: readonly string[];
}

const cropsPerPicture = 4;
const scalesPerPicture = 12;

export function mirrored({ pixels, region, ...rest }: View, size: number): View {
  const flip = <T extends Uint8Array | Float32Array>(from: T, channels: number): T => {
    const out = from.slice() as T;
    for (let y = 0; y < size; y++)
      for (let x = 0; x < size; x++)
        for (let c = 0; c < channels; c++) out[channels * (y * size + x) + c] = from[channels * (y * size + size - 1 - x) + c]!;
    return out;
  };
  return { ...rest, pixels: flip(pixels, 3), ...(region && { region: flip(region, 1) }) };
}

/** A window of a view, enlarged to the view's size. */
async function cut({ pixels, region }: View, size: number, window: { left: number; top: number; side: number }): Promise<View> {
  const { left, top, side } = window;
  const extract = async (from: Uint8Array, channels: 1 | 3): Promise<Uint8Array> => {
    const image = sharp(from, { raw: { width: size, height: size, channels } }).extract({ left, top, width: side, height: side });
    const { data } = await image.resize(size, size, { kernel: 'lanczos3' }).raw().toBuffer({ resolveWithObject: true });
    return channels === 3 ? data : everyNth(data, data.length / (size * size));
  };
  const shares =
    region &&
    Float32Array.from(
      await extract(
        Uint8Array.from(region, (x) => Math.round(255 * x)),
        1,
      ),
      (x) => x / 255,
    );
  return { pixels: await extract(pixels, 3), ...(shares && { region: shares }) };
}

/** One channel of interleaved ones. */
const everyNth = (data: Uint8Array, n: number): Uint8Array => (n === 1 ? data : data.filter((_, i) => i % n === 0));

/** Random square crops of at least `crop` of the side. */
export async function crops(view: View, size: number, crop: number, random: Random): Promise<View[]> {
  const out: View[] = [];
  for (let j = 0; j < cropsPerPicture; j++) {
    const own = random.fork(j);
    const side = Math.round(size * own.uniform(crop, 1));
    out.push(await cut(view, size, { left: own.integer(size - side + 1), top: own.integer(size - side + 1), side }));
  }
  return out;
}

/**
 * Custom Diffusion's scales (Kumari et al., 2023, section 3.2): two in three are a third to the whole of the size, on
 * grey, the loss within; the others are enlarged by a fifth to two fifths and cut. Small and large ones say so.
 */
export async function scales(view: View, size: number, random: Random): Promise<View[]> {
  const out: View[] = [];
  for (let j = 0; j < scalesPerPicture; j++) {
    const own = random.fork(j);
    const share = own.chance(0.66) ? own.uniform(1 / 3, 1) : own.uniform(1.2, 1.4);
    if (share > 1) {
      const side = Math.round(size / share);
      const window = { left: own.integer(size - side + 1), top: own.integer(size - side + 1), side };
      out.push({ ...(await cut(view, size, window)), prefix: ['zoomed in ', 'close up '] });
      continue;
    }
    const side = Math.max(8, Math.round(size * share));
    const [left, top] = [own.integer(size - side + 1), own.integer(size - side + 1)];
    out.push({ ...(await pasted(view, size, { left, top, side })), ...(share < 0.6 && { prefix: ['a far away ', 'very small '] }) });
  }
  return out;
}

/** A view shrunk onto grey, and the region that it covers. */
async function pasted({ pixels, region }: View, size: number, at: { left: number; top: number; side: number }): Promise<View> {
  const { left, top, side } = at;
  const shrink = async (from: Uint8Array, channels: 1 | 3): Promise<Uint8Array> => {
    const image = sharp(from, { raw: { width: size, height: size, channels } }).resize(side, side, { kernel: 'lanczos3' });
    const { data } = await image.raw().toBuffer({ resolveWithObject: true });
    return channels === 3 ? data : everyNth(data, data.length / (side * side));
  };
  const small = await shrink(pixels, 3);
  const inner =
    region &&
    (await shrink(
      Uint8Array.from(region, (x) => Math.round(255 * x)),
      1,
    ));
  const out = new Uint8Array(3 * size * size).fill(128);
  const shares = new Float32Array(size * size);
  for (let y = 0; y < side; y++) {
    out.set(small.subarray(3 * y * side, 3 * (y + 1) * side), 3 * ((top + y) * size + left));
    for (let x = 0; x < side; x++) shares[(top + y) * size + left + x] = inner === undefined ? 1 : inner[y * side + x]! / 255;
  }
  return { pixels: out, region: shares };
}

/** A region at the latents' size: the share of each cell, and only cells that lie within by more than half. */
export function regionOfLatents(region: Float32Array, size: number, cells: number): Float32Array {
  const side = size / cells;
  return Float32Array.from({ length: cells * cells }, (_, i) => {
    const [row, column] = [Math.floor(i / cells), i % cells];
    let total = 0;
    for (let y = 0; y < side; y++) for (let x = 0; x < side; x++) total += region[(row * side + y) * size + column * side + x]!;
    const share = total / (side * side);
    return share > 0.5 ? share : 0;
  });
}
