/** Stage: the VAE, on renders. */
import type { Engine } from '../graph/engine.ts';
import { abs, add, exp, input, mean, multiply, square, subtract, sum } from '../graph/ops.ts';
import { Random } from '../graph/random.ts';
import { vaeConfig, vaeDecode, vaeEncode, vaeSample } from '../models/vae.ts';
import type { VaeConfig } from '../models/vae.ts';
import { Parameters, stateSource } from '../nn/parameters.ts';
import { pictureSize, toPlanes } from './data.ts';
import { fit } from './fit.ts';
import type { FitEvent, FitOptions, Weights } from './fit.ts';

export const tinyVae: VaeConfig = vaeConfig.parse({
  block_out_channels: [24, 48, 64],
  layers_per_block: 1,
  norm_num_groups: 8,
  sample_size: pictureSize,
});

export function trainVae(
  engine: Engine,
  pictures: Uint8Array,
  options: Pick<FitOptions, 'steps' | 'seed' | 'learningRate' | 'checkpoint'> & { batchSize: number; config?: VaeConfig },
): AsyncGenerator<FitEvent, Weights> {
  const { batchSize, config = tinyVae } = options;
  const { source, tensors } = stateSource();
  const p = new Parameters(source);
  const pixels = input('pixels', [batchSize, 3, pictureSize, pictureSize]);
  const moments = vaeEncode(p, config, pixels);
  const noise = input('noise', moments.mean.shape);
  const decoded = vaeDecode(p, config, vaeSample(moments, noise));
  const difference = subtract(decoded, pixels);
  const squared = mean(square(difference));
  const { mean: mu, logVariance } = moments;
  const divergence = multiply(sum(subtract(add(square(mu), exp(logVariance)), add(logVariance, 1))), 0.5 / batchSize);
  const loss = add(add(squared, multiply(mean(abs(difference)), 0.1)), multiply(divergence, 2e-6));
  const count = pictures.length / (3 * pictureSize ** 2);
  return fit(
    engine,
    { loss, parameters: tensors, metrics: { squared, divergence } },
    {
      ...options,
      ema: 0.995,
      batch: (step) => {
        const random = new Random(options.seed).fork('vae', step);
        return {
          pixels: toPlanes(
            pictures,
            Array.from({ length: batchSize }, () => random.integer(count)),
          ),
          noise: random.normals(noise.shape.reduce((a, b) => a * b, 1)),
        };
      },
    },
  );
}
