/** The devices that programs run on, and what is said where one is missing. */
import { UserError } from '../errors.ts';

export type Device = 'cpu' | 'webgpu' | 'cuda';
export const devices: readonly Device[] = ['cpu', 'webgpu', 'cuda'];

/** Bytes of one tensor that a shader may read or write: WebGPU's `maxStorageBufferBindingSize` where no more is asked for. */
export const shaderBindingLimit = 128 * 2 ** 20;

const driver: Partial<Record<string, string>> = {
  linux: 'install the GPU’s Vulkan driver and libvulkan1 (vulkaninfo lists what there is)',
  darwin: 'a Mac with Metal is needed',
  win32: 'install the GPU’s driver with Direct3D 12',
};

/** How drivers, Dawn and ONNX Runtime's arena say that there is no more. */
const fullCard = /out of (device )?memory|OUT_OF_(DEVICE|HOST)_MEMORY|Failed to allocate memory for requested buffer/i;

/** A failure to open a device or to work there, as one line that names the remedy; other errors are left as they are. */
export function deviceFailure(device: Device, message: string, platform: string = process.platform): Error {
  const [first = ''] = message.split('\n');
  const backend = message.includes('backend not found') || message.includes('Unsupported execution provider');
  if (device === 'webgpu' && (backend || message.includes('Failed to get a WebGPU'))) {
    const remedy = driver[platform] ?? 'WebGPU is not known to work on this system';
    return new UserError(`--device webgpu: no GPU adapter was found: ${remedy}, or use --device cpu`, 1);
  }
  if (device === 'webgpu' && message.includes('requires f16')) {
    return new UserError('--precision float16: this GPU or its driver has no 16-bit shaders: use --precision float32', 1);
  }
  if (device === 'webgpu' && message.includes('disable_cpu_ep_fallback')) {
    return new Error(`internal: an operator has no WebGPU kernel: ${first}`);
  }
  if (device !== 'cpu' && fullCard.test(message)) {
    const remedies = device === 'webgpu' ? '--low-memory, --precision float16, a smaller --size' : 'a smaller --size';
    return new UserError(
      `--device ${device}: the card’s memory is full: close what else uses it, try ${remedies} or less at once, or use --device cpu`,
      1,
    );
  }
  if (
    device === 'cuda' &&
    (backend || /ExecutionProvider_Cuda|Failed to load (shared )?library|CUDA (failure|driver)|libcu/i.test(message))
  ) {
    return new UserError(
      '--device cuda: ONNX Runtime’s CUDA provider is not there or cannot be loaded: install it, CUDA and cuDNN 9 as docs/devices.md says, or use --device cpu',
      1,
    );
  }
  return new Error(message);
}
