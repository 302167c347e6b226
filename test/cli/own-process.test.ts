/** A verb that computes runs again with large pages, and to those outside the two processes are one. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { scratch } from '../scratch.ts';

const variable = 'GLIBC_TUNABLES';

interface Started {
  process: ChildProcess;
  /** Ids of the processes that it began. */
  begun: () => number[];
  ended: Promise<{ status: number | null; signal: NodeJS.Signals | null; stderr: string }>;
}

function contextura(tunables: string | undefined, ...args: string[]): Started {
  const { [variable]: _, ...env } = process.env;
  const child = spawn(process.execPath, ['dist/cli/main.js', ...args], {
    env: { ...env, ...(tunables !== undefined && { [variable]: tunables }) },
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  return {
    process: child,
    begun: () =>
      readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8')
        .split(' ')
        .flatMap((id) => (id === '' || !environmentOf(Number(id)).includes(`${variable}=glibc`) ? [] : [Number(id)])),
    ended: new Promise((resolve) => child.on('close', (status, signal) => resolve({ status, signal, stderr }))),
  };
}

const environmentOf = (id: number): string => readFileSync(`/proc/${id}/environ`, 'utf8');

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 600 && !holds(); i++) await after(50);
  expect(holds()).toBe(true);
}

/** `customize` that has taken its first steps. */
async function learning(tunables?: string): Promise<Started & { out: string }> {
  const out = join(await scratch(), 'run');
  const subject = ['--images', 'examples/subjects/dog', '--class', 'dog', '--out', out];
  const few = ['--steps', '5000', '--batch', '1', '--prompt-batch', '2', '--sample-every', '0', '--quiet'];
  const started = contextura(tunables, 'customize', ...subject, ...few);
  const metrics = join(out, 'metrics.jsonl');
  await until(() => existsSync(metrics) && readFileSync(metrics, 'utf8') !== '');
  return { ...started, out };
}

describe.skipIf(process.platform !== 'linux')('a process of its own', () => {
  test('ends as the verb ends', async () => {
    const { ended } = contextura(undefined, 'generate', '--prompt', 'a dog');
    const { status, stderr } = await ended;
    expect(status).toBe(2);
    expect(stderr).toMatch(/^contextura: --out is missing/);
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s reaches it once: the run stops and can go on', async (signal) => {
    const run = await learning();
    expect(run.begun()).toHaveLength(1);
    run.process.kill(signal);
    const { status, stderr } = await run.ended;
    expect(status).toBe(130);
    expect(stderr).toMatch(/--resume/);
    expect(existsSync(join(run.out, 'checkpoints'))).toBe(true);
  });

  test('is gone when the process that waits for it is killed', async () => {
    const run = await learning();
    const [id] = run.begun();
    run.process.kill('SIGKILL');
    await until(() => !existsSync(`/proc/${id}`));
  });

  test('dies of a signal together with the process that waits', async () => {
    const run = await learning();
    process.kill(run.begun()[0]!, 'SIGKILL');
    expect(await run.ended).toMatchObject({ status: null, signal: 'SIGKILL' });
  });

  test('is not begun where the environment says how memory is had', async () => {
    const run = await learning('');
    expect(run.begun()).toHaveLength(0);
    run.process.kill('SIGTERM');
    expect((await run.ended).status).toBe(130);
  });
});
