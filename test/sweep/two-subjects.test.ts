import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { namedOfPair } from '../../src/cli/two-subjects.ts';
import { listImages } from '../../src/files/images.ts';
import { twoSubjectsReport } from '../../src/report/two-subjects.ts';
import { parseTwoSubjects, summarizeTwoSubjects } from '../../src/sweep/two-subjects.ts';
import type { TwoSubjectsCell } from '../../src/sweep/two-subjects.ts';

const cell = (pair: string, subject: string, variant: string, named: number): TwoSubjectsCell => ({
  pair,
  subject,
  variant,
  named,
  other: 0.5,
  lead: named - 0.5,
  clipT: 0.8,
  showsNamed: 1,
  showsOther: 0,
  settings: {},
});
const base = { about: 'Figure: command', together: ['a'], variants: [{ name: 'ti' }, { name: 'ti+mlm' }] };

test('differences are paired by subject, intervals are over pairs', () => {
  const sweep = parseTwoSubjects(base, 'recipe');
  // Both subjects of a pair gain alike, the pairs differ: four values, two of them independent.
  const cells = ['p', 'q'].flatMap((pair, i) =>
    ['x', 'y'].flatMap((subject, j) => [
      cell(pair, subject, 'ti', 0.2 + 0.3 * j),
      cell(pair, subject, 'ti+mlm', 0.2 + 0.3 * j + 0.1 * (i + 1)),
    ]),
  );
  const { variants, differences } = summarizeTwoSubjects(cells.toReversed(), sweep);
  expect(variants.ti!.named.mean).toBeCloseTo(0.35, 12);
  const [difference] = differences;
  expect(difference).toMatchObject({ of: 'ti+mlm', against: 'ti' });
  const { mean, lo, hi, n } = difference!.scores.named;
  expect([mean, lo, hi].map((x) => x.toFixed(3))).toEqual(['0.150', '0.100', '0.200']);
  expect(n).toBe(4);
  expect(difference!.scores.lead.mean).toBeCloseTo(0.15, 12);
  expect(difference!.scores.other).toMatchObject({ mean: 0, lo: 0, hi: 0 });
  const page = twoSubjectsReport(
    {
      about: base.about,
      prompts: ['a <v>'],
      figures: [{ pair: 'p', subject: 'x', className: 'dog', other: 'y', rows: [{ label: 'ti', pictures: ['QUJD'] }] }],
    },
    { variants, differences, cells },
  );
  expect(page).toContain('<span class="better">+0.150</span>');
  expect(page).toContain('src="data:image/png;base64,QUJD"');
  expect(page).not.toMatch(/(src|href)="(?!data:)/);
});

test.each([
  [{ ...base, colour: 1 }, 'recipe.json has the unknown key colour'],
  [{ ...base, together: [] }, 'recipe.json: together: at least 1 entry is expected'],
  [{ ...base, variants: [{ name: 'a' }, { name: 'a' }] }, 'recipe.json has two variants called a: give them different names'],
  [{ ...base, recipe: { masks: 'x' } }, 'recipe.json has the unknown key masks'],
])('a wrong recipe: %j', (value, message) => {
  expect(() => parseTwoSubjects(value, 'recipe.json')).toThrow(message);
});

test('the recipe of Figure 6 can be run: pairs, pictures, masks, prompts, settings', async () => {
  const where = 'recipes/figure6-tiny.json';
  const sweep = parseTwoSubjects(JSON.parse(readFileSync(where, 'utf8')), where);
  expect(sweep.about).toContain(`contextura sweep ${where} --out`);
  expect(() => namedOfPair('dog-and-bone', where)).toThrow(
    `${where}: pair dog-and-bone is not bundled: choose from dog-and-teapot, cat-and-backpack, rabbit-and-vase, dog2-and-clock, cat2-and-boot`,
  );
  expect(sweep.together.length).toBeGreaterThanOrEqual(4);
  for (const one of sweep.together.flatMap((name) => namedOfPair(name, where))) {
    for (const folder of [one.images, one.masks, one.alone.named, one.alone.other]) expect(await listImages(folder)).toHaveLength(5);
    expect(one.richPrompts(sweep.prompts)).toHaveLength(sweep.prompts);
    for (const { recipe } of sweep.variants)
      expect(one.complete({ ...sweep.recipe, ...recipe, images: one.images, class: one.className })).toMatchObject(recipe);
  }
});
