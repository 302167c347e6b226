/** A pipeline that is kept while the method and its settings stay the same: only what was learned is exchanged. */
import type { Engine } from '../graph/engine.ts';
import type { Learned } from '../methods/learned.ts';
import type { DiffusionModel } from '../models/load.ts';
import { Pipeline } from './pipeline.ts';

export class KeptPipeline {
  private readonly engine: Engine;
  private readonly model: DiffusionModel;
  private readonly batch: number;
  private kept: { key: string; pipeline: Pipeline } | undefined;
  constructor(engine: Engine, model: DiffusionModel, batch: number) {
    this.engine = engine;
    this.model = model;
    this.batch = batch;
  }

  async of(learned: Learned): Promise<Pipeline> {
    const key = JSON.stringify([learned.method.name, learned.settings, learned.words]);
    if (this.kept?.key === key) await this.kept.pipeline.use([learned]);
    else {
      await this.release();
      this.kept = { key, pipeline: await Pipeline.create(this.engine, this.model, this.batch, [learned]) };
    }
    return this.kept.pipeline;
  }

  async release(): Promise<void> {
    await this.kept?.pipeline.release();
    this.kept = undefined;
  }
}
