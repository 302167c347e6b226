/** Memory that a process may still take, as the system and a container's limits allow. */
import { readFileSync } from 'node:fs';
import { freemem, totalmem } from 'node:os';
import { dirname, join } from 'node:path';

/** A file's text; nothing where there is none. */
export type Reader = (path: string) => string | undefined;

const readText: Reader = (path) => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
};

/** A number that a file holds alone; nothing where it says "max" or is missing. */
function numberIn(text: string | undefined): number | undefined {
  const value = Number(text?.trim() || Number.NaN);
  return Number.isFinite(value) ? value : undefined;
}

/** Bytes left under one control group's limit. Pages of files count as free: the kernel drops them when it must. */
function roomOf(read: Reader, folder: string, names: { limit: string; usage: string; files: RegExp }): number | undefined {
  const limit = numberIn(read(join(folder, names.limit)));
  const usage = numberIn(read(join(folder, names.usage)));
  if (limit === undefined || usage === undefined) return undefined;
  const cached = [...(read(join(folder, 'memory.stat')) ?? '').matchAll(names.files)].reduce(
    (total, [, bytes]) => total + Number(bytes),
    0,
  );
  return Math.max(0, limit - usage + cached);
}

const versions = [
  {
    line: /^0::(.*)$/m,
    root: '/sys/fs/cgroup',
    names: { limit: 'memory.max', usage: 'memory.current', files: /^(?:in)?active_file (\d+)$/gm },
  },
  {
    line: /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/m,
    root: '/sys/fs/cgroup/memory',
    names: { limit: 'memory.limit_in_bytes', usage: 'memory.usage_in_bytes', files: /^total_(?:in)?active_file (\d+)$/gm },
  },
];

/** Room under the limits of the process's control groups, from its own up to the root, in both versions. */
function roomsOfGroups(read: Reader): number[] {
  const groups = read('/proc/self/cgroup') ?? '';
  const out: number[] = [];
  for (const { line, root, names } of versions) {
    const path = line.exec(groups)?.[1];
    if (path === undefined) continue;
    for (let at = path; ; at = dirname(at)) {
      const room = roomOf(read, join(root, at), names);
      if (room !== undefined) out.push(room);
      if (dirname(at) === at) break;
    }
  }
  return out;
}

/**
 * Bytes that may still be taken without swapping: on Linux what the kernel calls available, or what is left under a
 * container's limit where that is less. macOS counts as taken what it would give back, so there it is 3/4 of all.
 */
export function freeMemory(read: Reader = readText, platform: string = process.platform): number {
  if (platform === 'darwin') return 0.75 * totalmem();
  const available = /^MemAvailable:\s+(\d+) kB$/m.exec(read('/proc/meminfo') ?? '');
  return Math.min(available === null ? freemem() : 1024 * Number(available[1]), ...roomsOfGroups(read));
}
