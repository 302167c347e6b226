/** Textual inversion (Gal et al., 2023): the placeholder's vectors alone are learned. */
import { objectTemplates } from '../text/templates.ts';
import { joined } from './concept.ts';
import { rowsByName, withRows } from './method.ts';
import type { Format, Method } from './method.ts';

/** One tensor [n, D] under the placeholder's name: what diffusers, A1111 and ComfyUI all open. Several words are several files. */
const oneKey: Format = {
  name: 'diffusers',
  also: ['a1111', 'comfy', 'kohya'],
  write: ({ concept }, { tokens }) => {
    const words = rowsByName(concept!, tokens);
    if (tokens.length === 1) return { 'learned_embeds.safetensors': words };
    return Object.fromEntries(Object.entries(words).map(([token, vectors]) => [`${token}.safetensors`, { [token]: vectors }]));
  },
  read: (tensors, { textEncoder }) => {
    // kohya's and A1111's files call the tensor by names of their own.
    const found = Object.entries(tensors).filter(([name]) => !name.startsWith('string_to_token.'));
    const width = textEncoder.config.hidden_size;
    if (found.length === 0 || found.some(([, { shape }]) => shape.length > 2 || shape.length === 0 || shape.at(-1) !== width))
      return undefined;
    const sizes = new Set(found.map(([, { data }]) => data.length));
    if (sizes.size > 1) return undefined;
    const concept = joined(found.map(([, weight]) => weight));
    const foreign = found.some(([name]) => name === 'emb_params' || name.startsWith('string_to_param.'));
    if (foreign && found.length > 1) return undefined;
    return { weights: { concept }, settings: { vectors: concept.shape[0]! }, ...(!foreign && { tokens: found.map(([name]) => name) }) };
  },
};

export const textualInversion: Method = {
  name: 'ti',
  about: 'textual inversion: vectors behind a new word',
  learnsToken: true,
  trainsText: () => true,
  templates: objectTemplates,
  defaults: { steps: 1000, batchSize: 1, accumulation: 4 },
  formats: [oneKey],
  adapt: (base, { vectors }, parameter) =>
    withRows(base, parameter('concept', [vectors, base.textEncoder.config.hidden_size]), { vectors, perLayer: false }),
  initial: (_, __, { rows }) => ({ concept: rows }),
};
