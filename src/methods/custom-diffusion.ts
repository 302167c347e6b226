/**
 * Custom Diffusion (Kumari et al., 2023): the placeholder's vectors and the keys' and values' projections of
 * cross-attention are learned; the first token's keys and values pass no gradient.
 */
import { valuesOf } from '../files/constants.ts';
import { replaced } from '../nn/parameters.ts';
import { joined } from './concept.ts';
import { kohyaName } from './lora.ts';
import { lowRank } from './low-rank.ts';
import type { LowRank } from './low-rank.ts';
import { rowsByName, withRows } from './method.ts';
import type { Format, Method, Weight, Weights } from './method.ts';
import { frozenValues, traceParameters } from './whole.ts';

/** The projections that it trains. */
export const keyValue = /attn2\.to_[kv]\.weight$/;

const stored = (name: string): string =>
  `${name.slice('unet.'.length).replace(/attn2\.(to_[kv])\.weight$/, 'attn2.processor.$1_custom_diffusion.weight')}`;

/** A file for each new word. */
const wordFiles = (concept: Weight, tokens: readonly string[]): Record<string, Weights> =>
  Object.fromEntries(Object.entries(rowsByName(concept, tokens)).map(([token, vectors]) => [`${token}.safetensors`, { [token]: vectors }]));

/**
 * diffusers' files: attention processors, and the new words. Its loader wants every attention named, those that are
 * as they were by a tensor without entries, which safetensors files of its own writing lack.
 */
const processors: Format = {
  name: 'diffusers',
  write: ({ concept, ...projections }, { tokens, model }) => ({
    'pytorch_custom_diffusion_weights.safetensors': Object.fromEntries([
      ...Object.entries(projections).map(([name, weight]) => [stored(name), weight] as const),
      ...[...traceParameters(model).unet.keys()].flatMap((name) => {
        const attention = /^(.*attn1)\.to_q\.weight$/.exec(name);
        return attention === null ? [] : [[`${attention[1]}.processor`, { data: new Float32Array(), shape: [0] }] as const];
      }),
    ]),
    ...wordFiles(concept!, tokens),
  }),
  read: (tensors, model) => {
    const weights: Weights = {};
    const words: [string, Weight][] = [];
    for (const [name, weight] of Object.entries(tensors).filter(([, { data }]) => data.length > 0)) {
      const projection = /^(.*attn2)\.processor\.(to_[kv])_custom_diffusion\.weight$/.exec(name);
      if (projection !== null) weights[`unet.${projection[1]}.${projection[2]}.weight`] = weight;
      else if (weight.shape.length <= 2 && weight.shape.at(-1) === model.textEncoder.config.hidden_size) words.push([name, weight]);
      else return undefined;
    }
    const trained = [...traceParameters(model).unet].filter(([name]) => keyValue.test(name));
    if (words.length === 0 || new Set(words.map(([, { data }]) => data.length)).size > 1) return undefined;
    weights.concept = joined(words.map(([, weight]) => weight));
    if (trained.some(([name, { shape }]) => weights[`unet.${name}`]?.shape.join() !== shape.join())) return undefined;
    return { weights, settings: { vectors: weights.concept.shape[0]! }, tokens: words.map(([name]) => name) };
  },
};

/** A low-rank term among others of a higher rank: diffusers scales them all by one α / r. */
function padded({ up, down }: Pick<LowRank, 'up' | 'down'>, rank: number): Pick<LowRank, 'up' | 'down'> {
  const [rows, kept] = up.shape as [number, number];
  const [data, columns] = [new Float32Array(rows * rank), down.shape[1]!];
  for (let i = 0; i < rows; i++) data.set(up.data.subarray(i * kept, (i + 1) * kept), i * rank);
  const below = new Float32Array(rank * columns);
  below.set(down.data);
  return { up: { data, shape: [rows, rank] }, down: { data: below, shape: [rank, columns] } };
}

/**
 * The change of each projection as a LoRA of kohya's names (by SVD, so that A1111 and ComfyUI open it), with the new
 * word as an embedding. What rank r keeps of the change is in `energy` of `lowRank`; nothing reads it back.
 */
const asLora: Format = {
  name: 'kohya',
  also: ['a1111', 'comfy'],
  write: ({ concept, ...projections }, { tokens, model, settings }) => {
    const out: Weights = {};
    const full = Math.max(...Object.values(projections).map(({ shape }) => Math.min(...shape)));
    const rank = Math.min(settings.rank, full);
    for (const [name, { data, shape }] of Object.entries(projections)) {
      const before = valuesOf(model.unet.parameters.get(name.slice('unet.'.length), shape));
      const { up, down } = padded(lowRank({ data: data.map((x, i) => x - before[i]!), shape }, rank), rank);
      const module = kohyaName(name.replace(/\.weight$/, ''));
      out[`${module}.lora_up.weight`] = up;
      out[`${module}.lora_down.weight`] = down;
      out[`${module}.alpha`] = { data: Float32Array.of(rank), shape: [] };
    }
    return { 'lora.safetensors': out, ...wordFiles(concept!, tokens) };
  },
  read: () => undefined,
};

export const customDiffusion: Method = {
  name: 'custom-diffusion',
  about: 'Custom Diffusion: a new word and cross-attention’s keys and values, with prior preservation',
  learnsToken: true,
  trainsText: () => true,
  templates: ['photo of a {}'],
  defaults: { steps: 250, batchSize: 2, learningRate: 4e-5, priorCount: 200, scaledViews: true },
  formats: [processors, asLora],
  adapt: (base, { vectors }, parameter) => ({
    ...withRows(base, parameter('concept', [vectors, base.textEncoder.config.hidden_size]), { vectors, perLayer: false }),
    unet: { ...base.unet, parameters: replaced(base.unet.parameters, keyValue, (name, shape) => parameter(`unet.${name}`, shape)) },
    unetOptions: { ...base.unetOptions, fixedFirstToken: true },
  }),
  initial: (model, _, { rows }) => {
    const trained = [...traceParameters(model).unet].filter(([name]) => keyValue.test(name));
    return { concept: rows, ...frozenValues(model.unet.parameters, new Map(trained), 'unet.') };
  },
};
