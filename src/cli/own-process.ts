/**
 * A process of its own for verbs that compute. glibc reads only from the environment, as a process begins, how it should
 * hand out memory, and for large tensors its defaults are poor: set as here, a training step of a model of Stable
 * Diffusion's size takes a sixteenth less time and some 0.3 GB less (docs/performance.md). What GLIBC_TUNABLES already says, if
 * only nothing, is left alone.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

const variable = 'GLIBC_TUNABLES';
const settings: Record<string, number> = {
  /** Pages of 2 MB in place of 4 KB. */
  hugetlb: 1,
  /** One heap for all threads. */
  arena_max: 1,
  /** What is left beside an aligned tensor is joined with its neighbours as soon as it is free, and not put by for small requests. */
  tcache_count: 0,
  mxfast: 0,
  /** The heap grows by so much address space at once: later the engine’s code may lie behind it, and new heaps do not join. */
  top_pad: 1_750_000_000,
  /** A heap stays, and all but the largest tensors lie in it. */
  trim_threshold: 2 ** 40,
  mmap_threshold: 2 ** 25,
};

/** Whether address space may be taken for later: not where the system promises no more than it has, or limits it. */
function isPromised(): boolean {
  try {
    const isStrict = Number(readFileSync('/proc/sys/vm/overcommit_memory', 'utf8')) === 2;
    return !isStrict && /^Max address space +unlimited/m.test(readFileSync('/proc/self/limits', 'utf8'));
  } catch {
    return false;
  }
}

function tunables(): string {
  const { top_pad: _, ...others } = settings;
  const wanted = isPromised() ? settings : others;
  return Object.entries(wanted)
    .map(([name, value]) => `glibc.malloc.${name}=${value}`)
    .join(':');
}

/** Signals that the waiting process hands on; the terminal's reach it alone. */
const handedOn = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs this command again so, and ends as it ends; returns at once where it runs so already, or where that
 * is of no use.
 */
export async function inOwnProcess(): Promise<void> {
  if (process.platform !== 'linux') return;
  const wanted = tunables();
  if (process.env[variable] === wanted) endWithParent();
  if (process.env[variable] !== undefined) return;
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    env: { ...process.env, [variable]: wanted },
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    // A group of its own: else what is sent to the whole group, as a terminal does, would come twice.
    detached: true,
  });
  const ended = new Promise<[number | null, NodeJS.Signals | null]>((resolve) => child.on('exit', (...how) => resolve(how)));
  const begun = new Promise<boolean>((resolve) => child.on('spawn', () => resolve(true)).on('error', () => resolve(false)));
  if (!(await begun)) return;
  for (const signal of handedOn) process.on(signal, () => child.kill(signal));
  process.on('SIGTSTP', () => {
    child.kill('SIGSTOP');
    process.kill(process.pid, 'SIGSTOP');
  });
  process.on('SIGCONT', () => child.kill('SIGCONT'));
  const [status, signal] = await ended;
  if (signal === null) process.exit(status!);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  await new Promise(() => {});
}

/** Nobody waits any more: the process that began this one was killed. */
function endWithParent(): void {
  if (process.channel === undefined || process.channel === null) return;
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  process.channel.unref();
}
