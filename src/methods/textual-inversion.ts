/** Textual inversion (Gal et al., 2023): the placeholder's vectors alone are learned. */
import { objectTemplates } from '../text/templates.ts';
import { repeated } from './concept.ts';
import { withRows } from './method.ts';
import type { Format, Method, Weight } from './method.ts';

const names = (tensors: Readonly<Record<string, Weight>>): string[] => Object.keys(tensors);

/** One tensor [n, D] under the placeholder's name: what diffusers, A1111 and ComfyUI all open. */
const oneKey: Format = {
  name: 'diffusers',
  also: ['a1111', 'comfy', 'kohya'],
  write: ({ concept }, { token }) => ({ 'learned_embeds.safetensors': { [token]: concept! } }),
  read: (tensors, { textEncoder }) => {
    // kohya's and A1111's files call the tensor by names of their own.
    const [name, ...more] = names(tensors).filter((key) => !key.startsWith('string_to_token.'));
    const tensor = name === undefined ? undefined : tensors[name];
    if (name === undefined || more.length > 0 || tensor === undefined || tensor.shape.length > 2) return undefined;
    const width = tensor.shape.at(-1)!;
    if (width !== textEncoder.config.hidden_size) return undefined;
    const concept = { data: tensor.data, shape: [tensor.data.length / width, width] };
    const known = name === 'emb_params' || name.startsWith('string_to_param.');
    return { weights: { concept }, settings: { vectors: concept.shape[0]! }, ...(!known && { token: name }) };
  },
};

export const textualInversion: Method = {
  name: 'ti',
  about: 'textual inversion: vectors behind a new word',
  learnsToken: true,
  trainsText: () => true,
  templates: objectTemplates,
  defaults: {},
  formats: [oneKey],
  adapt: (base, { vectors }, parameter) =>
    withRows(base, parameter('concept', [vectors, base.textEncoder.config.hidden_size]), { vectors, perLayer: false }),
  initial: (_, { vectors }, { initializer }) => ({ concept: repeated(initializer, vectors) }),
};
