import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { bundledSubject } from '../../src/world/bundled.ts';
import { completeRecipe } from '../../src/methods/recipe.ts';
import { parseKind } from '../../src/cli/recipes.ts';
import { parseSweep } from '../../src/sweep/sweep.ts';

const files = readdirSync('recipes', { recursive: true, encoding: 'utf8' })
  .map((name) => name.replaceAll('\\', '/'))
  .filter((name) => name.endsWith('.json') && !name.startsWith('prompts/'));

test.each(files)('%s can be run: its command, subjects, settings of every variant, pairs', (name) => {
  const value = JSON.parse(readFileSync(`recipes/${name}`, 'utf8')) as Record<string, unknown>;
  if ('together' in value) return; // pairs of subjects have a schema and a test of their own
  expect(value.about).toContain(`contextura sweep recipes/${name} --out`);
  const recipe = 'kind' in value ? parseKind(value, name) : parseSweep(value, name);
  const benchmark = 'benchmark' in recipe ? recipe.benchmark : undefined;
  for (const subject of recipe.subjects)
    for (const { recipe: own } of recipe.variants) {
      const { images, className } =
        benchmark === undefined ? bundledSubject(subject) : { images: `${benchmark}/${subject}`, className: 'thing' };
      const whole = completeRecipe({ ...recipe.recipe, ...own, images, class: className }, name);
      expect(whole.class).toBe(className);
    }
  if (name.startsWith('sd15/')) {
    expect(value.expected).toMatch(/^not run/);
    expect(recipe.recipe.model).toBe('stable-diffusion-v1-5/stable-diffusion-v1-5');
  }
});

test.each(['table1', 'table2', 'table3', 'table4', 'figure6', 'figure7', 'early-stopped'])(
  '%s has a recipe for Stable Diffusion 1.5',
  (name) => {
    expect(files).toContain(`sd15/${name}.json`);
  },
);

test('a kind that is not known', () => {
  expect(() => parseKind({ kind: 'poem' }, 'r.json')).toThrow(
    'r.json: kind is "poem": analysis, early-stopped, benchmark, pictures are known, and a table has none',
  );
});
