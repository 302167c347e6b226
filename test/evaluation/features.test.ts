/** CLIP's and DINO's features of photographs against transformers, and metrics against numpy: oracle/features.py. */
import { copyFile, existsSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dinoPreprocess, clipPreprocess, loadClip, loadDino, resamplePositions } from '../../src/evaluation/extractors.ts';
import { cosine, meanCosine, unit } from '../../src/evaluation/metrics.ts';
import { readPicture } from '../../src/evaluation/picture.ts';
import { bicubic } from '../../src/evaluation/resample.ts';
import { openSafetensors, readTensor } from '../../src/files/safetensors.ts';
import type { SafetensorsFile } from '../../src/files/safetensors.ts';
import { readFile } from 'node:fs/promises';
import { Engine } from '../../src/graph/engine.ts';
import { input } from '../../src/graph/ops.ts';
import { clipText, clipTextConfig, clipTextProjection, clipTokenEmbedding } from '../../src/models/clip-text.ts';
import { clipImage, dinov2, dinov2Config, vit, vitConfig } from '../../src/models/vit.ts';
import { scratch } from '../scratch.ts';
import { writeSeeded } from './seeded.ts';

const dataset = join(process.env.CONTEXTURA_SHARED ?? '../shared', 'dreambooth', 'dataset');
const bpe = join(process.env.CONTEXTURA_SHARED ?? '../shared', 'clip-bpe');
const missing = !existsSync(dataset) || !existsSync(bpe);

test('Pillow’s bicubic to the byte: down, up, oddly, one side alone', async () => {
  const path = 'test/golden/resample.safetensors';
  const file = await openSafetensors(path);
  const whole = await readFile(path);
  const bytesOf = (name: string): Uint8Array => {
    const { offset, length } = file.tensors.get(name)!;
    return new Uint8Array(whole.subarray(offset, offset + length));
  };
  const [height, width] = file.tensors.get('source')!.shape as [number, number];
  const names = [...file.tensors.keys()].filter((name) => name.startsWith('to '));
  expect(names).toHaveLength(6);
  for (const name of names) {
    const [w, h] = /(\d+)x(\d+)/.exec(name)!.slice(1).map(Number) as [number, number];
    const ours = bicubic({ bytes: bytesOf('source'), width, height }, w, h);
    expect(Buffer.compare(Buffer.from(ours.bytes), Buffer.from(bytesOf(name))), name).toBe(0);
  }
});

test('position embeddings of the same grid stay what they are; a constant stays constant', () => {
  const own = Float32Array.from({ length: 2 * 10 }, (_, i) => Math.sin(i));
  resamplePositions(own, 2, 3).forEach((x, i) => expect(x).toBeCloseTo(own[i]!, 6));
  const flat = resamplePositions(new Float32Array(10).fill(0.5), 1, 5);
  expect(flat).toHaveLength(26);
  flat.forEach((x) => expect(x).toBeCloseTo(0.5, 6));
});

test('features without a direction are said', () => {
  const nan = Float32Array.of(1, NaN);
  expect(() => unit(nan, 'a.png', 'dino')).toThrow(
    'a.png: the features of dino are not finite numbers: leave it out, or check the weights of dino',
  );
  expect(() => unit(new Float32Array(3), 'a.png', 'dino')).toThrow(
    'a.png: the features of dino are all zero: leave it out, or check the weights of dino',
  );
});

