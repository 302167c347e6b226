import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseRecipe } from '../../src/config.ts';
import type { Recipe } from '../../src/config.ts';
import { encodePictures } from '../../src/dataset/latents.ts';
import { followed } from '../../src/events.ts';
import { readSquare, writePng } from '../../src/files/images.ts';
import { Engine } from '../../src/graph/engine.ts';
import { loadModel, pixelSize } from '../../src/models/load.ts';
import type { DiffusionModel } from '../../src/models/load.ts';
import { missingPrior } from '../../src/trainer/prior.ts';
import { RunFolder } from '../../src/trainer/run-folder.ts';
import { scratch } from '../scratch.ts';

const count = 6;
const recipeOf = (changes: object): Recipe =>
  parseRecipe({
    images: 'examples/subjects/dog',
    class: 'dog',
    method: 'dreambooth',
    token: 'sks',
    lambda: 0,
    priorCount: count,
    ...changes,
  });

let engine: Engine;
let model: DiffusionModel;
let folder: string;
let pictures: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contextura-'));
  engine = new Engine({ threads: 1, keepIn: join(folder, 'kept') });
  // Large enough for its pictures to be taken for photographs, whose latents are kept.
  const tiny = await loadModel('assets/tiny');
  model = { ...tiny, unet: { ...tiny.unet, config: { ...tiny.unet.config, sample_size: 36 } } };
  pictures = join(folder, 'pictures');
  await mkdir(pictures);
  const side = pixelSize(model);
  for (let i = 0; i < count; i++)
    await writePng(
      join(pictures, `000${i}.png`),
      Uint8Array.from({ length: 3 * side ** 2 }, (_, k) => (i * 31 + k) % 251),
      side,
    );
});
afterAll(async () => {
  await engine.close();
  await rm(folder, { recursive: true, force: true });
});

const picture = (i: number): string => join(pictures, `000${i}.png`);
const encode = async (indices: readonly number[]): Promise<void> => {
  const pixels = await Promise.all(indices.map((i) => readSquare(picture(i), pixelSize(model))));
  await followed(encodePictures(engine, model, pixels), () => undefined);
};

describe('what is missing of the pictures of a class', () => {
  test('nothing, where there are to be none', async () => {
    expect(await missingPrior(engine, model, undefined, recipeOf({ priorCount: 0 }))).toEqual({ drawn: [], encoded: 0 });
  });

  test('all, where a run has not begun', async () => {
    expect(await missingPrior(engine, model, undefined, recipeOf({}))).toEqual({ drawn: [count], encoded: count });
    const also = [{ images: 'examples/subjects/cat', class: 'cat', token: 'rtz' }];
    expect(await missingPrior(engine, model, undefined, recipeOf({ also }))).toEqual({ drawn: [count, count], encoded: 2 * count });
  });

  test('the latents of those that are at hand, but for the ones that were kept', async () => {
    const given = recipeOf({ priorImages: pictures });
    const run = await RunFolder.create(join(await scratch(), 'run'), { recipe: recipeOf({}), versions: {}, inputs: {} });
    await mkdir(run.in('prior'), { recursive: true });
    for (const i of [0, 1, 2]) await copyFile(picture(i), run.in('prior', `000${i}.png`));

    expect(await missingPrior(engine, model, undefined, given)).toEqual({ drawn: [], encoded: count });
    expect(await missingPrior(engine, model, run, recipeOf({}))).toEqual({ drawn: [3], encoded: count });

    // Those that are looked at (0, 2 and 4) stand for their neighbours.
    await encode([0, 2]);
    expect((await missingPrior(engine, model, undefined, given)).encoded).toBe(2);
    await encode([1, 3, 4, 5]);
    expect((await missingPrior(engine, model, undefined, given)).encoded).toBe(0);
    expect(await missingPrior(engine, model, run, recipeOf({}))).toEqual({ drawn: [3], encoded: 3 });
  });

  test('too few that are given are refused', async () => {
    await expect(missingPrior(engine, model, undefined, recipeOf({ priorImages: pictures, priorCount: 7 }))).rejects.toThrow(
      `--prior-images ${pictures} holds 6 pictures, --prior-count asks for 7: add some, or ask for fewer`,
    );
  });
});
