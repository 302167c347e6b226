import { expect, test } from 'vitest';
import { parseRecipe } from '../src/config.ts';

const base = { images: 'x', class: 'dog' };
test('defaults are the paper’s', () => {
  expect(parseRecipe(base)).toMatchObject({ maskRate: 0.15, lambda: 1e-4, token: '<v>' });
});
test.each([
  [{ ...base, lamda: 1 }, /the recipe has the unknown key lamda; it takes model, images, /],
  [{ ...base, lambda: -1 }, /lambda \(λ\) is -1: /],
  [{ ...base, maskRate: 1 }, /maskRate \(ρ\) is 1: /],
  [{ class: 'dog' }, /images is missing/],
  [{ ...base, steps: 0.5 }, /steps is 0.5: /],
])('%j is refused in one line', (recipe, message) => {
  expect(() => parseRecipe(recipe)).toThrow(message);
});
