/**
 * `contextura/graph`: tensors, their gradients, and what computes them. A function of `ops` makes a symbolic `Tensor`;
 * `Engine.compile` makes a program of tensors, `evaluate` computes them once. States, which `stateSource` or `state`
 * name, stay with the engine from run to run, and a program's updates give them their next values.
 */
export { Engine, evaluate } from './graph/engine.ts';
export type { CompileOptions, EngineOptions, Program } from './graph/engine.ts';
export type { Device } from './graph/device.ts';
export type { Precision } from './graph/precision.ts';
export { gradients } from './graph/gradient.ts';
export type { GradientOptions } from './graph/gradient.ts';
export {
  abs,
  add,
  attention,
  broadcast,
  cast,
  concat,
  constant,
  conv2d,
  cos,
  divide,
  equal,
  erf,
  exp,
  gather,
  geglu,
  input,
  less,
  log,
  matmul,
  max,
  maximum,
  mean,
  multiply,
  negate,
  pad,
  reshape,
  scalar,
  scatterAdd,
  select,
  sigmoid,
  sin,
  slice,
  sliceAxis,
  softmax,
  sqrt,
  square,
  standardize,
  state,
  stopGradient,
  subtract,
  sum,
  sumTo,
  swapLast,
  swish,
  tanh,
  transpose,
  transposedConv2d,
} from './graph/ops.ts';
export type { ConvOptions, Operand } from './graph/ops.ts';
export { Random } from './graph/random.ts';
export { sizeOf, Tensor } from './graph/tensor.ts';
export type { ConvAttributes, Dtype, PrimitiveName, Primitives, Shape } from './graph/tensor.ts';
export type { TypedArray, Values, ValuesInTurn } from './graph/values.ts';
export { constantSource, Parameters, replaced, stateSource } from './nn/parameters.ts';
export type { LinearAdapter, ParameterSource } from './nn/parameters.ts';
export { adamw, adamwFeeds } from './optim/adamw.ts';
export type { AdamW, AdamWOptions } from './optim/adamw.ts';
