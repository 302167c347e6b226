/** How `assets/` was made: every stage, in order, from seeds alone. */
import type { Engine } from '../graph/engine.ts';
import { renderAll, scenesOf } from './data.ts';
import { trainVae } from './vae.ts';
import type { StageEvent } from './workshop.ts';
import { Workshop } from './workshop.ts';

/** Makes what is not in `folder` yet. */
export async function* pretrainTiny(engine: Engine, folder: string): AsyncGenerator<StageEvent, void> {
  const workshop = new Workshop(folder);
  yield* workshop.stage('vae', 2400, async function* (options) {
    const pictures = await renderAll(scenesOf(11, 16_000));
    return yield* trainVae(engine, pictures, { ...options, batchSize: 8, learningRate: 2e-3, seed: 1 });
  });
}
