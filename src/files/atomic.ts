/** Every file appears whole or not at all: written beside its place, then renamed. */
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UserError } from '../errors.ts';

const reasons: Record<string, string> = {
  ENOSPC: 'the disk is full: free some space and run again',
  EACCES: 'permission is denied: choose a folder that you may write to',
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

/** A file in pieces, for what is too large for one buffer. */
export async function writeAtomicallyInPieces(path: string, pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
  const staged = `${path}.${process.pid}.part`;
  try {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(staged, 'w');
    try {
      for await (const piece of pieces) await file.writeFile(piece);
    } finally {
      await file.close();
    }
    await rename(staged, path);
  } catch (error) {
    await rm(staged, { force: true }).catch(() => undefined);
    throw writeFailure(path, error);
  }
}

export const writeAtomically = (path: string, data: string | Uint8Array): Promise<void> =>
  writeAtomicallyInPieces(path, [typeof data === 'string' ? Buffer.from(data) : data]);
