/** The embedded judges: CLIP-T, DINO and DINO-FG of pictures of the world. */
import { inBatches } from './batches.ts';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toPlanes } from '../files/images.ts';
import type { Engine, Program } from '../graph/engine.ts';
import { input, sigmoid } from '../graph/ops.ts';
import { clipText, clipTextConfig, clipTextProjection, clipTokenEmbedding } from '../models/clip-text.ts';
import { segmenter } from '../models/segmenter.ts';
import { clipImage, vit, vitConfig } from '../models/vit.ts';
import { frozenParameters, openFile } from '../models/weights.ts';
import { normalized } from '../nn/losses.ts';
import { readTokenizer } from '../text/tokenizer.ts';
import type { ClipTokenizer } from '../text/tokenizer.ts';
import type { TextImageExtractor, ImageExtractor } from './extractors.ts';
import { cosine } from './metrics.ts';
import { isForeground } from './picture.ts';
import { resizeAndCrop } from './resample.ts';
import type { Raster } from './resample.ts';

const batch = 16;

export class Judges {
  private readonly tokenizer: ClipTokenizer;
  private readonly length: number;
  readonly size: number;
  /** Changes with the judges' weights. */
  readonly id: string;
  private readonly programs: Record<'text' | 'image' | 'identity' | 'mask' | 'oneMask', Program>;
  private constructor(tokenizer: ClipTokenizer, length: number, size: number, id: string, programs: Judges['programs']) {
    this.tokenizer = tokenizer;
    this.length = length;
    this.size = size;
    this.id = id;
    this.programs = programs;
  }

  static async load(engine: Engine, folder: string): Promise<Judges> {
    const config = JSON.parse(await readFile(join(folder, 'clip', 'config.json'), 'utf8')) as {
      text_config: unknown;
      vision_config: unknown;
    };
    const text = clipTextConfig.parse(config.text_config);
    const vision = vitConfig.parse(config.vision_config);
    const dino = vitConfig.parse(JSON.parse(await readFile(join(folder, 'dino', 'config.json'), 'utf8')));
    const weights = async (name: string): Promise<ReturnType<typeof frozenParameters>> =>
      frozenParameters(await openFile(join(folder, name, 'model.safetensors')));
    const [clip, identity, mask] = await Promise.all([weights('clip'), weights('dino'), weights('segmenter')]);
    const ids = input('ids', [batch, text.max_position_embeddings], 'int32');
    const pixels = input('pixels', [batch, 3, vision.image_size, vision.image_size]);
    const compile = (out: Parameters<typeof engine.compile>[0]['outputs']): Promise<Program> => engine.compile({ outputs: out! });
    const programs = {
      text: await compile({
        out: normalized(clipTextProjection(clip, text, clipText(clip, text, clipTokenEmbedding(clip, text, ids)), ids)),
      }),
      image: await compile({ out: normalized(clipImage(clip, vision, pixels)) }),
      identity: await compile({ out: normalized(vit(identity, dino, pixels)) }),
      mask: await compile({ out: sigmoid(segmenter(mask, pixels)) }),
      oneMask: await compile({ out: sigmoid(segmenter(mask, input('pixels', [1, 3, vision.image_size, vision.image_size]))) }),
    };
    const hash = createHash('sha256');
    for (const name of ['clip', 'dino', 'segmenter']) hash.update(await readFile(join(folder, name, 'model.safetensors')));
    const id = hash.digest('hex').slice(0, 16);
    return new Judges(await readTokenizer(join(folder, 'clip')), text.max_position_embeddings, vision.image_size, id, programs);
  }

  /** A picture's central square at the judges' size, [3, S, S] in [−1, 1]. */
  planes(picture: Raster): Float32Array {
    return toPlanes(resizeAndCrop(picture, this.size, this.size).bytes, this.size);
  }

