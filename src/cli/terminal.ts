/** What every verb shares: flags, one-line errors, exit status, progress. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { checkNumber, UserError } from '../errors.ts';
import type { Range } from '../errors.ts';
import { followed } from '../events.ts';
import { devices } from '../graph/device.ts';
import type { Device } from '../graph/device.ts';
import { Engine } from '../graph/engine.ts';
import { chooseDevice, probe } from '../graph/probe.ts';

export const sharedFlags = {
  json: { type: 'boolean', description: 'one JSON object on stdout, all else on stderr' },
  seed: { type: 'string', description: 'seed of all randomness', default: '0' },
  device: { type: 'string', description: 'auto, cpu, webgpu or cuda', default: 'auto' },
  quiet: { type: 'boolean', description: 'no progress' },
  debug: { type: 'boolean', description: 'the stack of an error' },
} as const;

/** Every value that a flag is given, in order; parsed arguments hold the last alone. */
export const valuesOf = (name: string, rawArgs: readonly string[]): string[] =>
  rawArgs.flatMap((arg, i) =>
    arg === `--${name}` ? [rawArgs[i + 1] ?? ''] : arg.startsWith(`--${name}=`) ? [arg.slice(name.length + 3)] : [],
  );

/** A flag's number. Throws a UserError where it is none or out of range. */
export const numberFlag = (name: string, text: string, range: Range = {}): number =>
  checkNumber(`--${name}`, text.trim() === '' ? NaN : Number(text), range, text);

/** "1 picture", "2 pictures". */
export const counted = (count: number, thing: string): string => `${count} ${thing}${count === 1 ? '' : 's'}`;

export const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** Of verbs that do much work with a diffusion model. */
export const precisionFlag = {
  precision: {
    type: 'string',
    description: 'float32, or on WebGPU float16: weights and activations take half the memory',
    default: 'float32',
  },
} as const;

export const lowMemoryFlag = {
  'low-memory': { type: 'boolean', description: 'fewer copies of weights and, on the CPU, of results, which is slower' },
} as const;

/** Where things are kept for other runs: $CONTEXTURA_CACHE, `off` for nowhere; nowhere for a user without a home, too. */
export function keptFolder(): string | undefined {
  const { CONTEXTURA_CACHE: folder = '', XDG_CACHE_HOME: caches = '' } = process.env;
  if (folder !== '') return folder === 'off' ? undefined : resolve(folder);
  try {
    return join(caches === '' ? join(homedir(), '.cache') : caches, 'contextura');
  } catch {
    return undefined;
  }
}

/** The engine that --device asks for. A device that is not there is refused at once; `auto` goes on with the CPU where a GPU fails. */
export function openEngine(device: string, precision = 'float32', lowMemory = false): Engine {
  if (!['auto', ...devices].includes(device)) throw new UserError(`--device ${device}: auto, cpu, webgpu or cuda is expected`);
  if (precision !== 'float32' && precision !== 'float16') throw new UserError(`--precision ${precision}: float32 or float16 is expected`);
  const chosen = device === 'auto' ? chooseDevice() : (device as Device);
  if (precision === 'float16' && chosen !== 'webgpu')
    throw new UserError(`--precision float16 on ${chosen}: halves are for --device webgpu; use --precision float32`);
  const options = { device: chosen, precision, lowMemory, keepIn: keptFolder() } as const;
  if (device === 'auto' && chosen !== 'cpu')
    return new Engine({ ...options, onFallback: (why) => say(`the GPU failed, going on with the CPU: ${why}`) });
  const found = device === 'auto' || device === 'cpu' ? undefined : probe(chosen);
  if (found !== undefined && 'why' in found) throw new UserError(found.why, 1);
  return new Engine(options);
}

/** Seconds as people say them: to two digits, in the unit that suits. */
export function duration(seconds: number): string {
  const [value, unit] = seconds < 90 ? [seconds, 's'] : seconds < 5400 ? [seconds / 60, 'min'] : [seconds / 3600, 'h'];
  return `${Number(value.toPrecision(2))} ${unit}`;
}

/** Progress: one line that is rewritten on a terminal, a plain line now and then elsewhere. */
export class Progress {
  private started = performance.now();
  /** When the latest event came, shown or not. */
  private latest = this.started;
  private shown = 0;
  private first: number | undefined;
  private label: string | undefined;
  private readonly quiet: boolean;
  constructor(quiet: boolean) {
    this.quiet = quiet;
  }
  restart(since = performance.now()): void {
    this.started = since;
    this.first = this.label = undefined;
    this.shown = 0;
  }
  /** The result of `work`; each of its events is shown as so much of it done. */
  follow<R>(label: string, work: AsyncGenerator<{ done: number; of: number }, R>): Promise<R> {
    this.restart();
    return followed(work, ({ done, of }) => this.update(label, done, of));
  }
  update(label: string, done: number, total: number, more = ''): void {
    if (this.quiet) return;
    // A stage begins with the latest event of the stage before.
    if (this.label !== undefined && this.label !== label) this.restart(this.latest);
    this.label = label;
    const now = performance.now();
    this.latest = now;
    this.first ??= done - 1;
    const live = process.stderr.isTTY;
    if (done < total && now - this.shown < (live ? 150 : 10_000)) return;
    this.shown = now;
    const rate = (done - this.first) / Math.max(1e-3, (now - this.started) / 1000);
    const pace = rate >= 1 ? `${rate.toFixed(1)}/s` : `${duration(1 / rate)} each`;
    const line = `${label} ${done}/${total}${more}  ${pace}  ${duration((total - done) / rate)} left`;
    if (live) process.stderr.write(`\r\x1b[2K${line}${done === total ? '\n' : ''}`);
    else say(line);
  }
}

/** Ends the process as the contract says: 2 the request was wrong, 1 it failed, 130 interrupted. */
export function endWith(error: unknown, debug: boolean): never {
  if (error instanceof Error && error.name === 'AbortError') process.exit(130);
  const message = error instanceof Error ? error.message : String(error);
  if (process.stderr.isTTY) process.stderr.write('\n');
  say(`contextura: ${message.split('\n')[0]}`);
  if (debug && error instanceof Error) say(error.stack ?? '');
  process.exit(error instanceof UserError ? error.exitStatus : 1);
}

/** A signal that the first Ctrl-C aborts; the second ends the process at once. */
export function interruptible(): AbortSignal {
  const controller = new AbortController();
  process.once('SIGINT', () => {
    controller.abort();
    process.once('SIGINT', () => process.exit(130));
  });
  process.once('SIGTERM', () => controller.abort());
  // A terminal that was closed: what is said goes nowhere from now on, and what was done is kept.
  process.once('SIGHUP', () => {
    for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
    controller.abort();
  });
  return controller.signal;
}
