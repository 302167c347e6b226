/** Extended textual inversion, P+ (Voynov et al., 2023): vectors of their own for each cross-attention layer. */
import { crossAttentionLayers } from '../models/unet.ts';
import { objectTemplates } from '../text/templates.ts';
import { repeated } from './concept.ts';
import { withRows } from './method.ts';
import type { Format, Method } from './method.ts';

/** kohya's layout: a tensor [n, D] for each layer, by latent-diffusion's names of the blocks. */
const byLayer: Format = {
  name: 'kohya',
  write: ({ concept }, { model }) => {
    const layers = crossAttentionLayers(model.unet.config);
    const [rows, width] = concept!.shape as [number, number];
    const each = (rows / layers.length) * width;
    const tensors = layers.map(({ name }, i) => [
      name,
      { data: concept!.data.slice(i * each, (i + 1) * each), shape: [rows / layers.length, width] },
    ]);
    return { 'xti_embeds.safetensors': Object.fromEntries(tensors) as Record<string, { data: Float32Array; shape: number[] }> };
  },
  read: (tensors, model) => {
    const layers = crossAttentionLayers(model.unet.config);
    const width = model.textEncoder.config.hidden_size;
    const first = tensors[layers[0]!.name];
    if (first === undefined || Object.keys(tensors).length !== layers.length) return undefined;
    if (layers.some(({ name }) => tensors[name]?.shape.join() !== first.shape.join()) || first.shape.at(-1) !== width) return undefined;
    const data = new Float32Array(layers.length * first.data.length);
    layers.forEach(({ name }, i) => data.set(tensors[name]!.data, i * first.data.length));
    return { weights: { concept: { data, shape: [data.length / width, width] } }, settings: { vectors: first.data.length / width } };
  },
};

export const extendedTextualInversion: Method = {
  name: 'xti',
  about: 'extended textual inversion (P+): other vectors for each cross-attention layer',
  learnsToken: true,
  trainsText: () => true,
  templates: objectTemplates,
  defaults: { steps: 500, accumulation: 8, batchSize: 1 },
  formats: [byLayer],
  adapt: (base, { vectors }, parameter) => {
    const layers = crossAttentionLayers(base.unet.config).length;
    const rows = parameter('concept', [layers * vectors, base.textEncoder.config.hidden_size]);
    return { ...withRows(base, rows, { vectors, perLayer: true }), layers };
  },
  oneSubject: 'its files hold one word',
  initial: (model, _, { rows }) => ({ concept: repeated(rows, crossAttentionLayers(model.unet.config).length) }),
};
