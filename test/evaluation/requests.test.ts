/** contextura evaluate and analyze, end to end on the embedded model; requests that are wrong. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { scratch } from '../scratch.ts';

interface Outcome {
  status: number | null;
  stdout: string;
  stderr: string;
}

function contextura(...args: string[]): Promise<Outcome> {
  const child = spawn(process.execPath, ['dist/cli/main.js', ...args]);
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise((resolve) => child.on('close', (status) => resolve({ status, stdout, stderr })));
}

async function refused(args: readonly string[], message: string | RegExp): Promise<void> {
  const outcome = await contextura(...args);
  expect(outcome.stderr.split('\n').filter((line) => line !== '')).toHaveLength(1);
  expect(outcome.stderr).toMatch(message);
  expect(outcome).toMatchObject({ status: 2, stdout: '' });
}

const dog = 'examples/subjects/dog';

test('a run is evaluated, goes on where it stopped, and is analysed', { timeout: 240_000 }, async () => {
  const folder = await scratch();
  const run = join(folder, 'run');
  const learning = ['--steps', '2', '--batch', '1', '--prompt-batch', '2', '--sample-every', '0', '--quiet'];
  expect(await contextura('customize', '--images', dog, '--class', 'dog', '--out', run, ...learning)).toMatchObject({ status: 0 });
  const prompts = join(folder, 'prompts.txt');
  await writeFile(prompts, 'a {subject} in the snow\na {subject} on the beach\n');
  const args = ['evaluate', run, '--prompts', prompts, '--n', '1', '--steps', '2', '--skip-empty-masks', '--json', '--quiet'];
  const first = await contextura(...args);
  expect(first.stderr).toBe('');
  const scores = JSON.parse(first.stdout) as Record<string, { mean: number; lo: number; hi: number; n: number }>;
  for (const name of ['clipT', 'clipTPlaceholder', 'clipI', 'dino']) {
    const { mean, lo, hi, n } = scores[name]!;
    expect(n).toBe(2);
    expect(lo).toBeLessThanOrEqual(mean);
    expect(hi).toBeGreaterThanOrEqual(mean);
  }
  const out = join(run, 'evaluation');
  const drawn = (await stat(join(out, 'pictures', '000-0.png'))).mtimeMs;
  expect(await readFile(join(out, 'pictures.csv'), 'utf8')).toContain('a {subject} on the beach');
  expect(await readFile(join(out, 'report.html'), 'utf8')).toContain('CLIP-T');
  expect((await contextura(...args)).stdout).toBe(first.stdout);
  expect((await stat(join(out, 'pictures', '000-0.png'))).mtimeMs).toBe(drawn);
  await refused([...args, '--seed', '1'], /holds pictures of other prompts or settings: choose another --out/);

  const analysis = await contextura(
    'analyze',
    run,
    '--against',
    run,
    '--prompts',
    prompts,
    '--steps',
    '2',
    '--shown',
    '1',
    '--theory',
    '--json',
    '--quiet',
  );
  expect(analysis.stderr).toBe('');
  const found = JSON.parse(analysis.stdout) as Record<'sim1' | 'sim2' | 'skl' | 'n', number> & Record<'baseline' | 'difference', object>;
  expect(found.n).toBe(2);
  expect(found.baseline).toMatchObject({ sim1: found.sim1, sim2: found.sim2, skl: found.skl, n: 2 });
  const none = { mean: 0, low: 0, high: 0 };
  expect(found.difference).toEqual({ sim1: none, sim2: none, skl: none });
  for (const name of ['theory.html', 'run-attention/sheet.png', 'run-attention/000-snow.png', 'run-attention.csv'])
    expect(existsSync(join(run, 'analysis', name)), name).toBe(true);

  const several = ['analyze', folder, '--against', folder, '--subjects', 'run', '--prompts', prompts, '--text-only'];
  const table = JSON.parse((await contextura(...several, '--out', join(folder, 'table'), '--json', '--quiet')).stdout) as typeof found;
  expect(table).toMatchObject({ n: 1, sim1: found.sim1, baseline: { sim2: found.sim2 }, difference: { sim1: none } });
  await refused([...several, '--prompts', 'package.json'], /names no subject/);
});

test('requests that are wrong', { timeout: 240_000 }, async () => {
  const folder = await scratch();
  const out = join(folder, 'out');
  await refused(['evaluate', '--json'], /name the folder of a run, or give --pictures: one of the two is expected/);
  await refused(['evaluate', folder], /holds no run\.json: name the folder of a run/);
  await refused(['analyze', folder], /holds no run\.json: name the folder of a run/);
  const pictures = join(folder, 'pictures');
  await mkdir(pictures);
  const small = (name: string): Promise<unknown> => sharp(join(dog, name)).resize(64, 64).toFile(join(pictures, name));
  await small('1.png');
  const own = ['evaluate', '--pictures', pictures, '--out', out, '--quiet'];
  await refused(own, /--class is missing/);
  const whole = [...own, '--class', 'dog', '--images', dog];
  await refused(whole, /holds 1 picture: an interval needs two or more/);
  await small('2.png');
  await refused(whole, /holds 2 pictures for 25 prompts: as many for each are expected/);
  const prompts = join(folder, 'prompts.txt');
  await writeFile(prompts, 'a dog in the snow\n');
  await refused([...whole, '--prompts', prompts], /"a dog in the snow" names no subject: put \{subject\} or <v>/);
  await writeFile(prompts, 'a {subject} in the snow\n');
  await refused([...whole, '--prompts', prompts, '--clip', folder], /--dino is missing: --clip and --dino are given together/);
  await refused([...whole, '--prompts', prompts, '--segmenter', 'package.json'], /package\.json is not a usable ONNX network/);
  await refused([...whole, '--prompts', prompts, '--segmenter', 'grounded'], /grounded needs @huggingface\/transformers/);
  await refused([...own, '--benchmark', folder], /holds no prompts_and_classes\.txt/);
  expect(existsSync(out)).toBe(false);
});

test('a run is scored along its training, at every checkpoint that it keeps', { timeout: 240_000 }, async () => {
  const folder = await scratch();
  const run = join(folder, 'run');
  const learning = ['--steps', '3', '--batch', '1', '--lambda', '0', '--sample-every', '0', '--quiet'];
  const kept = ['--checkpoint-every', '1', '--keep-checkpoints', '3'];
  expect(await contextura('customize', '--images', dog, '--class', 'dog', '--out', run, ...learning, ...kept)).toMatchObject({ status: 0 });
  const prompts = join(folder, 'prompts.txt');
  await writeFile(prompts, 'a {subject} in the snow\na {subject} on the beach\n');
  const args = ['evaluate', run, '--checkpoints', '--prompts', prompts, '--n', '1', '--steps', '2', '--skip-empty-masks'];
  const first = await contextura(...args, '--leakage', prompts, '--json', '--quiet');
  expect(first.stderr).toBe('');
  const { checkpoints } = JSON.parse(first.stdout) as { checkpoints: Record<string, Record<string, { n: number }>> };
  expect(Object.keys(checkpoints)).toEqual(['1', '2', '3']);
  expect(checkpoints['2']).toMatchObject({ clipT: { n: 2 }, leakage: { n: 2 } });
  const out = join(run, 'training');
  expect((await readFile(join(out, 'training.csv'), 'utf8')).split('\n')[0]).toBe(
    'step,n,clipT,clipTPlaceholder,clipI,dino,dinoFg,leakage',
  );
  expect((await readFile(join(out, 'training.html'), 'utf8')).match(/<img/g)).toHaveLength(6);
  await refused(
    ['evaluate', '--pictures', dog, '--checkpoints', '--out', folder],
    'contextura: --checkpoints scores one run along its training: name its folder, and leave --benchmark, --pictures and --against out',
  );
});

test('a recipe of a kind runs by its file; what it cannot run is refused', { timeout: 240_000 }, async () => {
  const folder = await scratch();
  const file = join(folder, 'table1.json');
  const recipe = {
    kind: 'analysis',
    about: 'Table 1: contextura sweep',
    subjects: ['dog'],
    contexts: 1,
    shown: 0,
    sampling: { steps: 1, guidance: 1 },
    recipe: { steps: 1, batchSize: 1, promptBatch: 2 },
    variants: [
      { name: 'ti', recipe: { lambda: 0 } },
      { name: 'ti+mlm', recipe: {} },
    ],
  };
  await writeFile(file, JSON.stringify(recipe));
  const out = join(folder, 'out');
  const outcome = await contextura('sweep', file, '--out', out, '--quiet');
  expect(outcome).toMatchObject({ status: 0, stdout: '' });
  expect(outcome.stderr).toMatch(/^"expected": \{"measured":"\d{4}-\d\d-\d\d; .*"difference":\{"sim1":\[/m);
  const { difference } = JSON.parse(await readFile(join(out, 'table1.json'), 'utf8')) as { difference: Record<string, { mean: number }> };
  expect(Object.keys(difference)).toEqual(['sim1', 'sim2', 'skl']);
  expect(existsSync(join(out, 'table1.html'))).toBe(true);
  await refused(['sweep', file, '--out', out, '--subjects', 'teapot'], /--subjects: teapot is not in .*table1.json, which has dog$/m);
  await writeFile(
    file,
    JSON.stringify({ ...recipe, kind: 'early-stopped', contexts: undefined, checkpoints: [1, 2], recipe: { model: 'sd' } }),
  );
  await refused(
    ['sweep', file, '--out', out],
    /table1.json: recipe.model is sd: the embedded judges score the embedded model's pictures only: tiny is expected$/m,
  );
});
