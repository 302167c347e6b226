/** A run's folder: run.json, metrics.jsonl, checkpoints/, samples/, artefact/, report.html. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { appendFile, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { makeFolder, writeFailure } from '../disk.ts';
import { writeAtomically } from '../files/atomic.ts';

export interface RunRecord {
  recipe: unknown;
  versions: Record<string, string>;
  /** SHA-256 of each input, by path. */
  inputs: Record<string, string>;
  /** SHA-256 of masks and of pictures of classes that were given, by path; older runs do not say. */
  others?: Record<string, string>;
  /** What tells the base model from others; older runs do not say. */
  base?: string;
  /** SHA-256 of the rich prompts that it learns with, if any; older runs do not say. */
  prompts?: string;
}

/** How rich prompts stand in a run's record. */
export const promptsRecord = (prompts: readonly string[]): Pick<RunRecord, 'prompts'> =>
  prompts.length === 0 ? {} : { prompts: createHash('sha256').update(prompts.join('\n')).digest('hex') };

/** Whether a record tells of other rich prompts than those asked for. */
export const hasOtherPrompts = ({ prompts }: RunRecord, asked: Pick<RunRecord, 'prompts'>): boolean =>
  prompts !== undefined && prompts !== asked.prompts;

export const hashOf = async (path: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(path))
    .digest('hex');

/** SHA-256 of files, by path. */
export const hashesOf = async (paths: readonly string[]): Promise<Record<string, string>> =>
  Object.fromEntries(await Promise.all(paths.map(async (path) => [path, await hashOf(path)] as const)));

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

export class RunFolder {
  readonly path: string;
  private constructor(path: string) {
    this.path = path;
  }

  /** Throws a UserError where a new run's folder holds anything already. */
  static async refuseTaken(path: string): Promise<void> {
    if (existsSync(join(path, 'run.json')))
      throw new UserError(`--out ${path} holds another run: choose another folder, or go on with --resume ${path}`);
    if (existsSync(path)) {
      const names = await readdir(path).catch(() => {
        throw new UserError(`--out ${path} is a file: name a folder`);
      });
      if (names.length > 0) throw new UserError(`--out ${path} is not empty and holds no run: choose another folder`);
    }
  }

  /** A new run, in a folder that is not taken. */
  static async create(path: string, record: RunRecord): Promise<RunFolder> {
    await RunFolder.refuseTaken(path);
    const run = new RunFolder(path);
    await run.writeRecord(record);
    return run;
  }

  writeRecord(record: RunRecord): Promise<void> {
    return this.write('run.json', `${JSON.stringify(record, undefined, 2)}\n`);
  }

  /**
   * Keeps other processes from writing into the folder until what it returns is called. Throws a UserError where a run is
   * going on in it; what a process that was killed has left behind counts for nothing.
   */
  async lock(): Promise<() => Promise<void>> {
    const [path, own] = [this.in('lock'), `${process.pid} ${hostname()}`];
    const take = (): Promise<boolean> =>
      writeFile(path, own, { flag: 'wx' }).then(
        () => true,
        (error: NodeJS.ErrnoException) => {
          if (error.code === 'EEXIST') return false;
          throw writeFailure(path, error);
        },
      );
    if (!(await take())) {
      const holder = await readFile(path, 'utf8').catch(() => '');
      const [pid, host] = holder.split(' ');
      if (holder !== '' && (host !== hostname() || isAlive(Number(pid))))
        throw new UserError(
          `a run is going on in ${this.path} (process ${pid} of ${host}): wait until it ends or stop it; if there is none, remove ${path}`,
        );
      await rm(path, { force: true });
      if (!(await take())) throw new UserError(`another run has just begun in ${this.path}: wait until it ends`);
    }
    return () => rm(path, { force: true });
  }

  /** An existing run and its record. */
  static async open(path: string): Promise<{ run: RunFolder; record: RunRecord }> {
    const text = await readFile(join(path, 'run.json'), 'utf8').catch(() => {
      throw new UserError(`--resume ${path}: there is no run.json: name the folder of a run`);
    });
    try {
      return { run: new RunFolder(path), record: JSON.parse(text) as RunRecord };
    } catch {
      throw new UserError(`${join(path, 'run.json')} is not JSON: the run cannot be resumed`);
    }
  }

  in(...parts: string[]): string {
    return join(this.path, ...parts);
  }
  async write(name: string, data: string | Uint8Array): Promise<void> {
    await writeAtomically(this.in(name), data);
  }
  async log(line: object): Promise<void> {
    await makeFolder(this.path);
    await appendFile(this.in('metrics.jsonl'), `${JSON.stringify(line)}\n`).catch((error: unknown) => {
      throw writeFailure(this.in('metrics.jsonl'), error);
    });
  }
  /** Lines of the log up to a step: what a resumed run keeps. */
  async truncateLog(step: number): Promise<void> {
    const lines = await this.metrics();
    await this.write(
      'metrics.jsonl',
      lines
        .filter((line) => line.step <= step)
        .map((line) => `${JSON.stringify(line)}\n`)
        .join(''),
    );
  }
  async metrics(): Promise<({ step: number } & Record<string, number>)[]> {
    const text = await readFile(this.in('metrics.jsonl'), 'utf8').catch(() => '');
    return text.split('\n').flatMap((line) => {
      try {
        return line === '' ? [] : [JSON.parse(line) as { step: number } & Record<string, number>];
      } catch {
        return []; // a line cut off by a crash
      }
    });
  }
  /** Steps that have a checkpoint, ascending. */
  async checkpoints(): Promise<number[]> {
    const names = await readdir(this.in('checkpoints')).catch(() => []);
    return names.flatMap((name) => (/^step-\d+\.safetensors$/.test(name) ? [Number(name.slice(5, -12))] : [])).toSorted((a, b) => a - b);
  }
  checkpoint(step: number): string {
    return this.in('checkpoints', `step-${step}.safetensors`);
  }
  async dropCheckpoints(keep: number): Promise<void> {
    for (const step of (await this.checkpoints()).slice(0, -keep)) await rm(this.checkpoint(step), { force: true });
  }
}
