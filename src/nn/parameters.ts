/** Named parameters: a model asks for tensors by name and shape; what they are is the caller's choice. */
import { internal } from '../errors.ts';
import { constant, state } from '../graph/ops.ts';
import type { Shape, Tensor } from '../graph/tensor.ts';

/** Gives the tensor of a parameter. A model says the shape that it needs; a source may refuse it. */
export type ParameterSource = (name: string, shape: Shape) => Tensor;

/** Changes what a linear map gives: told its module's name, its input [..., I] and its output [..., O] before the bias. */
export type LinearAdapter = (module: string, x: Tensor, y: Tensor) => Tensor;

/** Parameters of one module: names are joined by dots, as in a PyTorch state dict. */
export class Parameters {
  private readonly source: ParameterSource;
  private readonly adapter: LinearAdapter | undefined;
  readonly prefix: string;
  constructor(source: ParameterSource, prefix = '', adapter?: LinearAdapter) {
    this.source = source;
    this.prefix = prefix;
    this.adapter = adapter;
  }
  /** The parameters of a submodule. */
  in(name: string | number): Parameters {
    return new Parameters(this.source, `${this.prefix}${name}.`, this.adapter);
  }
  /** The same parameters, linear maps changed by one adapter more. */
  withAdapter(adapter: LinearAdapter): Parameters {
    const { adapter: first } = this;
    const both: LinearAdapter = first === undefined ? adapter : (module, x, y) => adapter(module, x, first(module, x, y));
    return new Parameters(this.source, this.prefix, both);
  }
  /** The same module, its parameters from elsewhere. */
  withSource(source: ParameterSource): Parameters {
    return new Parameters(source, this.prefix, this.adapter);
  }
  /** The output of this module's linear map as its adapter changes it; `y` itself where it does not. */
  adapted(x: Tensor, y: Tensor): Tensor {
    return this.adapter === undefined ? y : this.adapter(this.prefix.slice(0, -1), x, y);
  }
  get(name: string, shape: Shape): Tensor {
    return this.source(this.prefix + name, shape);
  }
}

/** A source that makes each parameter an engine state of that name, and remembers them in order. */
export function stateSource(prefix = ''): { source: ParameterSource; tensors: Map<string, Tensor> } {
  const tensors = new Map<string, Tensor>();
  const source: ParameterSource = (name, shape) => {
    let tensor = tensors.get(name);
    if (tensor === undefined) tensors.set(name, (tensor = state(prefix + name, shape)));
    else if (tensor.shape.join() !== shape.join())
      throw internal(`parameter ${name} is asked for as [${tensor.shape.join()}] and [${shape.join()}]`);
    return tensor;
  };
  return { source, tensors };
}

/** A source of constants, from values in memory. */
export const constantSource =
  (weights: Readonly<Record<string, { data: Float32Array }>>): ParameterSource =>
  (name, shape) => {
    const value = weights[name];
    if (value === undefined) throw internal(`no weights for the parameter ${name}`);
    return constant(value.data, shape);
  };

/** Parameters of which those whose whole names a pattern matches come from another source, the rest from where they came. */
export function replaced(parameters: Parameters, pattern: RegExp, source: ParameterSource): Parameters {
  return parameters.withSource((name, shape) => (pattern.test(name) ? source(name, shape) : parameters.get(name, shape)));
}
