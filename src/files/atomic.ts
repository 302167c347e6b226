/** Every file appears whole or not at all: written beside its place, then renamed. */
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeFolder, writeFailure } from '../disk.ts';

/** A file in pieces, for what is too large for one buffer. */
export async function writeAtomicallyInPieces(path: string, pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
  const staged = `${path}.${process.pid}.part`;
  try {
    await makeFolder(dirname(path));
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
