/**
 * LoRA (Hu et al., 2022) on the U-Net's attention, and on the text encoder's where asked: y + B A x for each
 * projection, the subject named by a rare word as in DreamBooth.
 */
import { add, matmul, swapLast } from '../graph/ops.ts';
import { Random } from '../graph/random.ts';
import type { Parameters, ParameterSource } from '../nn/parameters.ts';
import type { Shape } from '../graph/tensor.ts';
import type { DiffusionModel } from '../models/load.ts';
import type { Format, Method, MethodSettings, Weights } from './method.ts';
import { traceParameters } from './whole.ts';

const inUnet = /attn[12]\.to_(q|k|v|out\.0)$/;
const inText = /self_attn\.(q|k|v|out)_proj$/;

/** Linear maps with a low-rank term, named as diffusers names them. The scale α / r is 1. */
function adapter(parameters: Parameters, pattern: RegExp, prefix: string, rank: number, parameter: ParameterSource): Parameters {
  return parameters.withAdapter((module, x, y) => {
    if (!pattern.test(module)) return y;
    const down = parameter(`${prefix}.${module}.lora_A.weight`, [rank, x.shape.at(-1)!]);
    const up = parameter(`${prefix}.${module}.lora_B.weight`, [y.shape.at(-1)!, rank]);
    return add(y, matmul(matmul(x, swapLast(down)), swapLast(up)));
  });
}

/** Modules with a low-rank term, by the name of their parameters' prefix, with their weight's shape [O, I]. */
export function loraModules(model: DiffusionModel, settings: Pick<MethodSettings, 'loraText'>): { name: string; shape: Shape }[] {
  const traced = traceParameters(model);
  const of = (shapes: ReadonlyMap<string, { shape: Shape }>, pattern: RegExp, prefix: string): { name: string; shape: Shape }[] =>
    [...shapes].flatMap(([name, { shape }]) => {
      const module = name.replace(/\.weight$/, '');
      return module !== name && pattern.test(module) ? [{ name: `${prefix}.${module}`, shape }] : [];
    });
  return [...of(traced.unet, inUnet, 'unet'), ...(settings.loraText ? of(traced.textEncoder, inText, 'text_encoder') : [])];
}

const parts = { lora_A: 'lora_down', lora_B: 'lora_up' } as const;

/** A table under other names; undefined where it is not one of these low-rank terms, whole. */
function collected(
  tensors: Weights,
  model: DiffusionModel,
  nameOf: (module: string, part: keyof typeof parts) => readonly string[],
  scaleOf: (module: string, rank: number) => number,
): ReturnType<Format['read']> {
  const weights: Weights = {};
  let rank: number | undefined;
  let loraText = false;
  let used = 0;
  for (const { name, shape } of loraModules(model, { loraText: true })) {
    const [down, up] = (['lora_A', 'lora_B'] as const).map((part) =>
      nameOf(name, part)
        .map((key) => tensors[key])
        .find((t) => t !== undefined),
    );
    if (down === undefined && up === undefined && name.startsWith('text_encoder.')) continue;
    if (down === undefined || up === undefined || down.shape[1] !== shape[1] || up.shape[0] !== shape[0]) return undefined;
    rank ??= down.shape[0]!;
    if (down.shape[0] !== rank || up.shape[1] !== rank) return undefined;
    const scale = scaleOf(name, rank);
    weights[`${name}.lora_A.weight`] = down;
    weights[`${name}.lora_B.weight`] = scale === 1 ? up : { data: up.data.map((x) => x * scale), shape: up.shape };
    loraText ||= name.startsWith('text_encoder.');
    used += 2;
  }
  const matrices = Object.keys(tensors).filter((key) => !key.endsWith('.alpha')).length;
  return rank === undefined || used !== matrices ? undefined : { weights, settings: { rank, loraText } };
}

/** diffusers' pytorch_lora_weights.safetensors: PEFT's names, or the older ones. */
const diffusers: Format = {
  name: 'diffusers',
  write: (weights) => ({ 'pytorch_lora_weights.safetensors': weights }),
  read: (tensors, model) =>
    collected(
      tensors,
      model,
      (module, part) => [
        `${module}.${part}.weight`,
        `${module}.lora.${part === 'lora_A' ? 'down' : 'up'}.weight`,
        `${module}.${parts[part]}.weight`,
      ],
      () => 1,
    ),
};

export const kohyaName = (module: string): string =>
  module
    .replace(/^unet\./, 'lora_unet.')
    .replace(/^text_encoder\./, 'lora_te.')
    .replaceAll('.', '_');

/** kohya's names, as A1111 and ComfyUI open them: down, up and alpha for each module. */
const kohya: Format = {
  name: 'kohya',
  also: ['a1111', 'comfy'],
  write: (weights, { settings }) => {
    const out: Weights = {};
    for (const [name, weight] of Object.entries(weights)) {
      const [, module, part] = /^(.*)\.(lora_[AB])\.weight$/.exec(name)! as unknown as [string, string, keyof typeof parts];
      out[`${kohyaName(module)}.${parts[part]}.weight`] = weight;
      out[`${kohyaName(module)}.alpha`] = { data: Float32Array.of(settings.rank), shape: [] };
    }
    return { 'lora.safetensors': out };
  },
  read: (tensors, model) =>
    collected(
      tensors,
      model,
      (module, part) => [`${kohyaName(module)}.${parts[part]}.weight`],
      (module, rank) => (tensors[`${kohyaName(module)}.alpha`]?.data[0] ?? rank) / rank,
    ),
};

export const lora: Method = {
  name: 'lora',
  about: 'LoRA on attention (loraText: the text encoder’s too), with prior preservation where asked',
  learnsToken: false,
  trainsText: ({ loraText }) => loraText,
  templates: ['a photo of a {}'],
  unscaled: (name) => name.includes('.lora_A.'),
  defaults: { token: 'sks', steps: 500, batchSize: 1, learningRate: 1e-4 },
  formats: [diffusers, kohya],
  adapt: (base, { rank, loraText }, parameter) => ({
    ...base,
    unet: { ...base.unet, parameters: adapter(base.unet.parameters, inUnet, 'unet', rank, parameter) },
    textEncoder: loraText
      ? { ...base.textEncoder, parameters: adapter(base.textEncoder.parameters, inText, 'text_encoder', rank, parameter) }
      : base.textEncoder,
  }),
  initial: (model, settings, { seed }) => {
    const random = new Random(seed).fork('lora');
    const { rank } = settings;
    const out: Weights = {};
    for (const { name, shape } of loraModules(model, settings)) {
      const [outputs, inputs] = shape as [number, number];
      const down = random
        .fork(name)
        .normals(rank * inputs)
        .map((x) => x / rank);
      out[`${name}.lora_A.weight`] = { data: down, shape: [rank, inputs] };
      out[`${name}.lora_B.weight`] = { data: new Float32Array(outputs * rank), shape: [outputs, rank] };
    }
    return out;
  },
};
