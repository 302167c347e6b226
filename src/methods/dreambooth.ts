/** DreamBooth (Ruiz et al., 2023): the whole U-Net and text encoder are learned; the subject has a rare word for a name. */
import { frozenValues, traceParameters } from './whole.ts';
import type { Format, Method, Weights } from './method.ts';
import { replaced } from '../nn/parameters.ts';

const whole = /^/;

const files = { unet: 'unet/diffusion_pytorch_model.safetensors', text_encoder: 'text_encoder/model.safetensors' } as const;

/** A whole model folder in diffusers' layout. */
const folder: Format = {
  name: 'diffusers',
  isModel: true,
  write: (weights) => {
    const of = (component: keyof typeof files): Weights =>
      Object.fromEntries(
        Object.entries(weights).flatMap(([name, weight]) =>
          name.startsWith(`${component}.`) ? [[name.slice(component.length + 1), weight]] : [],
        ),
      );
    return { [files.unet]: of('unet'), [files.text_encoder]: of('text_encoder') };
  },
  read: () => undefined,
};

export const dreamBooth: Method = {
  name: 'dreambooth',
  about: 'DreamBooth: the whole U-Net and text encoder, with prior preservation',
  learnsToken: false,
  trainsText: () => true,
  templates: ['a photo of a {}'],
  defaults: { token: 'sks', steps: 800, batchSize: 1, learningRate: 2e-6, priorCount: 100 },
  formats: [folder],
  adapt: (base, _, parameter) => ({
    ...base,
    textEncoder: {
      ...base.textEncoder,
      parameters: replaced(base.textEncoder.parameters, whole, (name, shape) => parameter(`text_encoder.${name}`, shape)),
    },
    unet: { ...base.unet, parameters: replaced(base.unet.parameters, whole, (name, shape) => parameter(`unet.${name}`, shape)) },
  }),
  initial: (model) => ({
    ...frozenValues(model.textEncoder.parameters, traceParameters(model).textEncoder, 'text_encoder.'),
    ...frozenValues(model.unet.parameters, traceParameters(model).unet, 'unet.'),
  }),
};
