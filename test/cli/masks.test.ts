import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { readMask } from '../../src/files/images.ts';
import { benchmarkSubjects, subjectScenes } from '../../src/world/sample.ts';
import { renderMask } from '../../src/world/scene.ts';
import { scratch } from '../scratch.ts';

function masks(...args: string[]): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, ['dist/cli/main.js', 'masks', ...args]);
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise((resolve) => child.on('close', (status) => resolve({ status, stdout, stderr })));
}

test('masks of a bundled subject cover what was drawn, and customize can read them', { timeout: 120_000 }, async () => {
  const out = join(await scratch(), 'masks');
  const made = await masks('--images', 'examples/subjects/dog', '--out', out, '--json', '--quiet');
  expect(made).toMatchObject({ status: 0, stderr: '' });
  expect(readdirSync(out)).toEqual(readdirSync('examples/subjects/dog'));
  const dog = benchmarkSubjects.find(({ name }) => name === 'dog')!;
  for (const [i, scene] of subjectScenes(dog).entries()) {
    const [ours, truth] = [await readMask(join(out, `${i + 1}.png`), 64, join(out, `${i + 1}.png`)), await renderMask(scene, 64)];
    const both = ours.filter((share, j) => share > 0.5 && truth[j]! > 127).length;
    const either = ours.filter((share, j) => share > 0.5 || truth[j]! > 127).length;
    expect(both / either).toBeGreaterThan(0.85);
  }
});

test('wrong requests, and a picture in which nothing is found', { timeout: 120_000 }, async () => {
  const folder = await scratch();
  const out = join(folder, 'masks');
  const refused = async (message: string, status: number, ...args: string[]): Promise<void> =>
    expect(await masks(...args, '--quiet')).toEqual({ status, stdout: '', stderr: `contextura: ${message}\n` });
  await refused('--out is missing: name a folder for the masks', 2, '--images', 'examples/subjects/dog');
  await refused('--segmenter none: masks need a segmenter', 2, '--images', 'examples/subjects/dog', '--segmenter', 'none', '--out', out);
  await refused(
    '--class is missing: say what grounded is to find, such as dog',
    2,
    '--images',
    'examples',
    '--segmenter',
    'grounded',
    '--out',
    out,
  );
  // The picture itself serves as its mask: all black.
  const black = join(folder, 'black');
  await mkdir(black);
  const create = { width: 64, height: 64, channels: 3, background: '#000000' } as const;
  await writeFile(join(black, '1.png'), await sharp({ create }).png().toBuffer());
  const remedy = 'paint its mask by hand, leave the picture out, or name another --segmenter';
  const request = ['--images', black, '--segmenter', `masks:${black}`, '--out', out];
  await refused(`masks:${black} finds nothing in ${join(black, '1.png')}: ${remedy}`, 1, ...request);
  expect(existsSync(out)).toBe(false);
});
