/** Feature extractors: a CLIP or a DINO ViT from a folder as transformers writes it, with the literature's preprocessing. */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import * as z from 'zod';
import { UserError } from '../errors.ts';
import { readEntry } from '../files/tensors.ts';
import { inBatches } from './batches.ts';
import type { Engine } from '../graph/engine.ts';
import { constant, input } from '../graph/ops.ts';
import type { Tensor } from '../graph/tensor.ts';
import { clipText, clipTextConfig, clipTextProjection, clipTokenEmbedding } from '../models/clip-text.ts';
import { clipImage, dinov2, dinov2Config, vit, vitConfig } from '../models/vit.ts';
import type { Dinov2Config, VitConfig } from '../models/vit.ts';
import { frozenParameters, openWeights } from '../models/weights.ts';
import type { Weights } from '../models/weights.ts';
import { readTokenizer } from '../text/tokenizer.ts';
import { foregroundOf } from './picture.ts';
import type { Mask } from './picture.ts';
import { resizeAndCrop, standardized } from './resample.ts';
import type { Raster } from './resample.ts';

/** Pictures → features [D], not normalised. A mask leaves the subject alone, on the colour that the network takes for nothing. */
export interface ImageExtractor {
  name: string;
  /** Changes whenever features may: the key of caches. */
  id: string;
  preprocess(picture: Raster, mask?: Mask): Float32Array;
  embed(inputs: readonly Float32Array[]): Promise<Float32Array[]>;
  release(): Promise<void>;
}
export interface TextImageExtractor extends ImageExtractor {
  embedTexts(texts: readonly string[]): Promise<Float32Array[]>;
}

const batchSize = 8;
const side = 224;
export const imageNet = { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] } as const;
const clipColours = {
  mean: [0.48145466, 0.4578275, 0.40821073],
  deviation: [0.26862954, 0.26130258, 0.27577711],
} as const;

const preprocessing = (short: number, colours: { mean: readonly number[]; deviation: readonly number[] }, size = side) => {
  const fill = colours.mean.map((x) => Math.round(255 * x));
  return (picture: Raster, mask?: Mask): Float32Array =>
    standardized(
      resizeAndCrop(mask === undefined ? picture : foregroundOf(picture, mask, fill), short, size),
      colours.mean,
      colours.deviation,
    );
};

/** CLIP's preprocessing of a picture [H, W, 3]: short side 224 bicubic, centre crop, CLIP's colours. → [3, 224, 224] */
export const clipPreprocess = preprocessing(side, clipColours);
/** DINO's: short side 256 bicubic, centre crop 224, ImageNet's colours. */
export const dinoPreprocess = preprocessing(256, imageNet);

/** An extractor of a network: pixels [B, 3, size, size] → features [B, D]. */
export async function imageExtractor(
  engine: Engine,
  network: (pixels: Tensor) => Tensor,
  about: Pick<ImageExtractor, 'name' | 'id' | 'preprocess'>,
  size = side,
): Promise<ImageExtractor> {
  const program = await engine.compile({ outputs: { out: network(input('pixels', [batchSize, 3, size, size])) } });
  return { ...about, embed: (inputs) => inBatches(program, 'pixels', inputs, batchSize), release: () => program.release() };
}

/** The defaults of transformers' CLIPConfig, which its config.json may leave out: those of CLIP ViT-B/32. */
const clipDefaults = {
  projection: 512,
  text: {
    vocab_size: 49408,
    hidden_size: 512,
    intermediate_size: 2048,
    num_hidden_layers: 12,
    num_attention_heads: 8,
    max_position_embeddings: 77,
  },
  vision: {
    hidden_size: 768,
    intermediate_size: 3072,
    num_hidden_layers: 12,
    num_attention_heads: 12,
    image_size: 224,
    patch_size: 32,
    hidden_act: 'quick_gelu',
    layer_norm_eps: 1e-5,
  },
};

/** CLIP ViT-B/32's image tower. */
export const clipB32: VitConfig = vitConfig.parse({ ...clipDefaults.vision, projection_dim: clipDefaults.projection });

const looseConfig = z.looseObject({
  model_type: z.string().optional(),
  projection_dim: z.int().positive().default(clipDefaults.projection),
});
const record = z.record(z.string(), z.unknown()).default({});

async function readJson(path: string, what: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch(() => {
    throw new UserError(`${path} cannot be read: ${what} takes a folder as transformers writes it (config.json, model.safetensors)`);
  });
  try {
    return JSON.parse(text);
  } catch {
    throw new UserError(`${path} is not JSON: fetch the model again`);
  }
}

function parsed<T>(schema: z.ZodType<T>, value: unknown, path: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw new UserError(`${path}: ${issue.path.join('.')}: ${issue.message}`);
}

/** A key for what a folder computes: its configuration and every byte of its weights. */
async function identityOf(config: unknown, { tensors }: Weights): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(config));
  for (const path of new Set([...tensors.values()].map((entry) => entry.path))) {
    const own = createHash('sha256');
    await pipeline(createReadStream(path), own);
    hash.update(own.digest('hex'));
  }
  return hash.digest('hex').slice(0, 16);
}

