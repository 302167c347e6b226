/** Models as ONNX Runtime has optimised them, kept in a folder from one run to the next. */
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { arch, cpus } from 'node:os';
import { join } from 'node:path';
import { InferenceSession, runtimeVersion } from './ort.ts';

/** Where a model is kept, and the files that its constants lie in. */
export interface Keeping {
  folder: string;
  files: readonly string[];
}

/** Bytes that a folder may come to. */
const usualRoom = 2 ** 30;
/** Milliseconds after which what was never finished is taken for a dead process's. */
const abandonedAfter = 3_600_000;

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
  const identities = await Promise.all(
    files.map(async (file) => {
      const { size, mtimeNs, ino } = await stat(file, { bigint: true });
      return [file, size, mtimeNs, ino].join();
    }),
  );
  const hash = createHash('sha256').update(JSON.stringify([runtimeVersion, processor(), optimizing, identities]));
  return `${hash.update(bytes).digest('hex').slice(0, 40)}.onnx`;
}

/** Gives a finished file its name, once it will outlast a loss of power. */
async function settle(staged: string, path: string): Promise<void> {
  const file = await open(staged, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(staged, path);
}

interface Found {
  path: string;
  bytes: number;
  /** Milliseconds since it was written or used. */
  age: number;
}

/** What is in a folder, what was used last first. */
export async function filesKept(folder: string): Promise<Found[]> {
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
export async function tidy(folder: string, room = usualRoom): Promise<void> {
  let total = 0;
  for (const { path, bytes, age } of await filesKept(folder)) {
    total += bytes;
    if (total > room || (path.endsWith('.part') && age > abandonedAfter)) await rm(path, { force: true });
  }
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
      await utimes(path, new Date(), new Date()).catch(() => undefined);
      return session;
    } catch {
      await rm(path, { force: true }).catch(() => undefined);
    }
  }
  const staged = `${path}.${randomUUID()}.part`;
  try {
    await mkdir(folder, { recursive: true });
    const session = await InferenceSession.create(bytes, { ...options, optimizedModelFilePath: staged });
    await settle(staged, path)
      .then(() => tidy(folder))
      .catch(() => undefined);
    return session;
  } catch {
    return await InferenceSession.create(bytes, options);
  } finally {
    await rm(staged, { force: true }).catch(() => undefined);
  }
}
