/** The protocol with simple extractors whose features are known, benchmark folders, segmenters, tables, refusals. */
import { existsSync } from 'node:fs';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { parseDreamBooth, readBenchmark } from '../../src/evaluation/dreambooth.ts';
import { evaluatePictures } from '../../src/evaluation/evaluate.ts';
import type { Evaluation, EvaluationOptions } from '../../src/evaluation/evaluate.ts';
import type { TextImageExtractor } from '../../src/evaluation/extractors.ts';
import { bestMask, groundedSegmenter } from '../../src/evaluation/grounded.ts';
import type { TransformersLibrary } from '../../src/evaluation/grounded.ts';
import { readPicture } from '../../src/evaluation/picture.ts';
import { compare, summarize, tabulate, toCsv } from '../../src/evaluation/scores.ts';
import type { ScoredPicture } from '../../src/evaluation/scores.ts';
import { coverage, maskFiles, mattingNetwork } from '../../src/evaluation/segmenters.ts';
import type { Segmenter } from '../../src/evaluation/segmenters.ts';
import { clusterBootstrap } from '../../src/evaluation/statistics.ts';
import { paretoChart, paretoFront } from '../../src/report/pareto.ts';
import type { Candidate } from '../../src/report/pareto.ts';
import { withoutClass } from '../../src/text/prompts.ts';
import { scratch } from '../scratch.ts';

const side = 32;
async function flat(path: string, colour: readonly [number, number, number], size = side): Promise<string> {
  await mkdir(join(path, '..'), { recursive: true });
  const [r, g, b] = colour;
  await sharp({ create: { width: size, height: size, channels: 3, background: { r, g, b } } })
    .png()
    .toFile(path);
  return path;
}

/** Features are the first pixel's colour; a text's are its length's direction. */
function colours(id = 'clip'): TextImageExtractor & { seen: number } {
  const own = {
    seen: 0,
    name: 'colours',
    id,
    preprocess: ({ bytes }: { bytes: Uint8Array }, mask?: { bytes: Uint8Array }) =>
      Float32Array.from(bytes.subarray(0, 3), (x) => (mask === undefined || mask.bytes[0]! > 127 ? x : 128)),
    embed: async (inputs: readonly Float32Array[]) => ((own.seen += inputs.length), [...inputs]),
    embedTexts: async (texts: readonly string[]) => texts.map((text) => Float32Array.of(text.includes('<v>') ? 0 : 1, 1, 0)),
    release: async () => undefined,
  };
  return own;
}

const fixed = (value: number): Segmenter => ({
  name: 'fixed',
  id: `fixed${value}`,
  segment: async ({ width, height }) => ({ bytes: new Uint8Array(width * height).fill(value), width, height }),
  release: async () => undefined,
});

async function evaluated(options: EvaluationOptions): Promise<Evaluation> {
  const running = evaluatePictures(options);
  for (;;) {
    const step = await running.next();
    if (step.done === true) return step.value;
  }
}

async function setting(
  more: Partial<EvaluationOptions> = {},
): Promise<EvaluationOptions & { clip: ReturnType<typeof colours>; dino: ReturnType<typeof colours> }> {
  const folder = await scratch();
  const red = await flat(join(folder, 'p', '0.png'), [255, 0, 0]);
  const yellow = await flat(join(folder, 'p', '1.png'), [255, 255, 0]);
  const reference = await flat(join(folder, 'r', '0.png'), [255, 0, 0], 48);
  const prompt = 'a {subject} here';
  const pictures = [red, yellow].map((path) => ({ path, prompt }));
  return {
    subjects: [{ name: 'one', className: 'dog', token: '<v>', references: [reference], pictures }],
    clip: colours(),
    dino: colours('dino'),
    segmenterOf: async () => fixed(255),
    out: join(folder, 'out'),
    ...more,
  } as Awaited<ReturnType<typeof setting>>;
}

test('each metric is the cosine that it says, means and intervals follow', async () => {
  const options = await setting();
  const { pictures } = await evaluated(options);
  const diagonal = Math.SQRT1_2;
  expect(pictures[0]).toMatchObject({ subject: 'one', clipTPlaceholder: 0, clipI: 1, dino: 1, dinoFg: 1 });
  expect(pictures[0]!.clipT).toBeCloseTo(diagonal, 6);
  expect(pictures[1]!.clipT).toBeCloseTo(1, 6);
  expect(pictures[1]!.clipTPlaceholder).toBeCloseTo(diagonal, 6);
  for (const name of ['clipI', 'dino', 'dinoFg'] as const) expect(pictures[1]![name]).toBeCloseTo(diagonal, 6);
  expect(summarize(pictures).dino).toMatchObject({ mean: (1 + pictures[1]!.dino!) / 2, n: 2 });
  expect(existsSync(pictures[0]!.mask!)).toBe(true);
});

