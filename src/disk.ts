/** Folders, and why a write failed. */
import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UserError } from './errors.ts';

const reasons: Record<string, string> = {
  ENOSPC: 'the disk is full: free some space and run again',
  EACCES: 'permission is denied: choose a folder that you may write to',
  EPERM: 'permission is denied: choose a folder that you may write to',
  ENAMETOOLONG: 'the name is too long: choose a shorter one',
  EROFS: 'the disk is read-only: choose another folder',
  ENOTDIR: 'a part of the path is a file, not a folder: choose another folder',
  EDQUOT: 'the disk quota is used up: free some space and run again',
  EFBIG: 'the file would be larger than this disk allows: choose another folder',
};

/** A failed write in one line, where the cause is known. */
export function writeFailure(path: string, error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return code in reasons ? new UserError(`${path} cannot be written: ${reasons[code]}`, 1) : error;
}

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (there) => there.isDirectory(),
    () => false,
  );

/**
 * Makes a folder and those around it, where they are missing. Node's own recursive way never comes back where a file system
 * takes no folders (/proc). Throws a UserError where the cause is known.
 */
export async function makeFolder(path: string): Promise<void> {
  if (await isFolder(path)) return;
  const parent = dirname(path);
  if (parent !== path) await makeFolder(parent);
  await mkdir(path).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST') {
      if (await isFolder(path)) return;
      throw writeFailure(path, { code: 'ENOTDIR' });
    }
    if (error.code === 'ENOENT') throw new UserError(`${path} cannot be made: ${parent} takes no folders: choose another`, 1);
    throw writeFailure(path, error);
  });
}
