/** Which parameters a model has, and the values that they come with. */
import { valuesOf } from '../files/constants.ts';
import { input } from '../graph/ops.ts';
import type { Shape } from '../graph/tensor.ts';
import { onDemand } from '../graph/values.ts';
import { clipText, clipTokenEmbedding } from '../models/clip-text.ts';
import type { DiffusionModel } from '../models/load.ts';
import { unet } from '../models/unet.ts';
import { Parameters, stateSource } from '../nn/parameters.ts';
import type { Weights } from './method.ts';

type Shapes = ReadonlyMap<string, { shape: Shape }>;

/** Names and shapes of all that a text encoder's states and a U-Net's prediction depend on. */
export function traceParameters({ textEncoder, unet: denoiser }: DiffusionModel): { textEncoder: Shapes; unet: Shapes } {
  const [text, image] = [stateSource(), stateSource()];
  const p = new Parameters(text.source);
  const { config } = textEncoder;
  const states = clipText(p, config, clipTokenEmbedding(p, config, input('ids', [1, config.max_position_embeddings], 'int32')));
  const { in_channels: channels, sample_size: size } = denoiser.config;
  unet(new Parameters(image.source), denoiser.config, input('latents', [1, channels, size, size]), input('timesteps', [1]), states);
  return { textEncoder: text.tensors, unet: image.tensors };
}

/** Values of frozen parameters, under a prefix, read on demand. */
export function frozenValues(parameters: Parameters, names: Shapes, prefix: string): Weights {
  return Object.fromEntries(
    [...names].map(([name, { shape }]) => [prefix + name, onDemand(shape, () => valuesOf(parameters.get(name, shape)))]),
  );
}
