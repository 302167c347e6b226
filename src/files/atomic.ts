/** Every file of a user's appears whole or not at all. Throws a UserError where the cause of a failure is known. */
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeFolder, writeFailure } from '../disk.ts';
import { writeWhole } from '../kept.ts';

/** A file in pieces, for what is too large for one buffer. */
export async function writeAtomicallyInPieces(
  path: string,
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  lasting = true,
): Promise<void> {
  try {
    await makeFolder(dirname(path));
    await writeWhole(
      path,
      async (staged) => {
        const file = await open(staged, 'w');
        try {
          for await (const piece of pieces) await file.writeFile(piece);
        } finally {
          await file.close();
        }
      },
      lasting,
    );
  } catch (error) {
    throw writeFailure(path, error);
  }
}

/** @param lasting `false` for what is checked where it is read, and can be computed again */
export const writeAtomically = (path: string, data: string | Uint8Array, lasting = true): Promise<void> =>
  writeAtomicallyInPieces(path, [typeof data === 'string' ? Buffer.from(data) : data], lasting);
