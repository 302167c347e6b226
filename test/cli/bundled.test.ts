import { expect, test } from 'vitest';
import { completeRecipe } from '../../src/methods/recipe.ts';
import { methodOf } from '../../src/methods/index.ts';
import { loadModel } from '../../src/models/load.ts';
import { readSubjects } from '../../src/trainer/prepare.ts';

const asked = { images: 'examples/subjects/dog', class: 'dog', method: 'custom-diffusion' };

test('Custom Diffusion shows its pictures in several sizes, on the embedded model and where it is asked not to as they are', async () => {
  const model = await loadModel('assets/tiny');
  const read = async (recipe: object): Promise<{ views: number; prefixed: number }> => {
    const [subject] = await readSubjects(model, methodOf('custom-diffusion'), completeRecipe({ ...asked, ...recipe }));
    return { views: subject!.views.length, prefixed: subject!.views.filter(({ prefix }) => prefix !== undefined).length };
  };
  const plain = await read({});
  expect(plain.prefixed).toBe(0);
  expect(await read({ model: 'elsewhere', scaledViews: false })).toEqual(plain);
  const scaled = await read({ model: 'elsewhere' });
  expect(scaled.prefixed).toBeGreaterThan(0);
  expect(scaled.views).toBe(13 * plain.views);
});
