/** Where the subject is: the embedded segmenter, ONNX matting networks, mask files, Grounding DINO with SAM. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, extname, join, resolve } from 'node:path';
import sharp from 'sharp';
import { UserError } from '../errors.ts';
import { InferenceSession, OrtTensor } from '../graph/ort.ts';
import { imageNet } from './extractors.ts';
import type { Judges } from './judges.ts';
import { isForeground } from './picture.ts';
import type { Mask, Picture } from './picture.ts';
import { bicubic } from './resample.ts';

/** A picture → shares of its subject at the picture's own size. */
export interface Segmenter {
  name: string;
  /** Changes whenever masks may: the key of caches. */
  id: string;
  segment(picture: Picture): Promise<Mask>;
  release(): Promise<void>;
}

const toSize = (shares: Float32Array, from: [width: number, height: number], picture: Picture): Mask => {
  const bytes = Uint8Array.from(shares, (x) => Math.round(255 * Math.max(0, Math.min(1, x))));
  return bicubic({ bytes, width: from[0], height: from[1] }, picture.width, picture.height, 1);
};

/** The share of a picture that its mask says is subject. */
export const coverage = (mask: Mask): number => mask.bytes.reduce((sum, x) => sum + (isForeground(x) ? 1 : 0), 0) / mask.bytes.length;

/** The segmenter that comes with the embedded judges. It knows the embedded world, not photographs. */
export function embeddedSegmenter(judges: Judges): Segmenter {
  const { size } = judges;
  return {
    name: 'embedded',
    id: judges.id,
    async segment(picture) {
      return toSize(await judges.mask(judges.planes(picture)), [size, size], picture);
    },
    release: async () => undefined,
  };
}

/** How a matting network wants its picture, and what its output means. */
interface Convention {
  size(picture: Picture): [width: number, height: number];
  /** Bytes [h, w, 3] → planes [3, h, w]. */
  planes(bytes: Uint8Array): Float32Array;
  shares(output: Float32Array): Float32Array;
}

const planesOf = (bytes: Uint8Array, value: (x: number, c: number) => number): Float32Array => {
  const count = bytes.length / 3;
  const out = new Float32Array(bytes.length);
  for (let c = 0; c < 3; c++) for (let i = 0; i < count; i++) out[c * count + i] = value(bytes[3 * i + c]!, c);
  return out;
};

/** U²-Net (Qin et al., 2020): divided by the largest value, ImageNet's colours; the output is stretched to [0, 1]. */
const u2net = (side: number): Convention => ({
  size: () => [side, side],
  planes: (bytes) => {
    const most = Math.max(
      1,
      bytes.reduce((a, b) => Math.max(a, b), 0),
    );
    return planesOf(bytes, (x, c) => (x / most - imageNet.mean[c]!) / imageNet.deviation[c]!);
  },
  shares: (output) => {
    const [low, high] = output.reduce(([a, b], x) => [Math.min(a, x), Math.max(b, x)] as const, [Infinity, -Infinity] as const);
    return output.map((x) => (high > low ? (x - low) / (high - low) : 0));
  },
});

/** MODNet (Ke et al., 2020): short side 512, sides multiples of 32, values in [−1, 1]; the output is the matte. */
const modnet: Convention = {
  size: ({ width, height }) => {
    const scale = Math.max(width, height) < 512 || Math.min(width, height) > 512 ? 512 / Math.min(width, height) : 1;
    const side = (x: number): number => Math.max(32, Math.floor(Math.round(x * scale) / 32) * 32);
    return [side(width), side(height)];
  },
  planes: (bytes) => planesOf(bytes, (x) => x / 127.5 - 1),
  shares: (output) => output,
};

/**
 * A matting network in ONNX: one input [B, 3, h, w], the first output the subject's shares. One of a fixed size is fed
 * as U²-Net is, one of any size as MODNet is.
 */
export async function mattingNetwork(path: string): Promise<Segmenter> {
  const bytes = await readFile(path).catch(() => {
    throw new UserError(`--segmenter ${path} cannot be read: name an ONNX matting network, such as U²-Net or MODNet`);
  });
  const session = await InferenceSession.create(bytes, { logSeverityLevel: 3 }).catch((error: Error) => {
    throw new UserError(`--segmenter ${path} is not a usable ONNX network (${error.message.split('\n')[0]}): fetch it again`);
  });
  const [entry] = session.inputMetadata;
  const shape = entry !== undefined && entry.isTensor ? entry.shape : [];
  if (session.inputNames.length !== 1 || shape.length !== 4 || shape[1] !== 3)
    throw new UserError(`--segmenter ${path} takes [${shape.join(', ')}]; a matting network takes one picture [1, 3, height, width]`);
  const side = shape[2];
  const convention = typeof side === 'number' && side > 0 ? u2net(side) : modnet;
  return {
    name: basename(path, extname(path)),
    id: createHash('sha256').update(bytes).digest('hex').slice(0, 16),
    async segment(picture) {
      const [width, height] = convention.size(picture);
      const planes = convention.planes(bicubic(picture, width, height).bytes);
      const out = await session.run({ [session.inputNames[0]!]: new OrtTensor('float32', planes, [1, 3, height, width]) });
      const first = out[session.outputNames[0]!]!;
      if (first.data.length !== width * height)
        throw new UserError(`--segmenter ${path} gives [${first.dims.join(', ')}]; a mask [1, 1, ${height}, ${width}] is expected`);
      return toSize(convention.shares(first.data as Float32Array), [width, height], picture);
    },
    release: () => session.release(),
  };
}

/** Masks that exist: PNG files of a folder with the pictures' names, white where the subject is. */
export function maskFiles(folder: string): Segmenter {
  if (!existsSync(folder)) throw new UserError(`--segmenter masks:${folder}: the folder does not exist`);
  return {
    name: 'files',
    id: `files:${resolve(folder)}`,
    async segment(picture) {
      const path = join(folder, `${basename(picture.name, extname(picture.name))}.png`);
      if (!existsSync(path)) throw new UserError(`${path} does not exist: every picture needs a mask of its name, ${picture.name} too`);
      const { data, info } = await sharp(path)
        .flatten({ background: '#000000' })
        .greyscale()
        .raw()
        .toBuffer({ resolveWithObject: true })
        .catch(() => {
          throw new UserError(`${path} cannot be read as a picture: make the mask again`);
        });
      const { width, height, channels } = info;
      if (width !== picture.width || height !== picture.height)
        throw new UserError(
          `${path} is ${width} × ${height} pixels and ${picture.name} is ${picture.width} × ${picture.height}: a mask has its picture's size`,
        );
      return { bytes: Uint8Array.from({ length: width * height }, (_, i) => data[i * channels]!), width, height };
    },
    release: async () => undefined,
  };
}
