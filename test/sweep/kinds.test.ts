/** Recipes of analyses, courses, benchmarks and pictures on the embedded model, with trainings of two steps. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { readArtefact } from '../../src/artefacts/read.ts';
import { completeRecipe } from '../../src/methods/recipe.ts';
import { heldOutPrompts } from '../../src/cli/subjects.ts';
import { showTable } from '../../src/cli/table.ts';
import { embeddedSegmenter } from '../../src/evaluation/segmenters.ts';
import type { Segmenter } from '../../src/evaluation/segmenters.ts';
import { judgeExtractors, Judges } from '../../src/evaluation/judges.ts';
import { learnedAt } from '../../src/evaluation/run.ts';
import { Engine } from '../../src/graph/engine.ts';
import { loadModel } from '../../src/models/load.ts';
import type { DiffusionModel } from '../../src/models/load.ts';
import { analysisReport } from '../../src/report/analysis.ts';
import { drawMaps } from '../../src/report/attention.ts';
import { earlyStoppedReport } from '../../src/report/early-stopped.ts';
import { difference } from '../../src/report/page.ts';
import { galleryReport } from '../../src/report/gallery.ts';
import { sweepReport } from '../../src/report/sweep.ts';
import { analysisSchema, runAnalysis } from '../../src/sweep/analysis.ts';
import { benchmarkSchema, runBenchmark } from '../../src/sweep/benchmark.ts';
import { earlyStoppedSchema, keptAlong, runEarlyStopped } from '../../src/sweep/early-stopped.ts';
import { gallerySchema, runGallery } from '../../src/sweep/gallery.ts';
import { parseOf } from '../../src/sweep/parse.ts';
import type { LearnedSubject } from '../../src/sweep/shared.ts';
import { trainedRun } from '../../src/sweep/trained.ts';

let engine: Engine;
let model: DiffusionModel;
let judges: Judges;
let out: string;
beforeAll(async () => {
  engine = new Engine({ threads: 1 });
  model = await loadModel('assets/tiny');
  judges = await Judges.load(engine, 'assets/judges');
  out = await mkdtemp(join(tmpdir(), 'kinds-'));
});
afterAll(async () => {
  await engine.close();
  await rm(out, { recursive: true });
});

const subject: LearnedSubject = {
  name: 'dog',
  richPrompts: () => ['a {subject} in a field', 'a {subject} on the moon'],
  evaluationPrompts: ['a {subject} in the snow', 'a red {subject}'],
  contextPrompts: ['a red {subject}', 'a {subject} in the snow', 'a {subject} on the beach', 'a {subject} by a lake'],
  complete: (partial) => completeRecipe({ ...partial, images: 'examples/subjects/dog', class: 'dog' }),
};
const shared = {
  about: 'A table <1>: contextura sweep x',
  subjects: ['dog'],
  sampling: { steps: 1, guidance: 2 },
  recipe: { steps: 2, batchSize: 1, promptBatch: 2 },
  variants: [
    { name: 'ti', recipe: { lambda: 0 } },
    { name: 'ti+mlm', recipe: { lambda: 0.05 } },
  ],
};

/** The last value of a generator, and how many of its events satisfy `counts`. */
async function finish<E, R>(running: AsyncGenerator<E, R>, counts: (event: E) => boolean): Promise<{ events: number; value: R }> {
  let events = 0;
  let next = await running.next();
  for (; next.done !== true; next = await running.next()) if (counts(next.value)) events++;
  return { events, value: next.value };
}
const learns = (event: object): boolean => 'event' in event && (event.event as { kind: string }).kind === 'step';