async function openFolder(folder: string, flag: string, types: readonly string[], called: string = folder) {
  const path = join(folder, 'config.json');
  const json = await readJson(path, flag);
  const { model_type: type = 'none', projection_dim: projection } = parsed(looseConfig, json, path);
  if (!types.includes(type))
    throw new UserError(`${flag} ${called}: its config.json says model_type ${type}; ${types.join(' or ')} is expected`);
  const weights = await openWeights(folder, 'model', 'pytorch_model');
  return {
    path,
    json: json as Record<string, unknown>,
    type,
    projection,
    weights,
    name: existsSync(called) ? basename(resolve(called)) : called,
  };
}

/** CLIPModel of transformers, with the tokenizer beside it; `called` is what a user calls the folder. Throws UserErrors that name the file and the remedy. */
export async function loadClip(engine: Engine, folder: string, called?: string): Promise<TextImageExtractor> {
  const { path, json, projection, weights, name } = await openFolder(folder, '--clip', ['clip'], called);
  const own = { projection_dim: projection };
  const text = parsed(clipTextConfig, { ...clipDefaults.text, ...parsed(record, json.text_config, path), ...own }, path);
  const vision = parsed(vitConfig, { ...clipDefaults.vision, ...parsed(record, json.vision_config, path), ...own }, path);
  // Old configurations say 2, which means: where the largest id is.
  if (text.eos_token_id === 2) text.eos_token_id = text.vocab_size - 1;
  const p = frozenParameters(weights);
  const length = text.max_position_embeddings;
  const ids = input('ids', [batchSize, length], 'int32');
  const embedded = clipTextProjection(p, text, clipText(p, text, clipTokenEmbedding(p, text, ids)), ids);
  const tokenizer = await readTokenizer(folder);
  const size = vision.image_size;
  const about = {
    name,
    id: await identityOf(json, weights),
    preprocess: size === side ? clipPreprocess : preprocessing(size, clipColours, size),
  };
  const images = await imageExtractor(engine, (pixels) => clipImage(p, vision, pixels), about, size);
  const textProgram = await engine.compile({ outputs: { out: embedded } });
  return {
    ...images,
    embedTexts: (texts) =>
      inBatches(
        textProgram,
        'ids',
        texts.map((one) => tokenizer.pad(one, length)),
        batchSize,
      ),
    async release() {
      await images.release();
      await textProgram.release();
    },
  };
}

/** PyTorch's bicubic (a = −0.75, no antialiasing) of position embeddings [1, 1 + n², D] to another grid; the class token's stays. */
export function resamplePositions(positions: Float32Array, width: number, to: number): Float32Array {
  const from = Math.sqrt(positions.length / width - 1);
  const out = new Float32Array((1 + to * to) * width);
  out.set(positions.subarray(0, width));
  const near = (t: number): number => (1.25 * t - 2.25) * t * t + 1;
  const far = (t: number): number => ((-0.75 * t + 3.75) * t - 6) * t + 3;
  const taps = Array.from({ length: to }, (_, i) => {
    const at = ((i + 0.5) * from) / to - 0.5;
    const [floor, t] = [Math.floor(at), at - Math.floor(at)];
    const weights = [far(t + 1), near(t), near(1 - t), far(2 - t)];
    return weights.map((weight, k) => ({ weight, at: Math.max(0, Math.min(from - 1, floor + k - 1)) }));
  });
  for (let y = 0; y < to; y++)
    for (let x = 0; x < to; x++)
      for (let c = 0; c < width; c++) {
        let sum = 0;
        for (const row of taps[y]!)
          for (const column of taps[x]!) sum += row.weight * column.weight * positions[(1 + row.at * from + column.at) * width + c]!;
        out[(1 + y * to + x) * width + c] = sum;
      }
  return out;
}

function dinov2Tokens(weights: Weights, config: Dinov2Config, pixels: Tensor): Tensor {
  const p = frozenParameters(weights);
  const [own, grid] = [Math.floor(config.image_size / config.patch_size), Math.floor(side / config.patch_size)];
  const shape = [1, own * own + 1, config.hidden_size];
  const kept = p.in('embeddings').get('position_embeddings', shape);
  if (own === grid) return dinov2(p, config, pixels, kept);
  const positions = resamplePositions(readEntry(weights.tensors.get('embeddings.position_embeddings')!), config.hidden_size, grid);
  return dinov2(p, config, pixels, constant(positions, [1, grid * grid + 1, config.hidden_size]));
}

/** ViTModel (DINO) or Dinov2Model of transformers: the class token after the last layer norm. */
export async function loadDino(engine: Engine, folder: string, called?: string): Promise<ImageExtractor> {
  const { path, json, type, weights, name } = await openFolder(folder, '--dino', ['vit', 'dinov2'], called);
  let network: (pixels: Tensor) => Tensor;
  if (type === 'dinov2') {
    const config = parsed(dinov2Config, json, path);
    network = (pixels) => dinov2Tokens(weights, config, pixels);
  } else {
    const config = parsed(vitConfig, json, path);
    if (config.image_size !== side)
      throw new UserError(`${path} says image_size ${config.image_size}; DINO's ViTs see ${side} × ${side} pixels: name another folder`);
    network = (pixels) => vit(frozenParameters(weights), config, pixels);
  }
  return imageExtractor(engine, network, { name, id: await identityOf(json, weights), preprocess: dinoPreprocess });
}
