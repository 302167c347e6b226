/**
 * `contextura/methods`: for whoever adds a method of customisation. A `Method` says which tensors it trains, what it makes
 * of the model with them and where they start; once it is given to `register`, a recipe can name it. Tensors and their
 * operations are in `contextura/graph`.
 */
export { joined, repeated } from './methods/concept.ts';
export { methodNames, methodOf, register } from './methods/index.ts';
export type { Learned, Word } from './methods/learned.ts';
export { rowsByName, unadapted, withRows } from './methods/method.ts';
export type { Adapted, Format, Method, MethodSettings, RowGroup, Weight, Weights } from './methods/method.ts';
export { traceParameters } from './methods/whole.ts';
export type { ClipTextConfig } from './models/clip-text.ts';
export type { Component, DiffusionModel } from './models/load.ts';
export { crossAttentionLayers } from './models/unet.ts';
export type { UnetConfig, UnetOptions } from './models/unet.ts';
export { Parameters, replaced } from './nn/parameters.ts';
export type { LinearAdapter, ParameterSource } from './nn/parameters.ts';
export { objectTemplates } from './text/templates.ts';
