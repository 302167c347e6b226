import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { UserError } from '../src/errors.ts';
import { makeFolder } from '../src/disk.ts';
import { writeAtomically, writeAtomicallyInPieces } from '../src/files/atomic.ts';
import { scratch } from './scratch.ts';

const failure = (attempt: Promise<void>): Promise<unknown> => attempt.catch((error: unknown) => error);

test('a folder is made with those around it, by several at once too', async () => {
  const path = join(await scratch(), 'a', 'b', 'c');
  await Promise.all([1, 2, 3].map(() => makeFolder(path)));
  expect(existsSync(path)).toBe(true);
  await makeFolder(path);
});

test('what stands in the way is told in one line', async () => {
  const folder = await scratch();
  await writeFile(join(folder, 'file'), '');
  const blocked = await failure(makeFolder(join(folder, 'file', 'under', 'it')));
  expect(blocked).toBeInstanceOf(UserError);
  expect(String(blocked)).toMatch(/a part of the path is a file, not a folder/);
  await mkdir(join(folder, 'there'));
  expect(String(await failure(writeAtomically(join(folder, 'there', 'x'.repeat(300), 'y'), '')))).toMatch(/the name is too long/);
});

test('of several that write one file at once each succeeds, and the file is one of theirs', async () => {
  const folder = await scratch();
  const texts = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(1e6));
  await Promise.all(texts.map((text) => writeAtomically(join(folder, 'file'), text)));
  expect(texts).toContain(await readFile(join(folder, 'file'), 'utf8'));
  expect(await readdir(folder)).toEqual(['file']);
});

test('a file that cannot be written whole is as it was, and nothing lies beside it', async () => {
  const folder = await scratch();
  const path = join(folder, 'file');
  await writeAtomically(path, 'before');
  const pieces = (async function* () {
    yield Buffer.from('half');
    await Promise.reject(new Error('stop'));
  })();
  await expect(writeAtomicallyInPieces(path, pieces)).rejects.toThrow('stop');
  expect(await readFile(path, 'utf8')).toBe('before');
  expect(await readdir(folder)).toEqual(['file']);
});

// Node's recursive mkdir never returns there.
test.skipIf(!existsSync('/proc/self'))('so it is where a file system takes no folders (skipped without /proc)', async () => {
  for (const path of ['/proc/contextura', '/proc/contextura/run']) {
    expect(String(await failure(makeFolder(path)))).toMatch(/^UserError: \/proc\/contextura cannot be made: \/proc takes no folders/);
  }
});
