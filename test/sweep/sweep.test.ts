import { mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { completeRecipe } from '../../src/methods/recipe.ts';
import { Judges } from '../../src/evaluation/judges.ts';
import { Engine } from '../../src/graph/engine.ts';
import { loadModel } from '../../src/models/load.ts';
import { sweepReport } from '../../src/report/sweep.ts';
import { distance, expectedBlock, tableResult, tableResultSchema } from '../../src/sweep/result.ts';
import { parseSweep, runSweep, summarize } from '../../src/sweep/sweep.ts';
import type { Cell, SweepSubject, SweepSummary } from '../../src/sweep/sweep.ts';

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

  test('the page: an interval above zero is marked, the paper beside, names are text', () => {
    const page = sweepReport(
      { ...sweep, about: 'Table <9>: contextura sweep x', paper: { ti: { clipT: 0.279 } } },
      summarize(cells, sweep),
    );
    expect(page).toContain('<h1>Table &lt;9&gt;</h1>');
    expect(page).toContain('<td>ti+mlm − ti</td><td><span class="above">+0.020</span> <small>+0.010 to +0.030</small></td>');
    expect(page).toContain('<td>ti</td><td>0.279</td><td></td><td></td>');
    expect(page).not.toMatch(/https?:\/\/(?!www\.w3\.org)/);
  });

  test('a result that a recipe keeps is read back, and another run is held against it', () => {
    const summary = summarize(cells, sweep);
    const { expected } = JSON.parse(`{${expectedBlock(tableResult(summary))}}`) as { expected: unknown };
    const kept = tableResultSchema.parse(expected);
    expect(kept.differences['ti+mlm − ti']!.clipT![0]).toBe(0.02);
    expect(kept.subjects![sweep.subjects[0]!]!.ti).toHaveLength(3);
    expect(distance(summary, kept).largest).toBeLessThan(5e-5 + 1e-12);
    const moved = cells.map((one) => ({ ...one, dino: one.dino + 0.1 }));
    expect(distance(summarize(moved, sweep), kept).largest).toBeCloseTo(0.1, 4);
    const { ti, ...rest } = kept.variants;
    expect(distance(summary, { variants: { ...rest, xti: ti! } })).toEqual({
      largest: distance(summary, kept).largest,
      unmatched: ['ti', 'xti'],
    });
    expect(sweepReport({ ...sweep, about: 'Table', expected: kept }, summary)).toContain('<h2>As the recipe names it</h2>');
  });

  test('named pairs', () => {
    const { differences } = summarize(cells, { ...sweep, pairs: [['ti+mlm', 'ti']] });
    expect(differences.map(({ of, scores }) => [of, scores.clipT.mean.toFixed(3)])).toEqual([['ti', '-0.020']]);
  });
});

test('what a recipe does not say stays unsaid', () => {
  const { recipe, variants } = parseSweep(
    { about: '-', subjects: ['dog'], recipe: { steps: 7 }, variants: [{ name: 'a', recipe: {} }] },
    '-',
  );
  expect(recipe).toEqual({ steps: 7 });
  expect(variants).toEqual([{ name: 'a', recipe: {} }]);
});

describe('recipes that are wrong', () => {
  const base = { about: '-', subjects: ['dog'] };
  test.each([
    [{ ...base, colour: 1 }, 'recipe.json has the unknown key colour'],
    [{ ...base, recipe: { lamda: 1 } }, 'recipe.json has the unknown key lamda'],
    [{ subjects: ['dog'] }, 'recipe.json: about is missing: a text is expected'],
    [{ ...base, subjects: [] }, 'recipe.json: subjects: at least 1 entry is expected'],
    [{ ...base, variants: [{ name: '../x', recipe: {} }] }, 'recipe.json: variants.0.name: letters, digits and + - _ . = , are expected'],
    [
      { ...base, variants: ['a', 'a'].map((name) => ({ name, recipe: {} })) },
      'recipe.json has two variants called a: give them different names',
    ],
    [{ ...base, prompts: { source: 'poems', count: 1 } }, 'recipe.json: prompts.source: bundled or grammar is expected'],
    [{ ...base, pairs: [['ti', 'xti']] }, 'recipe.json: pairs names xti, which is no variant: ti, ti+mlm are'],
  ])('%j', (value, message) => {
    expect(() => parseSweep(value, 'recipe.json')).toThrow(message);
  });
});

test('recipes whose variants agree share their cells; one of other settings is refused', async () => {
  const engine = new Engine({ threads: 1 });
  const model = await loadModel('assets/tiny');
  const judges = await Judges.load(engine, 'assets/judges');
  const out = await mkdtemp(join(tmpdir(), 'sweep-'));
  const asked: unknown[] = [];
  const subject: SweepSubject = {
    name: 'dog',
    richPrompts: (set) => {
      asked.push(set);
      return ['a {subject} in a field', 'a {subject} on the moon'];
    },
    evaluationPrompts: ['a {subject} in the snow', 'a red {subject}'],
    complete: (partial) => completeRecipe({ ...partial, images: 'examples/subjects/dog', class: 'dog' }),
  };
  const run = async (name: string, changes: object): Promise<[number, SweepSummary]> => {
    const shared = { about: '-', subjects: ['dog'], picturesPerPrompt: 1, sampling: { steps: 1, guidance: 2 }, recipe: { steps: 1 } };
    const running = runSweep(engine, model, judges, parseSweep({ ...shared, ...changes }, name), [subject], { out, name, versions: {} });
    let trained = 0;
    let next = await running.next();
    for (; next.done !== true; next = await running.next()) if ('cell' in next.value) trained += 1;
    return [trained, next.value];
  };
  const mlm = { name: 'ti+mlm', recipe: { lambda: 0.05 } };
  const grammar = { name: 'grammar', recipe: {}, prompts: { source: 'grammar', count: 2 } };
  expect((await run('first', { variants: [mlm] }))[0]).toBe(1);
  const [trained, summary] = await run('second', { variants: [mlm, grammar] });
  expect(trained).toBe(1);
  expect(Object.keys(summary.variants)).toEqual(['ti+mlm', 'grammar']);
  expect(asked).toContainEqual({ source: 'bundled', count: 200 });
  expect(asked).toContainEqual({ source: 'grammar', count: 2 });
  await expect(run('third', { variants: [{ ...mlm, prompts: { source: 'bundled', count: 10 } }] })).rejects.toThrow(
    'was measured under other settings than this recipe asks for: choose another --out',
  );
  expect((await readdir(out)).toSorted()).toEqual(['dog', 'first.json', 'second.json']);
  await engine.close();
}, 120_000);
