/** Scenes → latents, in portions, so that pictures need not all be kept. */
import type { Engine } from '../graph/engine.ts';
import { input } from '../graph/ops.ts';
import { sizeOf } from '../graph/tensor.ts';
import { vaeEncode } from '../models/vae.ts';
import type { VaeConfig } from '../models/vae.ts';
import { Parameters, stateSource } from '../nn/parameters.ts';
import type { Scene } from '../world/scene.ts';
import { pictureSize, renderAll, toPlanes } from './data.ts';
import type { Weights } from './fit.ts';

const portion = 32;

/** Means of the latents of pictures, not scaled: [N, 4, 16, 16]. Engine states of the names in `weights` must be free. */
export async function encodeScenes(
  engine: Engine,
  scenes: readonly Scene[],
  config: VaeConfig,
  weights: Weights,
  progress?: (done: number) => void,
): Promise<Float32Array> {
  const { source, tensors } = stateSource();
  const { mean } = vaeEncode(new Parameters(source), config, input('pixels', [portion, 3, pictureSize, pictureSize]));
  const program = await engine.compile({ outputs: { mean } });
  await engine.setState(Object.fromEntries([...tensors.keys()].map((name) => [name, weights[name]!])));
  const length = sizeOf(mean.shape) / portion;
  const out = new Float32Array(scenes.length * length);
  let encoding: Promise<void> = Promise.resolve();
  for (let from = 0; from < scenes.length; from += portion) {
    const part = scenes.slice(from, from + portion);
    const pictures = await renderAll(part);
    const pixels = new Float32Array(portion * 3 * pictureSize ** 2);
    pixels.set(toPlanes(pictures, part.keys()));
    await encoding;
    encoding = program
      .run({ pixels })
      .then((result) => out.set(result.mean!.subarray(0, part.length * length) as Float32Array, from * length));
    if ((from / portion) % 100 === 99) progress?.(from + portion);
  }
  await encoding;
  await program.release();
  await engine.dropState([...tensors.keys()]);
  return out;
}

export function standardDeviation(values: Float32Array): number {
  let total = 0;
  let squares = 0;
  for (const x of values) {
    total += x;
    squares += x * x;
  }
  return Math.sqrt(squares / values.length - (total / values.length) ** 2);
}