describe.skipIf(missing)(`against transformers, on photographs (needs ${dataset} and ${bpe})`, () => {
  let engine: Engine;
  let file: SafetensorsFile;
  let photographs: string[];
  let prompts: string[];
  const golden = (name: string): Promise<Float32Array> => readTensor(file, name);
  beforeAll(async () => {
    engine = new Engine();
    file = await openSafetensors('test/golden/features.safetensors');
    photographs = file.metadata.photographs!.split('\n').map((name) => join(dataset, name));
    prompts = file.metadata.prompts!.split('\n');
  });
  afterAll(() => engine.close());
  const agrees = async (ours: Float32Array, name: string): Promise<void> => {
    const theirs = await golden(name);
    const most = theirs.reduce((top, x) => Math.max(top, Math.abs(x)), 0);
    const off = theirs.reduce((top, x, i) => Math.max(top, Math.abs(x - ours[i]!)), 0);
    expect(ours).toHaveLength(theirs.length);
    expect(off / most, name).toBeLessThan(1e-4);
  };

  test('preprocessing: every byte of the crops', async () => {
    for (const [k, path] of photographs.entries()) {
      const picture = await readPicture(path);
      for (const [name, preprocess, mean, deviation] of [
        ['clip', clipPreprocess, [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]],
        ['dino', dinoPreprocess, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]],
      ] as const) {
        const planes = preprocess(picture);
        const count = 224 * 224;
        let sum = 0;
        for (let i = 0; i < count; i++)
          for (let c = 0; c < 3; c++) sum += Math.round((planes[c * count + i]! * deviation[c]! + mean[c]!) * 255) * ((3 * i + c) % 251);
        expect(sum % 65521, `${name} ${path}`).toBe((await golden(`${name}.sum.${k}`))[0]);
      }
    }
  });

  test('CLIP ViT-B/32: both towers, CLIP-T and CLIP-I', { timeout: 300_000 }, async () => {
    const folder = await scratch();
    const config = { model_type: 'clip', projection_dim: 512, text_config: { eos_token_id: 2 }, vision_config: {} };
    writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
    for (const name of ['vocab.json', 'merges.txt']) await promisify(copyFile)(join(bpe, name), join(folder, name));
    const text = clipTextConfig.parse({
      vocab_size: 49408,
      hidden_size: 512,
      intermediate_size: 2048,
      num_hidden_layers: 12,
      num_attention_heads: 8,
      projection_dim: 512,
    });
    const vision = vitConfig.parse({
      hidden_size: 768,
      intermediate_size: 3072,
      num_hidden_layers: 12,
      num_attention_heads: 12,
      image_size: 224,
      patch_size: 32,
      projection_dim: 512,
    });
    const ids = input('ids', [1, 77], 'int32');
    const trace: Parameters<typeof writeSeeded>[1] = (p) => {
      clipTextProjection(p, text, clipText(p, text, clipTokenEmbedding(p, text, ids)), ids);
      clipImage(p, vision, input('pixels', [1, 3, 224, 224]));
    };
    await writeSeeded(join(folder, 'model.safetensors'), trace, { logit_scale: [] });
    const clip = await loadClip(engine, folder);
    const pictures = await Promise.all(photographs.map(readPicture));
    const images = await clip.embed(pictures.map((picture) => clip.preprocess(picture)));
    const texts = await clip.embedTexts(prompts);
    for (const [k, image] of images.entries()) await agrees(image, `clip.image.${k}`);
    for (const [k, one] of texts.entries()) await agrees(one, `clip.text.${k}`);
    const [units, words] = [images, texts].map((rows) => rows.map((row, i) => unit(row, String(i), 'clip'))) as [
      Float32Array[],
      Float32Array[],
    ];
    const clipT = (cosine(units[1]!, words[1]!) + cosine(units[2]!, words[2]!)) / 2;
    const clipI = (meanCosine(units[1]!, units.slice(0, 1)) + meanCosine(units[2]!, units.slice(0, 1))) / 2;
    expect(clipT).toBeCloseTo((await golden('metric.clipT'))[0]!, 4);
    expect(clipI).toBeCloseTo((await golden('metric.clipI'))[0]!, 4);
    await clip.release();
  });

  const small = { hidden_size: 384, num_hidden_layers: 12, num_attention_heads: 6 };
  const dinoConfig = { model_type: 'vit', ...small, intermediate_size: 1536, patch_size: 16, image_size: 224 };
  const dinov2Json = { model_type: 'dinov2', ...small, patch_size: 14, image_size: 518 };
  const pixels = input('pixels', [1, 3, 224, 224]);

  test('DINO ViT-S/16', { timeout: 300_000 }, async () => {
    const folder = await scratch();
    await mkdir(folder, { recursive: true });
    writeFileSync(join(folder, 'config.json'), JSON.stringify(dinoConfig));
    await writeSeeded(join(folder, 'model.safetensors'), (p) => void vit(p, vitConfig.parse(dinoConfig), pixels));
    const dino = await loadDino(engine, folder);
    const pictures = await Promise.all(photographs.map(readPicture));
    const features = await dino.embed(pictures.map((picture) => dino.preprocess(picture)));
    for (const [k, feature] of features.entries()) await agrees(feature, `dino.${k}`);
    const units = features.map((row, i) => unit(row, String(i), 'dino'));
    expect((cosine(units[1]!, units[0]!) + cosine(units[2]!, units[0]!)) / 2).toBeCloseTo((await golden('metric.dino'))[0]!, 4);
    await dino.release();
  });

  test('DINOv2 ViT-S/14, its positions resampled from 37 × 37 to 16 × 16', { timeout: 300_000 }, async () => {
    const folder = await scratch();
    writeFileSync(join(folder, 'config.json'), JSON.stringify(dinov2Json));
    const config = dinov2Config.parse(dinov2Json);
    const trace: Parameters<typeof writeSeeded>[1] = (p) =>
      void dinov2(p, config, pixels, p.in('embeddings').get('position_embeddings', [1, 257, 384]));
    await writeSeeded(join(folder, 'model.safetensors'), trace, {
      'embeddings.mask_token': [1, 384],
      'embeddings.position_embeddings': [1, 1370, 384],
    });
    const dino = await loadDino(engine, folder);
    const pictures = await Promise.all(photographs.map(readPicture));
    const features = await dino.embed(pictures.map((picture) => dino.preprocess(picture)));
    for (const [k, feature] of features.entries()) await agrees(feature, `dinov2.${k}`);
    await dino.release();
  });
});
