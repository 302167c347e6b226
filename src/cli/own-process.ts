/**
 * A process of its own for verbs that compute. glibc asks the system for memory in pages of 4 KB, and reads only from the
 * environment, as a process begins, that it may have pages of 2 MB. With these a training step of a model of Stable
 * Diffusion's size takes a sixteenth less (docs/performance.md). What GLIBC_TUNABLES already says, if only nothing, is left alone.
 */
import { spawn } from 'node:child_process';

const variable = 'GLIBC_TUNABLES';
const largePages = 'glibc.malloc.hugetlb=1:glibc.malloc.arena_max=1';

/** Signals that the waiting process hands on; the terminal's reach it alone. */
const handedOn = ['SIGINT', 'SIGTERM'] as const;

/**
 * Runs this command again with large pages, and ends as it ends; returns at once where it runs so already, or where that
 * is of no use.
 */
export async function inOwnProcess(): Promise<void> {
  if (process.env[variable] === largePages) endWithParent();
  if (process.platform !== 'linux' || process.env[variable] !== undefined) return;
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    env: { ...process.env, [variable]: largePages },
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
