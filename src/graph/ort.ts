/** The only import of ONNX Runtime. */
import { env } from 'onnxruntime-node';
import type { InferenceSession } from 'onnxruntime-node';
import type { Device } from './device.ts';

export { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';

export const runtimeVersion: string = env.versions.node ?? 'unknown';

/**
 * What a session runs on. On WebGPU buffers are kept by their exact size for the next use: shapes never change here, and
 * kept by size classes, as is the default, they took more memory and 15 % more time (an H100, docs/performance.md).
 */
export const providersOf = (device: Device): InferenceSession.ExecutionProviderConfig[] => [
  device === 'webgpu' ? ({ name: 'webgpu', storageBufferCacheMode: 'simple' } as InferenceSession.WebGpuExecutionProviderOption) : device,
];
