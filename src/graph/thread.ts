/** A worker thread that answers requests, each with one reply. */
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import type { Transferable } from 'node:worker_threads';
import { internal } from '../errors.ts';
import type { Reply, Request } from './protocol.ts';

type Pending = { resolve: (value: unknown) => void; reject: (error: Error) => void };
export type Unsent = Request extends infer R ? (R extends Request ? Omit<R, 'call'> : never) : never;

/** From source (tests, tsx) the worker first registers tsx, which a worker thread does not inherit. */
function startWorker(): Worker {
  if (!import.meta.url.endsWith('.ts')) return new Worker(new URL('./worker.js', import.meta.url));
  const tsx = createRequire(import.meta.url)
    .resolve('tsx/esm/api')
    .replace(/cjs$/, 'mjs');
  const url = new URL('./worker.ts', import.meta.url).href;
  return new Worker(`import(${JSON.stringify(tsx)}).then(({ register }) => { register(); return import(${JSON.stringify(url)}); })`, {
    eval: true,
  });
}

/** The thread begins with the first request, and keeps the process alive only while one is not answered. */
export class WorkerThread {
  private readonly failureOf: (message: string) => Error;
  private worker: Worker | undefined;
  private readonly pending: Map<number, Pending> = new Map();
  private failure: Error | undefined;
  private calls = 0;

  /** @param failureOf what a request fails with, given the message of the thread's error */
  constructor(failureOf: (message: string) => Error) {
    this.failureOf = failureOf;
  }

  private begun(): Worker {
    if (this.worker !== undefined) return this.worker;
    const worker = startWorker();
    worker.on('message', (reply: Reply) => {
      const pending = this.pending.get(reply.call);
      this.settled(reply.call);
      if ('error' in reply) pending?.reject(this.failureOf(reply.error));
      else pending?.resolve(reply.value);
    });
    worker.on('error', (error) => this.fail(error instanceof Error ? error : new Error(String(error))));
    worker.on('exit', (code) => this.fail(internal(`the engine's worker ended with code ${code}`)));
    worker.unref();
    return (this.worker = worker);
  }

  /** A call that waits no longer. */
  private settled(call: number): void {
    this.pending.delete(call);
    if (this.pending.size === 0) this.worker?.unref();
  }

  private fail(error: Error): void {
    this.failure ??= error;
    for (const { reject } of this.pending.values()) reject(this.failure);
    this.pending.clear();
  }

  request(message: Unsent, transfer: readonly Transferable[] = []): Promise<unknown> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    const call = this.calls++;
    const worker = this.begun();
    worker.ref();
    return new Promise((resolve, reject) => {
      this.pending.set(call, { resolve, reject });
      try {
        worker.postMessage({ ...message, call } as Request, transfer);
      } catch (error) {
        this.settled(call);
        throw error;
      }
    });
  }

  async close(): Promise<void> {
    this.failure ??= internal('the engine is closed');
    await this.worker?.terminate();
  }
}