test('leakage: the share of foreign prompts that fit a picture better than its own', async () => {
  // Texts without <v> are (1, 1, 0): only a prompt that shares no content word with "a {subject} here" counts.
  const options = await setting({ foreign: ['a {subject} here again', 'a {subject} in blue', 'a {subject} <v>-like'] });
  const { pictures } = await evaluated(options);
  // Red is nearer to (1, 1, 0) than to (0, 1, 0): of the two that count, none fits better.
  expect(pictures[0]!.leakage).toBe(0);
  const green = await setting({ foreign: ['a {subject} here again', 'a {subject} in blue', 'a {subject} <v>-like'] });
  await flat(green.subjects[0]!.pictures[0]!.path, [0, 255, 0]);
  expect((await evaluated(green)).pictures[0]!.leakage).toBe(0.5);
  expect((await evaluated(await setting())).pictures[0]!.leakage).toBeUndefined();
});

test('nothing is computed twice, and a changed picture is', async () => {
  const options = await setting();
  const first = await evaluated(options);
  expect(options.dino.seen).toBe(6);
  expect(await evaluated(options)).toEqual(first);
  expect(options.dino.seen).toBe(6);
  await flat(options.subjects[0]!.pictures[0]!.path, [0, 255, 0]);
  const third = await evaluated(options);
  expect(options.dino.seen).toBe(8);
  expect(third.pictures[0]!.dino).toBe(0);
});

