/** contextura export: the run's own base model, DreamBooth's whole models, wrong requests. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readArtefact } from '../../src/artefacts/read.ts';
import { writeArtefact } from '../../src/artefacts/write.ts';
import { parseRecipe } from '../../src/config.ts';
import { openSafetensors } from '../../src/files/safetensors.ts';
import { methodOf } from '../../src/methods/index.ts';
import type { Learned } from '../../src/methods/learned.ts';
import { loadModel } from '../../src/models/load.ts';
import { scratch } from '../scratch.ts';

interface Outcome {
  status: number | null;
  stdout: string;
  stderr: string;
}
function exported(...args: string[]): Promise<Outcome> {
  const child = spawn(process.execPath, ['dist/cli/main.js', 'export', ...args]);
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise((resolve) => child.on('close', (status) => resolve({ status, stdout, stderr })));
}
async function refused(message: string, ...args: string[]): Promise<void> {
  expect(await exported(...args)).toEqual({ status: 2, stdout: '', stderr: `contextura: ${message}\n` });
}

const settings = { vectors: 1, rank: 4, loraText: false };

test('the base model is the one of the recipe; a whole model is its own', { timeout: 300_000 }, async () => {
  const folder = await scratch();
  const tiny = await loadModel('assets/tiny');
  const dreamBooth = methodOf('dreambooth');
  const weights = dreamBooth.initial(tiny, settings, { rows: { data: new Float32Array(0), shape: [0, 0] }, seed: 0 });
  for (const { data } of Object.values(weights)) data[0]! += 0.5;
  const recipe = parseRecipe({ images: 'pictures', class: 'dog', method: 'dreambooth', token: 'sks' });
  const whole: Learned = { method: dreamBooth, settings, words: [{ token: 'sks', className: 'dog' }], weights, recipe };
  const run = join(folder, 'run');
  const base = join(run, 'artefact');
  await writeArtefact(base, whole, tiny);

  // A word that was learned on that model, and says so in its recipe.
  const other = await loadModel(base);
  const shape = [1, other.textEncoder.config.hidden_size];
  const concept = { data: new Float32Array(shape[1]!).fill(0.1), shape };
  const learned: Learned = {
    method: methodOf('ti'),
    settings,
    words: [{ token: '<v>', className: 'dog' }],
    weights: { concept },
    recipe: parseRecipe({ images: 'pictures', class: 'dog', model: base }),
  };
  const file = await writeArtefact(join(folder, 'word'), learned, other);
  const a1111 = await exported(file, '--to', 'a1111', '--out', join(folder, 'a1111'), '--json', '--quiet');
  expect(a1111).toMatchObject({ status: 0, stderr: '' });
  const { path } = JSON.parse(a1111.stdout) as { path: string };
  expect((await readArtefact(path, other)).weights.concept!.data).toEqual(concept.data);
  await refused(
    `${file} was learned on another base model than ${tiny.folder.startsWith('/') ? tiny.folder : join(process.cwd(), tiny.folder)}: use the model that it was learned on`,
    file,
    '--to',
    'a1111',
    '--model',
    'tiny',
    '--out',
    join(folder, 'none'),
    '--quiet',
  );

  const single = await exported(run, '--to', 'checkpoint', '--half', '--out', join(folder, 'single'), '--json', '--quiet');
  expect(single).toMatchObject({ status: 0, stderr: '' });
  expect(JSON.parse(single.stdout)).toEqual({ method: 'dreambooth', tokens: ['sks'], path: join(folder, 'single', 'model.safetensors') });
  const { tensors } = await openSafetensors(join(folder, 'single', 'model.safetensors'));
  expect(tensors.get('model.diffusion_model.input_blocks.0.0.weight')!.dtype).toBe('F16');
  expect(existsSync(join(folder, 'single', 'tokenizer', 'vocab.json'))).toBe(true);
  await refused(
    `--model tiny: ${run} is a whole model already, as DreamBooth makes them: leave --model out`,
    run,
    '--to',
    'checkpoint',
    '--model',
    'tiny',
    '--out',
    join(folder, 'none'),
    '--quiet',
  );
  await refused(
    '--to a1: what dreambooth learns cannot be written for it; diffusers, checkpoint, a1111, comfy, kohya can',
    run,
    '--to',
    'a1',
    '--out',
    join(folder, 'none'),
    '--quiet',
  );
  expect(existsSync(join(folder, 'none'))).toBe(false);
});
