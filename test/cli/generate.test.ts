import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { scratch } from '../scratch.ts';

const generate = (...args: string[]) =>
  spawnSync(process.execPath, ['dist/cli/main.js', 'generate', '--prompt', 'a (red:1.3) dog', '--steps', '1', '--quiet', ...args], {
    encoding: 'utf8',
  });

test('pictures of a size, in batches', async () => {
  const out = join(await scratch(), 'pictures');
  const flags = ['--size', '96x48', '--batch', '2', '--n', '3', '--emphasis', '--negative', 'blue', '--out', out];
  expect(generate(...flags)).toMatchObject({ status: 0 });
  expect(await readdir(out)).toEqual(['0000.png', '0001.png', '0002.png']);
  expect(await sharp(join(out, '0002.png')).metadata()).toMatchObject({ width: 96, height: 48 });
});

test.each([
  [['--size', 'big'], '--size big: pixels are expected, as 768 or 768x512 (width x height)'],
  [['--size', '50'], "--size 50x50: sides of this model's pictures are multiples of 16 pixels: 48x48, say"],
  [['--batch', '0'], '--batch 0: a whole number from 1 to 256 is expected'],
])('%j is refused', async (flags, message) => {
  const out = join(await scratch(), 'pictures');
  expect(generate(...flags, '--out', out)).toMatchObject({ status: 2, stdout: '', stderr: `contextura: ${message}\n` });
  expect(existsSync(out)).toBe(false);
});

test('what the text encoder does not read of a prompt is told', async () => {
  const out = join(await scratch(), 'pictures');
  const prompt = 'a dog in the snow and '.repeat(6).trim();
  const args = ['dist/cli/main.js', 'generate', '--prompt', prompt, '--steps', '1', '--n', '1', '--quiet', '--out', out];
  const { stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect(stderr).toMatch(/^the prompt is 36 tokens long, of which the text encoder reads the first 30: what comes later changes nothing$/m);
});
