/**
 * How files are written whole; and files in a folder of the user's, kept from one run to the next so that what took long is
 * there, all of which may be deleted at any time.
 */
import { randomBytes } from 'node:crypto';
import { open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';

/** Where each kind of file lies in such a folder. */
export const programsIn = (folder: string): string => join(folder, 'programs');
export const latentsIn = (folder: string): string => join(folder, 'latents');

/** Milliseconds after which what was never finished is taken for a dead process's. */
const abandonedAfter = 3_600_000;

/** What tells files from what they were: their places, sizes, and when they were changed. */
export const identitiesOf = (files: readonly string[]): Promise<string[]> =>
  Promise.all(
    files.map(async (file) => {
      const { size, mtimeNs, ino } = await stat(file, { bigint: true });
      return [file, size, mtimeNs, ino].join();
    }),
  );

/** Says that a file has been used. */
export const touch = (path: string): Promise<void> => utimes(path, new Date(), new Date()).catch(() => undefined);

/** What file systems answer that have nothing to sync. */
const cannotSync: readonly (string | undefined)[] = ['EINVAL', 'ENOSYS', 'ENOTSUP'];

async function sync(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } catch (error) {
    if (!cannotSync.includes((error as NodeJS.ErrnoException).code)) throw error;
  } finally {
    await file.close();
  }
}

/**
 * A file that appears whole or not at all: `write` writes beside its place, under a name that no other writer has. Gives back
 * what `write` does; where it or the disk fails nothing is left, and what was there still is.
 *
 * @param lasting a loss of power notwithstanding, which takes milliseconds
 */
export async function writeWhole<T>(path: string, write: (staged: string) => Promise<T>, lasting = true): Promise<T> {
  const staged = `${path}.${randomBytes(6).toString('hex')}.part`;
  try {
    const written = await write(staged);
    if (lasting) await sync(staged);
    await rename(staged, path);
    return written;
  } catch (error) {
    await rm(staged, { force: true }).catch(() => undefined);
    throw error;
  }
}

export interface KeptFile {
  path: string;
  bytes: number;
  /** Milliseconds since it was written or used. */
  age: number;
}

/** What is in a folder, what was used last first. */
export async function filesKept(folder: string): Promise<KeptFile[]> {
  const names = await readdir(folder).catch(() => []);
  const found = await Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      const { size: bytes, mtimeMs } = await stat(path);
      return { path, bytes, age: Date.now() - mtimeMs };
    }),
  );
  return found.toSorted((a, b) => a.age - b.age);
}

/** Deletes what has not been used for longest where a folder has come to more than `room` bytes, and what dead processes have left. */
export async function tidy(folder: string, room: number): Promise<void> {
  let total = 0;
  for (const { path, bytes, age } of await filesKept(folder)) {
    total += bytes;
    if (total > room || (path.endsWith('.part') && age > abandonedAfter)) await rm(path, { force: true });
  }
}
