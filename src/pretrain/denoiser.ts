/** Stage: the U-Net with its text encoder, on latents and captions. */
import { alphasCumprod, addNoise, diffusionFeeds, predictionTarget, schedulerConfig } from '../diffusion/schedule.ts';
import type { Engine } from '../graph/engine.ts';
import { input, mean, square, subtract } from '../graph/ops.ts';
import { Random } from '../graph/random.ts';
import { clipText, clipTokenEmbedding } from '../models/clip-text.ts';
import type { ClipTextConfig } from '../models/clip-text.ts';
import { unet, unetConfig } from '../models/unet.ts';
import type { UnetConfig } from '../models/unet.ts';
import { constantSource, Parameters, stateSource } from '../nn/parameters.ts';
import { captionLength, rowsOf } from './clip.ts';
import { fit } from './fit.ts';
import type { FitEvent, FitOptions, Weights } from './fit.ts';

export const tinyUnet: UnetConfig = unetConfig.parse({
  sample_size: 16,
  block_out_channels: [48, 96, 160],
  layers_per_block: 1,
  down_block_types: ['DownBlock2D', 'CrossAttnDownBlock2D', 'CrossAttnDownBlock2D'],
  up_block_types: ['CrossAttnUpBlock2D', 'CrossAttnUpBlock2D', 'UpBlock2D'],
  cross_attention_dim: 128,
  attention_head_dim: 4,
  norm_num_groups: 16,
});
export const tinySchedule = schedulerConfig.parse({ prediction_type: 'v_prediction' });

/** Latents scaled to deviation 1, [N, 4, 16, 16], and token tables of their captions. */
export interface CaptionedLatents {
  latents: Float32Array;
  tokens: readonly Int32Array[];
  empty: Int32Array;
}

export function trainDenoiser(
  engine: Engine,
  data: CaptionedLatents,
  text: ClipTextConfig,
  options: Pick<FitOptions, 'steps' | 'seed' | 'learningRate' | 'checkpoint' | 'start'> & {
    batchSize: number;
    config?: UnetConfig;
    /** A text encoder that stays as it is; none: it is trained too. */
    textEncoder?: Weights;
  },
): AsyncGenerator<FitEvent, Weights> {
  const { batchSize, config = tinyUnet, textEncoder } = options;
  const { source, tensors } = stateSource();
  const p = new Parameters(source);
  const shape = [batchSize, config.in_channels, config.sample_size, config.sample_size];
  const [latents, noise] = [input('latents', shape), input('noise', shape)];
  const [timesteps, signal, deviation] = ['timesteps', 'signal', 'deviation'].map((name) => input(name, [batchSize])) as [
    typeof noise,
    typeof noise,
    typeof noise,
  ];
  const ids = input('ids', [batchSize, captionLength], 'int32');
  const encoder = textEncoder === undefined ? p.in('text_encoder') : new Parameters(constantSource(textEncoder));
  const states = clipText(encoder, text, clipTokenEmbedding(encoder, text, ids));
  const predicted = unet(p.in('unet'), config, addNoise(latents, noise, signal, deviation), timesteps, states);
  const loss = mean(square(subtract(predicted, predictionTarget(tinySchedule.prediction_type, latents, noise, signal, deviation))));
  const alphas = alphasCumprod(tinySchedule);
  const size = shape[1]! * shape[2]! * shape[3]!;
  const count = data.latents.length / size;
  const dropped = 0.1;
  return fit(
    engine,
    { loss, parameters: tensors },
    {
      ...options,
      ema: 0.995,
      weightDecay: 0.01,
      batch: (step) => {
        const random = new Random(options.seed).fork('denoiser', step);
        const rows = Array.from({ length: batchSize }, () => random.integer(count));
        const tokens = rowsOf(random.pick(data.tokens), rows);
        const latents = new Float32Array(batchSize * size);
        rows.forEach((row, i) => {
          latents.set(data.latents.subarray(row * size, (row + 1) * size), i * size);
          if (random.chance(dropped)) tokens.set(data.empty, i * captionLength);
        });
        // One timestep from each of B equal strata: less variance than B free ones.
        const times = rows.map((_, i) => Math.floor(((i + random.uniform()) / batchSize) * alphas.length));
        return { latents, noise: random.normals(latents.length), ids: tokens, ...diffusionFeeds(alphas, times) };
      },
    },
  );
}
