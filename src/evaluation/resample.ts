/** Pillow's bicubic resampling of 8-bit pictures, to the byte: what CLIP's and DINO's preprocessing means by "bicubic". */
import { rint } from '../sampler/timesteps.ts';

/** A picture's bytes [height, width, channels]. */
export interface Raster {
  bytes: Uint8Array;
  width: number;
  height: number;
}

const bits = 22; // Pillow's fixed point for 8-bit pictures

/** Keys' cubic with a = −0.5. */
function cubic(distance: number): number {
  const x = Math.abs(distance);
  const a = -0.5;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

/** For each output sample: the first input sample that it sees, and fixed-point weights. */
function kernels(from: number, to: number): { first: number; weights: Int32Array }[] {
  const scale = from / to;
  const stretch = Math.max(1, scale); // widened when shrinking: no aliases
  const support = 2 * stretch;
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(from, Math.trunc(centre + support + 0.5));
    const raw = Float64Array.from({ length: end - first }, (_w, j) => cubic((j + first - centre + 0.5) * (1 / stretch)));
    const total = raw.reduce((sum, w) => sum + w, 0);
    return { first, weights: Int32Array.from(raw, (w) => Math.trunc((w / total) * 2 ** bits + (w < 0 ? -0.5 : 0.5))) };
  });
}

const half = 2 ** (bits - 1);
const toByte = (sum: number): number => {
  const x = sum >> bits;
  return x < 0 ? 0 : x > 255 ? 255 : x;
};

/** Lines of [width] samples with `channels` each. Sums stay below 2³¹: weights add up to 2²², overshoots to 1.3 times that. */
function horizontally(source: Uint8Array, lines: number, width: number, to: number, channels: number): Uint8Array {
  const out = new Uint8Array(lines * to * channels);
  kernels(width, to).forEach(({ first, weights }, i) => {
    const taps = weights.length;
    for (let line = 0; line < lines; line++)
      for (let c = 0; c < channels; c++) {
        let at = (line * width + first) * channels + c;
        let sum = half;
        for (let j = 0; j < taps; j++, at += channels) sum = (sum + source[at]! * weights[j]!) | 0;
        out[(line * to + i) * channels + c] = toByte(sum);
      }
  });
  return out;
}

/** Rows of `width` bytes: each output row is a sum of whole rows. */
function vertically(source: Uint8Array, height: number, width: number, to: number): Uint8Array {
  const out = new Uint8Array(to * width);
  const sums = new Int32Array(width);
  kernels(height, to).forEach(({ first, weights }, i) => {
    sums.fill(half);
    for (let j = 0; j < weights.length; j++) {
      const weight = weights[j]!;
      const from = (first + j) * width;
      for (let x = 0; x < width; x++) sums[x] = sums[x]! + source[from + x]! * weight;
    }
    for (let x = 0; x < width; x++) out[i * width + x] = toByte(sums[x]!);
  });
  return out;
}

/** Bicubic, antialiased, horizontally first, rounded to bytes between the passes; a pass that changes nothing is left out. */
export function bicubic(picture: Raster, width: number, height: number, channels = 3): Raster {
  let { bytes } = picture;
  if (width !== picture.width) bytes = horizontally(bytes, picture.height, picture.width, width, channels);
  if (height !== picture.height) bytes = vertically(bytes, picture.height, width * channels, height);
  return { bytes, width, height };
}

/** torchvision's Resize(short) and CenterCrop(side) of a PIL picture. */
export function resizeAndCrop(picture: Raster, short: number, side: number): Raster {
  const { width, height } = picture;
  const long = Math.trunc((short * Math.max(width, height)) / Math.min(width, height));
  const resized = width <= height ? bicubic(picture, short, long) : bicubic(picture, long, short);
  const [left, top] = [rint((resized.width - side) / 2), rint((resized.height - side) / 2)];
  const bytes = new Uint8Array(side * side * 3);
  for (let y = 0; y < side; y++) {
    const from = ((top + y) * resized.width + left) * 3;
    bytes.set(resized.bytes.subarray(from, from + side * 3), y * side * 3);
  }
  return { bytes, width: side, height: side };
}

/** Bytes [S, S, 3] → planes [3, S, S], (x/255 − mean)/deviation. */
export function standardized({ bytes, width, height }: Raster, mean: readonly number[], deviation: readonly number[]): Float32Array {
  const count = width * height;
  const out = new Float32Array(3 * count);
  for (let c = 0; c < 3; c++) for (let i = 0; i < count; i++) out[c * count + i] = (bytes[3 * i + c]! / 255 - mean[c]!) / deviation[c]!;
  return out;
}
