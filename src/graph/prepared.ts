/** What is made of constants before the first run, by models of their own: once for all programs that use it. */
import { MessageChannel } from 'node:worker_threads';
import type { Preparation } from './onnx.ts';
import type { SessionSetting } from './protocol.ts';
import { WorkerThread } from './thread.ts';

export class Prepared {
  /** Where programs run, which keeps the values. */
  private readonly thread: WorkerThread;
  private readonly values: Map<string, Promise<void>> = new Map();
  /** Program → keys of what it uses. */
  private readonly users: Map<number, readonly string[]> = new Map();

  constructor(thread: WorkerThread) {
    this.thread = thread;
  }

  /** Makes what a program uses and is not there, on a thread of its own. Where that fails, the program is to be released. */
  async make(program: number, preparations: readonly Preparation[], setting: SessionSetting): Promise<void> {
    this.users.set(
      program,
      preparations.map(({ key }) => key),
    );
    const missing = preparations.filter(({ key }) => !this.values.has(key));
    if (missing.length > 0) {
      const made = this.onOwnThread(missing, setting);
      for (const { key } of missing) this.values.set(key, made);
    }
    await Promise.all(preparations.map(({ key }) => this.values.get(key)!));
  }

  /** Values go from thread to thread: on their way through this one each would be taken for a reason to collect garbage. */
  private async onOwnThread(preparations: readonly Preparation[], setting: SessionSetting): Promise<void> {
    const maker = new WorkerThread((message) => new Error(message));
    const { port1: from, port2: to } = new MessageChannel();
    const taken = this.thread.request({ kind: 'takePrepared', from }, [from]);
    try {
      await Promise.all([maker.request({ kind: 'prepare', preparations, to, ...setting, threads: 1 }, [to]), taken]);
    } finally {
      await maker.close();
      // What was made before a failure has arrived by then, and can be dropped.
      await taken.catch(() => undefined);
    }
  }

  /** Gives back what no other program uses. */
  async release(program: number): Promise<void> {
    this.users.delete(program);
    const used = new Set([...this.users.values()].flat());
    const keys = [...this.values.keys()].filter((key) => !used.has(key));
    if (keys.length === 0) return;
    for (const key of keys) this.values.delete(key);
    await this.thread.request({ kind: 'dropPrepared', keys });
  }
}
