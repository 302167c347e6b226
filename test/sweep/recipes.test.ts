import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { bundledSubject, completeRecipe } from '../../src/cli/bundled.ts';
import { parseSweep } from '../../src/sweep/sweep.ts';

const sweeps = readdirSync('recipes').filter((name) => /^(table[234]|ablation|comparison)/.test(name));

test.each(sweeps)('%s can be run: subjects, settings of every variant, pairs', (name) => {
  const sweep = parseSweep(JSON.parse(readFileSync(`recipes/${name}`, 'utf8')), name);
  expect(sweep.about).toContain(`contextura sweep recipes/${name} --out`);
  for (const subject of sweep.subjects)
    for (const { recipe } of sweep.variants) {
      const { images, className } = bundledSubject(subject);
      const whole = completeRecipe({ ...sweep.recipe, ...recipe, images, class: className }, name);
      expect(whole.class).toBe(className);
    }
});