  /** CLIP text embeddings, of length 1. */
  texts(prompts: readonly string[]): Promise<Float32Array[]> {
    return inBatches(
      this.programs.text,
      'ids',
      prompts.map((prompt) => this.tokenizer.pad(prompt, this.length)),
      batch,
    );
  }
  /** CLIP image embeddings of pictures [3, S, S] in [−1, 1]. */
  images(pixels: readonly Float32Array[]): Promise<Float32Array[]> {
    return inBatches(this.programs.image, 'pixels', pixels, batch);
  }
  /** DINO's class tokens. */
  identities(pixels: readonly Float32Array[]): Promise<Float32Array[]> {
    return inBatches(this.programs.identity, 'pixels', pixels, batch);
  }
  /** Shares of the subject, [S, S]. */
  masks(pixels: readonly Float32Array[]): Promise<Float32Array[]> {
    return inBatches(this.programs.mask, 'pixels', pixels, batch);
  }
  /** Of one picture. */
  async mask(pixels: Float32Array): Promise<Float32Array> {
    return (await this.programs.oneMask.run({ pixels })).out as Float32Array;
  }
  /** The subject alone, on grey: what DINO-FG looks at. */
  async foregrounds(pixels: readonly Float32Array[]): Promise<Float32Array[]> {
    const masks = await this.masks(pixels);
    return pixels.map((picture, n) => picture.map((x, i) => (masks[n]![i % (this.size * this.size)]! > 0.5 ? x : 0)));
  }
}

export interface Scores {
  clipT: number;
  dino: number;
  dinoFg: number;
}

/**
 * Scores of each picture: CLIP-T against its prompt (with the class word, no placeholder), DINO and
 * DINO-FG as the mean cosine to the subject's own pictures.
 */
export async function scorePictures(
  judges: Judges,
  pictures: readonly Float32Array[],
  prompts: readonly string[],
  references: readonly Float32Array[],
): Promise<Scores[]> {
  const texts = new Map<string, Float32Array>();
  const distinct = [...new Set(prompts)];
  (await judges.texts(distinct)).forEach((embedding, i) => texts.set(distinct[i]!, embedding));
  const [images, whole, wholeReal] = [
    await judges.images(pictures),
    await judges.identities(pictures),
    await judges.identities(references),
  ];
  const parts = await judges.identities(await judges.foregrounds(pictures));
  const partsReal = await judges.identities(await judges.foregrounds(references));
  const nearness = (embedding: Float32Array, all: readonly Float32Array[]): number =>
    all.reduce((total, other) => total + cosine(embedding, other), 0) / all.length;
  return pictures.map((_, i) => ({
    clipT: cosine(images[i]!, texts.get(prompts[i]!)!),
    dino: nearness(whole[i]!, wholeReal),
    dinoFg: nearness(parts[i]!, partsReal),
  }));
}

/** The judges behind the interface of every extractor; their nothing is grey. */
export function judgeExtractors(judges: Judges): { clip: TextImageExtractor; dino: ImageExtractor } {
  const { size } = judges;
  const preprocess: ImageExtractor['preprocess'] = (picture, mask) => {
    const planes = judges.planes(picture);
    if (mask === undefined) return planes;
    const grey = Uint8Array.from({ length: 3 * mask.bytes.length }, (_, i) => mask.bytes[Math.floor(i / 3)]!);
    const shares = resizeAndCrop({ ...mask, bytes: grey }, size, size).bytes;
    return planes.map((x, i) => (isForeground(shares[3 * (i % (size * size))]!) ? x : 0));
  };
  const release = async (): Promise<void> => undefined;
  return {
    clip: {
      name: 'embedded CLIP',
      id: `clip-${judges.id}`,
      preprocess,
      embed: (inputs) => judges.images(inputs),
      embedTexts: (texts) => judges.texts(texts),
      release,
    },
    dino: { name: 'embedded DINO', id: `dino-${judges.id}`, preprocess, embed: (inputs) => judges.identities(inputs), release },
  };
}
