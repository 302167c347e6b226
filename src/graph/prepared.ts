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

  /**
   * Begins to make what a program uses and is not there, on a thread of its own. The function that comes back is to be
   * called once whatever may have failed before it: it has the values taken, after what the thread was asked for until
   * then, and its promise says how that went.
   */
  begin(program: number, preparations: readonly Preparation[], setting: SessionSetting): () => Promise<void> {
    this.users.set(
      program,
      preparations.map(({ key }) => key),
    );
    const missing = preparations.filter(({ key }) => !this.values.has(key));
    if (missing.length > 0) {
      const take = this.onOwnThread(missing, setting);
      let begin: (taking: Promise<void>) => void;
      const taken = new Promise<void>((resolve) => (begin = resolve));
      for (const { key } of missing) this.values.set(key, taken);
      const all = this.all(preparations);
      return () => {
        begin(take());
        return all;
      };
    }
    return () => this.all(preparations);
  }

  private async all(preparations: readonly Preparation[]): Promise<void> {
    await Promise.all(preparations.map(({ key }) => this.values.get(key)!));
  }

  /** Values go from thread to thread: on their way through this one each would be taken for a reason to collect garbage. */
  private onOwnThread(preparations: readonly Preparation[], setting: SessionSetting): () => Promise<void> {
    const maker = new WorkerThread((message) => new Error(message));
    const { port1: from, port2: to } = new MessageChannel();
    const making = maker.request({ kind: 'prepare', preparations, to, ...setting, threads: 1 }, [to]);
    making.catch(() => {});
    return async () => {
      try {
        await Promise.all([making, this.thread.request({ kind: 'takePrepared', from }, [from])]);
      } finally {
        await maker.close();
      }
    };
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
