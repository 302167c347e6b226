import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { methodNames, methodOf } from '../../src/methods/index.ts';
import { completeRecipe, readRecipe } from '../../src/methods/recipe.ts';
import { loadModel } from '../../src/models/load.ts';
import { readSubjects } from '../../src/trainer/prepare.ts';
import { scratch } from '../scratch.ts';

const asked = { images: 'examples/subjects/dog', class: 'dog' };

test.each(methodNames())('%s has its own defaults, and what is given before them', (method) => {
  const { defaults } = methodOf(method);
  expect(completeRecipe({ ...asked, method, model: 'elsewhere' })).toMatchObject(defaults);
  expect(completeRecipe({ ...asked, method, model: 'elsewhere', learningRate: 0.5 })).toMatchObject({ ...defaults, learningRate: 0.5 });
});

test('the embedded model has settings of its own, by method', () => {
  expect(completeRecipe({ ...asked, method: 'dreambooth', model: 'elsewhere' }).learningRate).toBe(2e-6);
  expect(completeRecipe({ ...asked, method: 'dreambooth' })).toMatchObject({ learningRate: 2e-4, lambda: 5e-4, steps: 100, batchSize: 4 });
});

test('an update of a real model shares its pictures and prompts among batches, unless a batch size is given', () => {
  const of = (keys: object): object => {
    const { batchSize, accumulation, promptBatch } = completeRecipe({ ...asked, ...keys });
    return { batchSize, accumulation, promptBatch };
  };
  const elsewhere = { model: 'elsewhere' };
  expect(of(elsewhere)).toEqual({ batchSize: 1, accumulation: 4, promptBatch: 4 });
  expect(of({ ...elsewhere, batchSize: 2 })).toEqual({ batchSize: 2, accumulation: 1, promptBatch: 16 });
  expect(of({ ...elsewhere, batchSize: 2, accumulation: 3, promptBatch: 7 })).toEqual({ batchSize: 2, accumulation: 3, promptBatch: 7 });
  expect(of({ ...elsewhere, method: 'xti' })).toEqual({ batchSize: 1, accumulation: 8, promptBatch: 2 });
  expect(of({ method: 'xti' })).toEqual({ batchSize: 4, accumulation: 1, promptBatch: 16 });
  expect(() => of({ accumulation: -1 })).toThrow('accumulation is -1');
});

test('MLM is left out where a method trains nothing that it could act on', () => {
  expect(completeRecipe({ ...asked, method: 'lora' }).lambda).toBe(0);
  expect(completeRecipe({ ...asked, method: 'lora', loraText: true }).lambda).toBe(0.05);
});

test('a recipe file is completed, and checked', async () => {
  const path = join(await scratch(), 'recipe.json');
  const keys = { ...asked, method: 'dreambooth', model: 'elsewhere' };
  await writeFile(path, JSON.stringify(keys));
  expect(await readRecipe(path)).toEqual(completeRecipe(keys));
  await writeFile(path, JSON.stringify({ ...keys, steps: 0.5 }));
  await expect(readRecipe(path)).rejects.toThrow(`${path}: steps is 0.5: a whole number is expected`);
});

test('Custom Diffusion shows its pictures in several sizes, on the embedded model and where it is asked not to as they are', async () => {
  const model = await loadModel('assets/tiny');
  const read = async (recipe: object): Promise<{ views: number; prefixed: number }> => {
    const [subject] = await readSubjects(
      model,
      methodOf('custom-diffusion'),
      completeRecipe({ ...asked, method: 'custom-diffusion', ...recipe }),
    );
    return { views: subject!.views.length, prefixed: subject!.views.filter(({ prefix }) => prefix !== undefined).length };
  };
  const plain = await read({});
  expect(plain.prefixed).toBe(0);
  expect(await read({ model: 'elsewhere', scaledViews: false })).toEqual(plain);
  const scaled = await read({ model: 'elsewhere' });
  expect(scaled.prefixed).toBeGreaterThan(0);
  expect(scaled.views).toBe(13 * plain.views);
});
