/** Stages: the VAE, on renders; its decoder alone, on the latents that the encoder has settled on; both again, for sharpness. */
import type { Engine } from '../graph/engine.ts';
import { abs, add, exp, input, log, mean, multiply, square, subtract, sum } from '../graph/ops.ts';
import type { Tensor } from '../graph/tensor.ts';
import { Random } from '../graph/random.ts';
import { vaeConfig, vaeDecode, vaeEncode, vaeSample } from '../models/vae.ts';
import type { VaeConfig } from '../models/vae.ts';
import { constantSource, Parameters, stateSource } from '../nn/parameters.ts';
import { pictureSize, toPlanes } from './data.ts';
import { fit } from './fit.ts';
import type { FitEvent, FitOptions, Weights } from './fit.ts';

export const tinyVae: VaeConfig = vaeConfig.parse({
  block_out_channels: [24, 48, 64],
  layers_per_block: 1,
  norm_num_groups: 8,
  sample_size: pictureSize,
});

/** A drift of 0.15 of the latents' deviation costs as much as a fifth of a decibel. */
const driftWeight = 2;

/** Mean squared error, and the loss that adds a tenth of the absolute one. */
function reconstruction(decoded: Tensor, pixels: Tensor): { squared: Tensor; loss: Tensor } {
  const difference = subtract(decoded, pixels);
  const squared = mean(square(difference));
  return { squared, loss: add(squared, multiply(mean(abs(difference)), 0.1)) };
}

export function trainVae(
  engine: Engine,
  pictures: Uint8Array,
  options: Pick<FitOptions, 'steps' | 'seed' | 'learningRate' | 'checkpoint' | 'start'> & {
    batchSize: number;
    config?: VaeConfig;
    /** Weights of an encoder whose means the new ones must stay near: what was trained on those latents stays of use. */
    near?: Weights;
    /** Mean squared error with a tenth of the absolute one, or the mean over pictures of its logarithm: decibels. */
    objective?: 'error' | 'decibels';
  },
): AsyncGenerator<FitEvent, Weights> {
  const { batchSize, config = tinyVae, objective = 'error', near } = options;
  const { source, tensors } = stateSource();
  const p = new Parameters(source);
  const pixels = input('pixels', [batchSize, 3, pictureSize, pictureSize]);
  const moments = vaeEncode(p, config, pixels);
  const noise = input('noise', moments.mean.shape);
  const decoded = vaeDecode(p, config, vaeSample(moments, noise));
  const { squared, loss: error } = reconstruction(decoded, pixels);
  const { mean: mu, logVariance } = moments;
  const divergence = multiply(sum(subtract(add(square(mu), exp(logVariance)), add(logVariance, 1))), 0.5 / batchSize);
  const perPicture = mean(square(subtract(decoded, pixels)), [1, 2, 3]);
  const reconstructed =
    objective === 'error' ? add(error, multiply(divergence, 2e-6)) : add(mean(log(add(perPicture, 1e-4))), multiply(divergence, 4e-5));
  const metrics: Record<string, Tensor> = { squared, divergence };
  let loss = reconstructed;
  if (near !== undefined) {
    metrics.drift = mean(square(subtract(mu, vaeEncode(new Parameters(constantSource(near)), config, pixels).mean)));
    loss = add(loss, multiply(metrics.drift, driftWeight));
  }
  const count = pictures.length / (3 * pictureSize ** 2);
  return fit(
    engine,
    { loss, parameters: tensors, metrics },
    {
      ...options,
      ema: objective === 'error' ? 0.995 : 0.998,
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

/** The decoder's weights, trained on from `start` with the encoder as it is: latents [N, 4, h, w] are its means, not scaled. */
export function trainDecoder(
  engine: Engine,
  data: { pictures: Uint8Array; latents: Float32Array },
  start: Weights,
  options: Pick<FitOptions, 'steps' | 'seed' | 'learningRate' | 'checkpoint'> & { batchSize: number },
): AsyncGenerator<FitEvent, Weights> {
  const { batchSize } = options;
  const { source, tensors } = stateSource();
  const side = pictureSize / 2 ** (tinyVae.block_out_channels.length - 1);
  const latents = input('latents', [batchSize, tinyVae.latent_channels, side, side]);
  const pixels = input('pixels', [batchSize, 3, pictureSize, pictureSize]);
  const { squared, loss } = reconstruction(vaeDecode(new Parameters(source), tinyVae, latents), pixels);
  const length = tinyVae.latent_channels * side * side;
  const count = data.latents.length / length;
  return fit(
    engine,
    { loss, parameters: tensors, metrics: { squared } },
    {
      ...options,
      start,
      ema: 0.998,
      batch: (step) => {
        const random = new Random(options.seed).fork('decoder', step);
        const rows = Array.from({ length: batchSize }, () => random.integer(count));
        const chosen = new Float32Array(batchSize * length);
        rows.forEach((row, i) => chosen.set(data.latents.subarray(row * length, (row + 1) * length), i * length));
        return { latents: chosen, pixels: toPlanes(data.pictures, rows) };
      },
    },
  );
}
