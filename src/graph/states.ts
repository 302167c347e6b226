/** The named state that programs share, in memory or on the GPU, where a tensor stays from run to run. */
import { copyModel } from './onnx.ts';
import { InferenceSession, providersOf } from './ort.ts';
import type { OrtTensor } from './ort.ts';
import type { Dtype } from './tensor.ts';
import type { TypedArray } from './values.ts';

const isOnGpu = (tensor: OrtTensor): boolean => tensor.location === 'gpu-buffer';

/**
 * Tensors move between memory and the GPU through a model that copies its input: in ONNX Runtime 1.30 for Node, asking a
 * tensor on the GPU for its data ends the process.
 */
export class States {
  private readonly tensors: Map<string, OrtTensor> = new Map();
  private readonly copiers: Map<string, Promise<InferenceSession>> = new Map();

  private of(name: string): OrtTensor {
    const tensor = this.tensors.get(name);
    if (tensor === undefined) throw new Error(`internal: no state is called ${name}`);
    return tensor;
  }

  /** Replaces a state; what it held on the GPU is given back. */
  set(name: string, tensor: OrtTensor): void {
    this.drop(name);
    this.tensors.set(name, tensor);
  }

  drop(name: string): void {
    const tensor = this.tensors.get(name);
    if (tensor !== undefined && isOnGpu(tensor)) tensor.dispose();
    this.tensors.delete(name);
  }

  /** The state itself in memory, where programs on the CPU read and overwrite it. */
  async inMemory(name: string): Promise<OrtTensor> {
    const tensor = this.of(name);
    if (isOnGpu(tensor)) this.set(name, await this.copy(tensor, 'cpu'));
    return this.of(name);
  }

  async onGpu(name: string): Promise<OrtTensor> {
    const tensor = this.of(name);
    if (!isOnGpu(tensor)) this.set(name, await this.copy(tensor, 'gpu-buffer'));
    return this.of(name);
  }

  /** A copy of the numbers; the state stays where it is. */
  async read(name: string): Promise<TypedArray> {
    const tensor = this.of(name);
    const { data } = isOnGpu(tensor) ? await this.copy(tensor, 'cpu') : tensor;
    return (data as TypedArray).slice();
  }

  private async copy(tensor: OrtTensor, to: 'cpu' | 'gpu-buffer'): Promise<OrtTensor> {
    const key = `${tensor.type} ${to}`;
    let copier = this.copiers.get(key);
    if (copier === undefined) {
      copier = InferenceSession.create(copyModel(tensor.type as Dtype), {
        executionProviders: providersOf('webgpu'),
        preferredOutputLocation: to,
        logSeverityLevel: 3,
      });
      this.copiers.set(key, copier);
    }
    return (await (await copier).run({ x: tensor })).y!;
  }
}
