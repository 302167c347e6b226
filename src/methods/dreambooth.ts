/** DreamBooth (Ruiz et al., 2023): the whole U-Net and text encoder are learned; the subject has a rare word for a name. */
import { frozenValues, traceParameters } from './whole.ts';
import type { Format, Method, Weights } from './method.ts';
import { traces } from '../models/load.ts';
import { weightsOf } from '../models/save.ts';
import { isOpenClip, joinCheckpoint } from '../models/stable-diffusion.ts';
import { replaced } from '../nn/parameters.ts';

const whole = /^/;

const files = { unet: 'unet/diffusion_pytorch_model.safetensors', text_encoder: 'text_encoder/model.safetensors' } as const;

/** The tensors of a component, without its prefix. */
const partOf = (weights: Weights, component: string): Weights =>
  Object.fromEntries(
    Object.entries(weights).flatMap(([name, weight]) =>
      name.startsWith(`${component}.`) ? [[name.slice(component.length + 1), weight]] : [],
    ),
  );

/** A whole model folder in diffusers' layout. */
const folder: Format = {
  name: 'diffusers',
  isModel: 'folder',
  write: (weights) => ({ [files.unet]: partOf(weights, 'unet'), [files.text_encoder]: partOf(weights, 'text_encoder') }),
  read: () => undefined,
};

/** One file in the layout of the first Stable Diffusion's. */
const checkpoint: Format = {
  name: 'checkpoint',
  also: ['a1111', 'comfy', 'kohya'],
  isModel: 'file',
  write: (weights, { model: { unet, vae, textEncoder } }) => {
    const parts = { textEncoder: partOf(weights, 'text_encoder'), unet: partOf(weights, 'unet'), vae: weightsOf(vae, traces.vae.run) };
    const layout = { unet: unet.config, vae: vae.config, openClip: isOpenClip(textEncoder.config) };
    return { 'model.safetensors': joinCheckpoint(parts, layout) };
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
  formats: [folder, checkpoint],
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
