import { describe, expect, test } from 'vitest';
import { parseSweep, summarize } from '../../src/sweep/sweep.ts';
import type { Cell } from '../../src/sweep/sweep.ts';

const cell = (subject: string, variant: string, clipT: number): Cell => ({
  subject,
  variant,
  clipT,
  dino: 0.5,
  dinoFg: 2 * clipT,
  settings: {},
});

describe('summaries', () => {
  const sweep = parseSweep({ about: '-', subjects: ['a', 'b', 'c'] }, 'recipe');
  const cells = [0.1, 0.2, 0.6].flatMap((x, i) => [
    cell(sweep.subjects[i]!, 'ti', x),
    cell(sweep.subjects[i]!, 'ti+mlm', x + 0.01 * (i + 1)),
  ]);

  test('means over subjects, differences paired by subject', () => {
    const { variants, differences } = summarize(cells.toReversed(), sweep);
    expect(variants.ti!.clipT.mean).toBeCloseTo(0.3, 12);
    expect(variants['ti+mlm']!.dinoFg.mean).toBeCloseTo(0.64, 12);
    expect(differences).toHaveLength(1);
    const { of, against, scores } = differences[0]!;
    expect([of, against]).toEqual(['ti+mlm', 'ti']);
    expect(scores.clipT.mean).toBeCloseTo(0.02, 12);
    // Subjects differ by far more than the variants do: only a paired interval lies above zero.
    expect(scores.clipT.low).toBeGreaterThanOrEqual(0.01 - 1e-12);
    expect(scores.clipT.high).toBeLessThanOrEqual(0.03 + 1e-12);
    expect(scores.dino).toEqual({ mean: 0, low: 0, high: 0 });
  });

  test('named pairs', () => {
    const { differences } = summarize(cells, { ...sweep, pairs: [['ti+mlm', 'ti']] });
    expect(differences.map(({ of, scores }) => [of, scores.clipT.mean.toFixed(3)])).toEqual([['ti', '-0.020']]);
  });
});

describe('recipes that are wrong', () => {
  const base = { about: '-', subjects: ['dog'] };
  test.each([
    [{ ...base, colour: 1 }, 'recipe.json has the unknown key colour'],
    [{ ...base, recipe: { lamda: 1 } }, 'recipe.json has the unknown key lamda'],
    [{ ...base, subjects: [] }, 'recipe.json: subjects: Too small: expected array to have >=1 items'],
    [{ ...base, variants: [{ name: '../x', recipe: {} }] }, 'recipe.json: variants.0.name: letters, digits and + - _ . = , are expected'],
    [
      { ...base, variants: ['a', 'a'].map((name) => ({ name, recipe: {} })) },
      'recipe.json has two variants called a: give them different names',
    ],
    [{ ...base, pairs: [['ti', 'xti']] }, 'recipe.json: pairs names xti, which is no variant: ti, ti+mlm are'],
  ])('%j', (value, message) => {
    expect(() => parseSweep(value, 'recipe.json')).toThrow(message);
  });
});
