/**
 * Custom Diffusion (Kumari et al., 2023): the placeholder's vectors and the keys' and values' projections of
 * cross-attention are learned; the first token's keys and values pass no gradient.
 */
import { replaced } from '../nn/parameters.ts';
import { repeated } from './concept.ts';
import { withRows } from './method.ts';
import type { Format, Method, Weights } from './method.ts';
import { frozenValues, traceParameters } from './whole.ts';

/** The projections that it trains. */
export const keyValue = /attn2\.to_[kv]\.weight$/;

const stored = (name: string): string =>
  `${name.slice('unet.'.length).replace(/attn2\.(to_[kv])\.weight$/, 'attn2.processor.$1_custom_diffusion.weight')}`;

/** diffusers' two files: attention processors, and the new word. */
const processors: Format = {
  name: 'diffusers',
  write: ({ concept, ...projections }, { token }) => ({
    'pytorch_custom_diffusion_weights.safetensors': Object.fromEntries(
      Object.entries(projections).map(([name, weight]) => [stored(name), weight]),
    ),
    [`${token}.safetensors`]: { [token]: concept! },
  }),
  read: (tensors, model) => {
    const weights: Weights = {};
    let token: string | undefined;
    for (const [name, weight] of Object.entries(tensors)) {
      const projection = /^(.*attn2)\.processor\.(to_[kv])_custom_diffusion\.weight$/.exec(name);
      if (projection !== null) weights[`unet.${projection[1]}.${projection[2]}.weight`] = weight;
      else if (token === undefined && weight.shape.at(-1) === model.textEncoder.config.hidden_size) {
        token = name;
        weights.concept = { data: weight.data, shape: [weight.data.length / weight.shape.at(-1)!, weight.shape.at(-1)!] };
      } else return undefined;
    }
    const trained = [...traceParameters(model).unet].filter(([name]) => keyValue.test(name));
    if (token === undefined || trained.some(([name, { shape }]) => weights[`unet.${name}`]?.shape.join() !== shape.join()))
      return undefined;
    return { weights, settings: { vectors: weights.concept!.shape[0]! }, token };
  },
};

export const customDiffusion: Method = {
  name: 'custom-diffusion',
  about: 'Custom Diffusion: a new word and cross-attention’s keys and values, with prior preservation',
  learnsToken: true,
  trainsText: () => true,
  templates: ['photo of a {}'],
  defaults: { steps: 250, batchSize: 2, learningRate: 4e-5, priorCount: 200 },
  views: 'scaled',
  formats: [processors],
  adapt: (base, { vectors }, parameter) => ({
    ...withRows(base, parameter('concept', [vectors, base.textEncoder.config.hidden_size]), { vectors, perLayer: false }),
    unet: { ...base.unet, parameters: replaced(base.unet.parameters, keyValue, (name, shape) => parameter(`unet.${name}`, shape)) },
    unetOptions: { ...base.unetOptions, fixedFirstToken: true },
  }),
  initial: (model, { vectors }, { initializer }) => {
    const trained = [...traceParameters(model).unet].filter(([name]) => keyValue.test(name));
    return { concept: repeated(initializer, vectors), ...frozenValues(model.unet.parameters, new Map(trained), 'unet.') };
  },
};
