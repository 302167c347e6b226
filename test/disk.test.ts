import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { UserError } from '../src/errors.ts';
import { makeFolder } from '../src/disk.ts';
import { writeAtomically } from '../src/files/atomic.ts';
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

// Node's recursive mkdir never returns there.
test.skipIf(!existsSync('/proc/self'))('so it is where a file system takes no folders (skipped without /proc)', async () => {
  for (const path of ['/proc/contextura', '/proc/contextura/run']) {
    expect(String(await failure(makeFolder(path)))).toMatch(/^UserError: \/proc\/contextura cannot be made: \/proc takes no folders/);
  }
});
