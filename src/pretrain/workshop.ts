/** The working folder of a pretraining: finished stages, checkpoints of the running one, the log. */
import { existsSync } from 'node:fs';
import { appendFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '../disk.ts';
import { openSafetensors, readTensor, writeSafetensors } from '../files/safetensors.ts';
import type { FitEvent, FitOptions, Weights } from './fit.ts';

export interface StageEvent extends FitEvent {
  stage: string;
  steps: number;
}

/** Every tensor of a file. */
export async function readWeights(path: string): Promise<Weights> {
  const file = await openSafetensors(path);
  const out: Weights = {};
  for (const { name, shape } of file.tensors.values()) out[name] = { data: await readTensor(file, name), shape };
  return out;
}

const checkpointSeconds = 150;

export class Workshop {
  readonly folder: string;
  constructor(folder: string) {
    this.folder = folder;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /**
   * A training stage, once: its weights come from the folder where it is done already, otherwise from
   * training, which goes on from its last checkpoint. Every hundredth step goes to the log.
   */
  async *stage(
    name: string,
    steps: number,
    train: (options: Pick<FitOptions, 'steps' | 'checkpoint'>) => AsyncGenerator<FitEvent, Weights>,
  ): AsyncGenerator<StageEvent, Weights> {
    const done = this.path(`${name}.safetensors`);
    if (existsSync(done)) return readWeights(done);
    await makeFolder(this.folder);
    const partial = this.path(`${name}.partial.safetensors`);
    const training = train({ steps, checkpoint: { path: partial, every: checkpointSeconds } });
    for (;;) {
      const { value, done: finished } = await training.next();
      if (finished) {
        await writeSafetensors(done, value);
        await rm(partial, { force: true });
        return value;
      }
      if (value.step % 100 === 0 || value.step === 1) {
        const rounded = { stage: name, ...value, seconds: Math.round(value.seconds) };
        await appendFile(this.path('log.jsonl'), `${JSON.stringify(rounded)}\n`);
      }
      yield { stage: name, steps, ...value };
    }
  }
}
