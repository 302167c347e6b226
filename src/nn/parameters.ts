/** Named parameters: a model asks for tensors by name and shape; what they are is the caller's choice. */
import { internal } from '../errors.ts';
import { state } from '../graph/ops.ts';
import type { Shape, Tensor } from '../graph/tensor.ts';

/** Gives the tensor of a parameter. A model says the shape that it needs; a source may refuse it. */
export type ParameterSource = (name: string, shape: Shape) => Tensor;

/** Parameters of one module: names are joined by dots, as in a PyTorch state dict. */
export class Parameters {
  private readonly source: ParameterSource;
  readonly prefix: string;
  constructor(source: ParameterSource, prefix = '') {
    this.source = source;
    this.prefix = prefix;
  }
  /** The parameters of a submodule. */
  in(name: string | number): Parameters {
    return new Parameters(this.source, `${this.prefix}${name}.`);
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
