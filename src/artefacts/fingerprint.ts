/** What tells two base models apart. */
import { createHash } from 'node:crypto';
import { valuesBetween } from '../files/constants.ts';
import { toHalves } from '../graph/half.ts';
import { sizeOf } from '../graph/tensor.ts';
import { traceParameters } from '../methods/whole.ts';
import type { DiffusionModel } from '../models/load.ts';

const sampled = 64;

/**
 * SHA-256 over the U-Net's and the text encoder's parameters: names, shapes and the first 64 numbers of each, rounded
 * to half precision, so that a checkpoint's float32 and float16 files are the same model.
 */
export function fingerprint(model: DiffusionModel): string {
  const hash = createHash('sha256');
  const shapes = traceParameters(model);
  for (const component of ['unet', 'textEncoder'] as const)
    for (const [name, { shape }] of [...shapes[component]].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      hash.update(`${component} ${name} ${shape.join()}\n`);
      const values = valuesBetween(model[component].parameters.get(name, shape), 0, Math.min(sampled, sizeOf(shape)));
      hash.update(toHalves(values));
    }
  return hash.digest('hex');
}
