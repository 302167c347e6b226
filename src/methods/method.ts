/**
 * What a customisation method is. The trainer, the sampler and the artefacts know methods only through this: a method
 * says which parameters it trains, what it makes of the model with them, and where they start.
 */
import type { Recipe } from '../config.ts';
import { internal } from '../errors.ts';
import { concat, sliceAxis } from '../graph/ops.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { Component, DiffusionModel } from '../models/load.ts';
import type { ClipTextConfig } from '../models/clip-text.ts';
import type { Conditioning, UnetConfig, UnetOptions } from '../models/unet.ts';
import type { ParameterSource } from '../nn/parameters.ts';

export interface Weight {
  data: Float32Array;
  shape: readonly number[];
}
export type Weights = Record<string, Weight>;

/** What a method needs to know of a recipe, or of a file that somebody else has made. */
export interface MethodSettings extends Pick<Recipe, 'rank' | 'loraText'> {
  /** Vectors behind all new words together. */
  vectors: number;
}

/** Learned rows of the token table: ids `first` … `first + vectors − 1`, and as many again for each further layer where layers differ. */
export interface RowGroup {
  first: number;
  vectors: number;
  perLayer: boolean;
}

/** A model as a method has changed it, symbolically. */
export interface Adapted {
  textEncoder: Component<ClipTextConfig>;
  unet: Component<UnetConfig>;
  /** Rows past the vocabulary [R, D]; undefined while there are none. */
  rows: Tensor | undefined;
  groups: readonly RowGroup[];
  /** How many prompts condition one picture: 1, or one for each cross-attention layer. */
  layers: number;
  unetOptions: UnetOptions;
}

/** A layout of what a method has learned, in .safetensors files. */
export interface Format {
  /** Whose it is: "diffusers", "kohya". */
  name: string;
  /** Other tools that open it as it is. */
  also?: readonly string[];
  /** File name → its tensors. */
  write: (
    weights: Weights,
    given: { tokens: readonly string[]; model: DiffusionModel; settings: MethodSettings },
  ) => Record<string, Weights>;
  /** What a table of tensors holds, where it has this layout; undefined where it has not. */
  read: (tensors: Weights, model: DiffusionModel) => { weights: Weights; settings: Partial<MethodSettings>; tokens?: string[] } | undefined;
  /** The files are parts of a model folder, of which the rest is the base model's; or one file that is a whole model. */
  isModel?: 'folder' | 'file';
}

export interface Method {
  name: string;
  about: string;
  /**
   * The placeholder is a new token with vectors of its own, which the method trains under the name "concept"; otherwise a
   * rare word that the model knows.
   */
  learnsToken: boolean;
  /** Whether it trains anything that a prompt's states depend on, so that the MLM objective has something to act on. */
  trainsText: (settings: MethodSettings) => boolean;
  /** Prompts of the denoising objective, {} where the subject stands. */
  templates: readonly string[];
  /** Recipe keys that differ from the general defaults. */
  defaults: Partial<Recipe>;
  /** The adapted model. Asks `parameter` for each tensor that it trains, by a name that is unique to it. */
  adapt: (base: Adapted, settings: MethodSettings, parameter: ParameterSource) => Adapted;
  /** Layouts that it is written in and read from, its own first. Without any, weights are kept under their own names. */
  formats?: readonly Format[];
  /** Trained tensors of which a share of what was learned takes all: one factor of a product, say. The concept is always one. */
  unscaled?: (name: string) => boolean;
  /** Why several subjects cannot be learned in one run, where they cannot. */
  oneSubject?: string;
  /** First values of the trained tensors. `rows` are the new words' vectors to start from, [vectors, D]. */
  initial: (model: DiffusionModel, settings: MethodSettings, start: { rows: Weight; seed: number }) => Weights;
}

/** The model as it is. */
export const unadapted = ({ textEncoder, unet }: DiffusionModel): Adapted => ({
  textEncoder,
  unet,
  rows: undefined,
  groups: [],
  layers: 1,
  unetOptions: {},
});

/** `base` with more learned rows. */
export function withRows(base: Adapted, rows: Tensor, group: Omit<RowGroup, 'first'>): Adapted {
  const first = base.textEncoder.config.vocab_size + (base.rows?.shape[0] ?? 0);
  return {
    ...base,
    rows: base.rows === undefined ? rows : concat([base.rows, rows], 0),
    groups: [...base.groups, { ...group, first }],
  };
}

/** A prompt's ids as a layer sees them: rows that differ by layer are exchanged for the layer's own. */
export function atLayer(ids: Int32Array, groups: readonly RowGroup[], layer: number): Int32Array {
  return ids.map((id) => {
    const group = groups.find(({ perLayer, first, vectors }) => perLayer && id >= first && id < first + vectors);
    return group === undefined ? id : id + layer * group.vectors;
  });
}

/** States of prompts for a batch, [L·B, T, D] with the layers first → what the U-Net is conditioned on. */
export function conditioning(states: Tensor, layers: number): Conditioning {
  const batch = states.shape[0]! / layers;
  if (!Number.isInteger(batch)) throw internal(`${states.shape[0]} prompts for ${layers} layers`);
  return layers === 1 ? states : (layer) => sliceAxis(states, 0, layer * batch, batch);
}

/** Rows of a table [n, D] in equal parts under names, in order. */
export function rowsByName({ data, shape }: Weight, names: readonly string[]): Weights {
  const [count, width] = [shape[0]! / names.length, shape[1]!];
  return Object.fromEntries(
    names.map((name, i) => [name, { data: data.slice(i * count * width, (i + 1) * count * width), shape: [count, width] }]),
  );
}