describe('Table 1', () => {
  const recipe = parseOf(analysisSchema, { ...shared, kind: 'analysis', contexts: 2, paper: { ti: { sim1: 0.5047 } } }, 'table1');
  const run = (changes: object = {}) =>
    runAnalysis(engine, model, { ...recipe, ...changes }, [subject], { out, name: 'table1', versions: {}, draw: drawMaps });

  test('runs are learned, measured over prompts that have a context, and not measured again', async () => {
    const first = await finish(run(), learns);
    expect(first.events).toBe(4);
    const [ti, rich] = first.value.runs;
    expect(ti!.prompts).toEqual(['a {subject} in the snow', 'a {subject} on the beach']);
    expect(rich!.prompts).toEqual(ti!.prompts);
    expect(ti!.skl).toHaveLength(2);
    const { summary } = first.value;
    expect(summary.difference.sim2.mean).toBeCloseTo((rich!.sim2[0]! + rich!.sim2[1]! - ti!.sim2[0]! - ti!.sim2[1]!) / 2, 10);
    expect(summary.subjects.dog!.ti!.skl).toBeCloseTo((ti!.skl[0]! + ti!.skl[1]!) / 2, 10);
    const again = await finish(run(), () => true);
    expect(again.events).toBe(0);
    expect(again.value.summary).toEqual(summary);
    const page = await analysisReport(recipe, again.value, join(out, 'table1'));
    expect(page).toContain('<h1>A table &lt;1&gt;</h1>');
    expect(page).toContain('paper, Stable Diffusion: ti');
    // Two prompts, both variants: the picture, the concept's map, one word's.
    expect(page.match(/<img/g)).toHaveLength(12);
    expect(page).not.toMatch(/src="(?!data:)/);
  }, 300_000);

  test('other settings are refused, and so is a run that was learned otherwise', async () => {
    await expect(finish(run({ contexts: 3 }), learns)).rejects.toThrow(
      `${join(out, 'table1', 'dog', 'ti.json')} was measured under other settings or of another run than this recipe asks for: remove ${join(out, 'table1')}`,
    );
    await expect(finish(run({ recipe: { ...shared.recipe, vectors: 2 } }), learns)).rejects.toThrow(
      `the run in ${join(out, 'dog', 'ti')} has vectors 4, not 2 as this recipe asks for: choose another --out`,
    );
    const others = { ...subject, richPrompts: () => ['a {subject} at night'] };
    const options = { out, name: 'table1', versions: {}, draw: drawMaps };
    await expect(finish(runAnalysis(engine, model, recipe, [others], options), learns)).rejects.toThrow(
      `${join(out, 'dog', 'ti+mlm')} was learned with other rich prompts than this recipe names: choose another --out`,
    );
  }, 300_000);
});

test('Figure 7: pictures of the runs that are there', async () => {
  const recipe = parseOf(gallerySchema, { ...shared, kind: 'pictures', show: ['a {subject} in the snow'] }, 'figure7');
  const draw = () => runGallery(engine, model, recipe, [subject], { out, name: 'figure7', versions: {} });
  const first = await finish(draw(), (event) => 'pictures' in event);
  expect(first.events).toBe(2);
  expect((await finish(draw(), () => true)).events).toBe(0);
  const [ti, rich] = await Promise.all(first.value.map(({ pictures }) => readFile(pictures[0]!)));
  expect(ti!.equals(rich!)).toBe(false);
  const page = await galleryReport(recipe, first.value, { dog: ['examples/subjects/dog/1.png'] });
  expect(page.match(/<img/g)).toHaveLength(3);
  expect(() => parseOf(gallerySchema, { ...shared, kind: 'pictures', show: ['a dog'] }, 'r.json')).toThrow(
    'r.json: show.0: a prompt with {subject} is expected',
  );
}, 300_000);

describe('the early-stopped control', () => {
  const recipe = parseOf(
    earlyStoppedSchema,
    {
      ...shared,
      kind: 'early-stopped',
      picturesPerPrompt: 1,
      checkpoints: [1, 2, 3],
      variants: [
        { name: 'ti', recipe: { lambda: 0, steps: 3 } },
        { name: 'ti+mlm', recipe: { lambda: 0.05 } },
      ],
    },
    'early',
  );
  const run = (changes: object = {}) =>
    runEarlyStopped(engine, model, judges, { ...recipe, ...changes }, [subject], { out, name: 'early', versions: {} });

  test('one training a variant, every checkpoint scored once', async () => {
    let trained = 0;
    const first = await finish(run(), (event) => {
      if (learns(event)) trained++;
      return 'point' in event;
    });
    expect(first.events).toBe(5);
    expect(trained).toBe(5);
    const { summary, points } = first.value;
    expect(points.map(({ variant, step }) => `${variant}@${step}`)).toEqual(['ti@1', 'ti@2', 'ti@3', 'ti+mlm@1', 'ti+mlm@2']);
    expect(Object.keys(summary.course['ti+mlm']!)).toEqual(['1', '2']);
    expect(summary.againstEach['1']!.clipT.mean).toBeCloseTo(points[4]!.clipT - points[0]!.clipT, 12);
    await rm(join(out, 'early', 'dog', 'ti@2.json'));
    const again = await finish(run(), () => true);
    expect(again.events).toBe(1);
    expect(again.value.summary).toEqual(summary);
    const page = await earlyStoppedReport(recipe, again.value, join(out, 'early'));
    expect(page.match(/<img/g)).toHaveLength(5);
    expect(page).not.toMatch(/src="(?!data:)/);
  }, 300_000);

  test('a checkpoint is what a shorter training learns', async () => {
    const folder = join(out, 'dog', 'ti,checkpoints');
    const long = completeRecipe({ ...shared.recipe, steps: 3, lambda: 0, images: 'examples/subjects/dog', class: 'dog' });
    const atTwo = await learnedAt(folder, 2, long, model);
    const short = { ...long, sampleEvery: 0, steps: 2 };
    const running = trainedRun({ engine, model, recipe: short, prompts: [], out: join(out, 'short'), versions: {} });
    await finish(running, () => true);
    const { weights } = await readArtefact(join(out, 'short'), model);
    expect(atTwo.weights.concept!.shape).toEqual(weights.concept!.shape);
    expect([...atTwo.weights.concept!.data]).toEqual([...weights.concept!.data]);
    const { weights: last } = await readArtefact(folder, model);
    expect([...(await learnedAt(folder, 3, long, model)).weights.concept!.data]).toEqual([...last.concept!.data]);
    await expect(learnedAt(join(out, 'short'), 1, short, model)).rejects.toThrow(
      `${join(out, 'short')} keeps no checkpoint of step 1 (it has 2): learn it with keepCheckpoints`,
    );
  }, 300_000);

  test('checkpoints that are no shorter trainings are refused', () => {
    const of = (changes: object) => completeRecipe({ images: 'x', class: 'dog', steps: 4, ...changes });
    expect(keptAlong(of({}), [2, 4, 8], 'r').checkpoints).toEqual([2, 4]);
    expect(keptAlong(of({}), [2, 4, 8], 'r').recipe).toMatchObject({ checkpointEvery: 2, keepCheckpoints: 2 });
    expect(() => keptAlong(of({}), [1, 3], 'r.json')).toThrow(
      "r.json: checkpoints is 1, 3: ascending steps are expected, the training's 4 among them",
    );
    expect(() => keptAlong(of({ schedule: 'cosine' }), [2, 4], 'r.json')).toThrow(
      'r.json: a learning rate that falls to the last step makes no shorter training of its checkpoints: schedule is to be constant',
    );
  });
});

test('a benchmark: cells are kept, an interrupted one goes on by the picture', async () => {
  const recipe = parseOf(benchmarkSchema, { ...shared, kind: 'benchmark', picturesPerPrompt: 1 }, 'bench');
  // In the first picture that each variant draws, after five photographs, no subject is found.
  const segmenterOf = async (): Promise<Segmenter> => {
    const segmenter = embeddedSegmenter(judges);
    let seen = 0;
    const segment: Segmenter['segment'] = async (picture) => {
      const mask = await segmenter.segment(picture);
      return { ...mask, bytes: mask.bytes.fill(seen++ === 5 ? 0 : 255) };
    };
    return { ...segmenter, segment };
  };
  const tools = { ...judgeExtractors(judges), segmenterOf };
  const run = () => runBenchmark(engine, model, recipe, [subject], { out, name: 'bench', versions: {}, toolsFor: async () => tools });
  const first = await finish(run(), (event) => 'cell' in event);
  expect(first.events).toBe(2);
  expect(first.value.differences[0]!.scores.clipT.mean).toBeCloseTo(first.value.cells[1]!.clipT - first.value.cells[0]!.clipT, 12);
  expect(first.value.cells.map(({ withoutSubject }) => withoutSubject)).toEqual(Array(2).fill({ pictures: 1, of: 2 }));
  const page = sweepReport({ ...recipe, expected: undefined }, first.value);
  expect(page).toContain('<th>DINO-FG</th><th>pictures without the subject</th>');
  expect(page.match(/<td>1 of 2<\/td>/g)).toHaveLength(2);
  const said: unknown[] = [];
  const stream = vi.spyOn(process.stderr, 'write').mockImplementation((line) => said.push(line) > 0);
  const request = { out, name: 'bench', whole: false, json: false };
  await showTable({ ...recipe, expected: undefined }, first.value, request).finally(() => stream.mockRestore());
  expect(said[0]).toMatch(/^ti +clipT .* pictures without the subject: 1 of 2\n$/);
  const pictures = join(out, 'dog', 'ti', 'evaluation', 'pictures');
  await rm(join(out, 'dog', 'ti.json'));
  await rm(
    join(
      pictures,
      (await readdir(pictures)).find((name) => name.endsWith('.png'))!,
    ),
  );
  const again = await finish(run(), (event) => 'pictures' in event);
  expect(again.events).toBe(1);
  expect(again.value).toEqual(first.value);
  const changed = JSON.parse(await readFile(join(out, 'dog', 'ti.json'), 'utf8')) as { settings: { steps: number } };
  changed.settings.steps = 7;
  await writeFile(join(out, 'dog', 'ti.json'), JSON.stringify(changed));
  await expect(finish(run(), () => true)).rejects.toThrow(
    `${join(out, 'dog', 'ti.json')} was measured under other settings than this recipe asks for: choose another --out`,
  );
}, 300_000);

test('two hundred and more prompts are held out for every class of the world', () => {
  for (const name of ['dog', 'teapot', 'candle'] as const) expect(heldOutPrompts(name).length).toBeGreaterThanOrEqual(250);
});

test('green is better, whether more or less of it is', () => {
  const up = { mean: 0.1, low: 0.05, high: 0.2 };
  expect(difference(up)).toBe('<span class="above">+0.100</span> <small>+0.050 to +0.200</small>');
  expect(difference(up, true)).toBe('<span class="below">+0.100</span> <small>+0.050 to +0.200</small>');
  expect(difference({ ...up, low: -0.01 }, true)).toContain('class=""');
});
