/** Models as ONNX Runtime has optimised them, kept in a folder from one run to the next. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { arch, cpus } from 'node:os';
import { join } from 'node:path';
import { makeFolder } from '../disk.ts';
import { identitiesOf, tidy, touch, writeWhole } from '../kept.ts';
import { InferenceSession, runtimeVersion } from './ort.ts';

/** Where a model is kept, and the files that its constants lie in. */
export interface Keeping {
  folder: string;
  files: readonly string[];
}

/** Bytes that all may come to. */
const room = 2 ** 30;

/** The processor with its instructions, which decide how weights are laid out. */
function processor(): string {
  const model = `${arch()} ${cpus()[0]?.model ?? ''}`;
  try {
    return `${model} ${/^(?:flags|Features)\s*:.*$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[0] ?? ''}`;
  } catch {
    return model;
  }
}

/** Names what the runtime makes of a model. A file is known by its size and when it was changed, since constants of it may become part. */
async function nameOf(bytes: Uint8Array, options: InferenceSession.SessionOptions, files: readonly string[]): Promise<string> {
  const { intraOpNumThreads: _, ...optimizing } = options;
  const identities = await identitiesOf(files);
  const hash = createHash('sha256').update(JSON.stringify([runtimeVersion, processor(), optimizing, identities]));
  return `${hash.update(bytes).digest('hex').slice(0, 40)}.onnx`;
}

/**
 * A session of a model, made from what is kept of it where there is that, else kept for the next time. What cannot be read or
 * written costs time alone.
 */
export async function createKept(
  bytes: Uint8Array,
  options: InferenceSession.SessionOptions,
  { folder, files }: Keeping,
): Promise<InferenceSession> {
  const path = join(folder, await nameOf(bytes, options, files));
  if (existsSync(path)) {
    try {
      const session = await InferenceSession.create(path, { ...options, graphOptimizationLevel: 'disabled' });
      await touch(path);
      return session;
    } catch {
      await rm(path, { force: true }).catch(() => undefined);
    }
  }
  let session: InferenceSession | undefined;
  try {
    await makeFolder(folder);
    await writeWhole(path, async (optimizedModelFilePath) => {
      session = await InferenceSession.create(bytes, { ...options, optimizedModelFilePath });
    });
    await tidy(folder, room);
  } catch {
    // Another time, then.
  }
  return session ?? InferenceSession.create(bytes, options);
}