describe('what cannot be scored is said', () => {
  test('an empty mask, or its picture is left out of DINO-FG by name', async () => {
    const options = await setting({ segmenterOf: async () => fixed(0) });
    const paths = [options.subjects[0]!.references[0]!, ...options.subjects[0]!.pictures.map(({ path }) => path)];
    await expect(evaluated(options)).rejects.toThrow(
      `${paths[0]} and 2 more: the mask of fixed is empty: give another --segmenter, masks of your own, or --skip-empty-masks`,
    );
    const { pictures, withoutMask } = await evaluated({ ...options, skipEmptyMasks: true });
    expect(withoutMask).toEqual(paths);
    expect(pictures.map(({ dinoFg }) => dinoFg)).toEqual([undefined, undefined]);
    expect(summarize(pictures).dinoFg).toBeUndefined();
  });

  test('features that are NaN or zero', async () => {
    const options = await setting();
    options.dino.embed = async (inputs) => inputs.map(() => Float32Array.of(NaN, 0, 0));
    await expect(evaluated(options)).rejects.toThrow(/r\/0\.png: the features of colours are not finite numbers/);
    const black = await setting();
    await flat(black.subjects[0]!.pictures[1]!.path, [0, 0, 0]);
    await expect(evaluated(black)).rejects.toThrow(/p\/1\.png: the features of colours are all zero/);
  });

  test('pictures of mixed sizes, and corrupt ones', async () => {
    const options = await setting();
    const [a, b] = options.subjects[0]!.pictures.map(({ path }) => path) as [string, string];
    await flat(b, [9, 9, 9], 40);
    await expect(evaluated(options)).rejects.toThrow(
      `${b} is 40 × 40 pixels and ${a} is 32 × 32: pictures that are averaged over have one size`,
    );
    await writeFile(b, 'no picture');
    await expect(evaluated(options)).rejects.toThrow(/1\.png cannot be read as a picture/);
  });

  test('masks of another size, or missing', async () => {
    const folder = await scratch();
    const picture = await readPicture(await flat(join(folder, 'a.png'), [1, 2, 3]));
    await mkdir(join(folder, 'masks'));
    const masks = maskFiles(join(folder, 'masks'));
    await expect(masks.segment(picture)).rejects.toThrow(/masks\/a\.png does not exist: every picture needs a mask of its name/);
    await flat(join(folder, 'masks', 'a.png'), [255, 255, 255], 20);
    await expect(masks.segment(picture)).rejects.toThrow(/is 20 × 20 pixels and .* is 32 × 32: a mask has its picture's size/);
    await flat(join(folder, 'masks', 'a.png'), [255, 255, 255]);
    expect(coverage(await masks.segment(picture))).toBe(1);
  });
});

test('an interval over groups is wider than over pictures that repeat each other', () => {
  const groups = Array.from({ length: 8 }, (_, i) => Array.from({ length: 10 }, () => i));
  const [whole, single] = [clusterBootstrap(groups), clusterBootstrap(groups.flat().map((x) => [x]))];
  expect(whole).toMatchObject({ mean: 3.5, n: 80 });
  expect(whole.hi - whole.lo).toBeGreaterThan(2 * (single.hi - single.lo));
  expect(clusterBootstrap([[2, 2], [2]])).toEqual({ mean: 2, lo: 2, hi: 2, n: 3 });
});

test('tables and CSV', () => {
  const pictures: ScoredPicture[] = [
    { subject: 's', prompt: 'a {subject}, "wet"', path: 'a.png', clipT: 0.5 },
    { subject: 's', prompt: 'a {subject}, "wet"', path: 'b.png', clipT: 0.25, dino: 1 },
  ];
  const rows = tabulate(pictures, 'prompt');
  expect(rows).toEqual([{ name: 'a {subject}, "wet"', n: 2, clipT: 0.375, dino: 1 }]);
  expect(toCsv(rows, ['name', 'n', 'clipT', 'dinoFg'])).toBe('name,n,clipT,dinoFg\n"a {subject}, ""wet""",2,0.375000,\n');
});

test('paired differences, and evaluations that do not belong together', () => {
  const rows = (shift: number): ScoredPicture[] =>
    [0.1, 0.9, 0.4, 0.6].map((x, i) => ({ subject: 's', prompt: `p${i % 2}`, path: `${shift}-${i}.png`, clipT: x + shift }));
  const { clipT } = compare(rows(0.25), rows(0), 'b');
  expect(clipT!.mean).toBeCloseTo(0.25, 10);
  expect(clipT!.hi - clipT!.lo).toBeLessThan(1e-9);
  expect(() => compare(rows(0), rows(0).slice(1), 'b')).toThrow(
    '--against b has no picture for "p0" of s: compare evaluations of the same prompts',
  );
});

describe('benchmarks', () => {
  const list = [
    'Classes\n\nsubject_name,class\ncan,can\ncat2,cat\n\nPrompts\n\nObject Prompts\n\nprompt_list = [',
    "'a {0} {1} in the jungle'.format(unique_token, class_token),\n]\n\nLive Subject Prompts\n\nprompt_list = [",
    "'a {0} {1} wearing a red hat'.format(unique_token, class_token),\n'a red {0} {1}'.format(unique_token, class_token)\n]\n",
  ].join('\n');

  test('google/dreambooth: classes, and the prompts of the right kind', async () => {
    const folder = await scratch();
    await writeFile(join(folder, 'prompts_and_classes.txt'), list);
    await mkdir(join(folder, 'can'));
    await mkdir(join(folder, 'cat2'));
    const subjects = await readBenchmark(folder);
    expect(subjects.map(({ name, className, prompts }) => [name, className, prompts])).toEqual([
      ['can', 'can', ['a {subject} in the jungle']],
      ['cat2', 'cat', ['a {subject} wearing a red hat', 'a red {subject}']],
    ]);
    expect((await readBenchmark(folder, ['cat2'])).map(({ name }) => name)).toEqual(['cat2']);
    await expect(readBenchmark(folder, ['dog9'])).rejects.toThrow(`--subjects dog9 is not in ${folder}: choose from can, cat2`);
    expect(() => parseDreamBooth('nothing', 'x.txt')).toThrow(/x\.txt has no sections "Object Prompts"/);
  });

  test('CustomConcept101: dataset.json and prompt files', async () => {
    const folder = await scratch();
    const concept = { class_prompt: 'cat', instance_data_dir: './benchmark_dataset/pet_cat1', prompt_filename: 'cat.txt' };
    await writeFile(join(folder, 'dataset.json'), JSON.stringify([{ instance_prompt: 'photo of a <new1> cat', ...concept }]));
    await mkdir(join(folder, 'pet_cat1'));
    await mkdir(join(folder, 'prompts'));
    await writeFile(join(folder, 'prompts', 'cat.txt'), '{} in a garden\na {} on a sofa\n');
    expect(await readBenchmark(folder)).toEqual([
      { name: 'pet_cat1', className: 'cat', images: join(folder, 'pet_cat1'), prompts: ['{subject} in a garden', 'a {subject} on a sofa'] },
    ]);
    await writeFile(join(folder, 'prompts', 'cat.txt'), 'a cat in a garden\n');
    await expect(readBenchmark(folder)).rejects.toThrow(/cat\.txt: "a cat in a garden" names no subject: \{\} stands for the subject/);
  });
});

describe('Grounding DINO and SAM', () => {
  test('without the package the remedy is told', async () => {
    await expect(groundedSegmenter('dog')).rejects.toThrow(
      '--segmenter grounded needs @huggingface/transformers, which is not installed: run npm install @huggingface/transformers, or choose another segmenter',
    );
  });

  test('of the candidates the one that fills the box; nothing found is an empty mask', async () => {
    const mask = (inside: (x: number, y: number) => boolean): number[] =>
      Array.from({ length: 36 }, (_, i) => (inside(i % 6, Math.floor(i / 6)) ? 1 : 0));
    const candidates = [mask(() => true), mask((x, y) => x < 3 && y < 3), mask((x, y) => x === 0 && y === 0)].flat();
    const box = { xmin: 0, ymin: 0, xmax: 3, ymax: 3 };
    expect(bestMask(candidates, 3, 6, 6, box)).toBe(1);
    const library = (found: { score: number; box: typeof box }[]): TransformersLibrary => {
      const processor = Object.assign(async () => ({ original_sizes: 0, reshaped_input_sizes: 0 }), {
        post_process_masks: async () => [{ data: candidates, dims: [1, 3, 6, 6] }],
      });
      return {
        RawImage: class {},
        pipeline: async () => async () => found,
        SamModel: { from_pretrained: async () => async () => ({ pred_masks: 0 }) },
        AutoProcessor: { from_pretrained: async () => processor },
      };
    };
    const picture = { name: 'a', hash: 'a', bytes: new Uint8Array(108), width: 6, height: 6 };
    const two = [
      { score: 0.3, box: { ...box, xmax: 6, ymax: 6 } },
      { score: 0.9, box },
    ];
    expect(coverage(await (await groundedSegmenter('dog', async () => library(two))).segment(picture))).toBe(9 / 36);
    expect(coverage(await (await groundedSegmenter('dog', async () => library([]))).segment(picture))).toBe(0);
  });
});

const shared = process.env.CONTEXTURA_SHARED ?? '../shared';
const photograph = join(shared, 'dreambooth', 'dataset', 'duck_toy', '01.jpg');
const network = join(shared, 'segmenters', 'u2netp.onnx');
describe.skipIf(!existsSync(photograph) || !existsSync(network))(`matting networks (needs ${shared})`, () => {
  test('the duck is found, and its surroundings are not', { timeout: 120_000 }, async () => {
    const picture = await readPicture(photograph);
    for (const name of ['u2netp', 'modnet']) {
      const segmenter = await mattingNetwork(join(shared, 'segmenters', `${name}.onnx`));
      const mask = await segmenter.segment(picture);
      const at = (x: number, y: number): number => mask.bytes[Math.floor(y * mask.height) * mask.width + Math.floor(x * mask.width)]!;
      expect(at(0.5, 0.6), name).toBeGreaterThan(200);
      expect(at(0.05, 0.1), name).toBeLessThan(50);
      await segmenter.release();
    }
  });
  test('a file that is no network', async () => {
    const folder = await scratch();
    await cp('package.json', join(folder, 'a.onnx'));
    await expect(mattingNetwork(join(folder, 'a.onnx'))).rejects.toThrow(/a\.onnx is not a usable ONNX network/);
  });
});

test('prompts that name the class after the placeholder say it once', () => {
  expect(withoutClass(['a {subject} dog in the snow', 'a {subject} doghouse', '{subject} dog', 'a {subject}'], 'dog')).toEqual([
    'a {subject} in the snow',
    'a {subject} doghouse',
    '{subject}',
    'a {subject}',
  ]);
});

test('the Pareto front: what no other beats on both', () => {
  const one = (name: string, a: number, b: number): Candidate => ({
    name,
    clipT: { mean: a, lo: a - 0.01, hi: a + 0.01, n: 9 },
    dinoFg: { mean: b, lo: b - 0.01, hi: b + 0.01, n: 9 },
  });
  const all = [one('a', 0.5, 0.5), one('b', 0.4, 0.7), one('c', 0.4, 0.6), one('d <&>', 0.6, 0.1), one('e', 0.5, 0.4)];
  expect(paretoFront(all).map(({ name }) => name)).toEqual(['b', 'a', 'd <&>']);
  expect(paretoChart(all)).toContain('d &lt;&amp;&gt;');
  expect(paretoChart(all)).not.toContain('NaN');
});
