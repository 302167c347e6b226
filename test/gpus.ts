/** The GPUs that tests can use; for WebGPU a device in software will do: SwiftShader, from Debian's packages chromium and libvulkan1. */
import { existsSync } from 'node:fs';
import type { Device } from '../src/graph/device.ts';
import { probe } from '../src/graph/probe.ts';

const swiftshader = '/usr/lib/chromium/vk_swiftshader_icd.json';
if (process.env.VK_ICD_FILENAMES === undefined && existsSync(swiftshader)) process.env.VK_ICD_FILENAMES = swiftshader;
// What is asked of a device is float32: not products of 10 bits, which CUDA takes for it.
process.env.NVIDIA_TF32_OVERRIDE ??= '0';

const needed = {
  webgpu: 'WebGPU needs Debian’s chromium and libvulkan1, or a GPU',
  cuda: 'CUDA needs ONNX Runtime’s provider, CUDA and cuDNN, and a GPU',
};

export interface Gpu {
  device: keyof typeof needed & Device;
  /** Why there is none to test with; undefined where there is. */
  missing: string | undefined;
  /** The device, and why its tests are skipped where they are. */
  title: string;
}

export const gpus: readonly Gpu[] = (['webgpu', 'cuda'] as const).map((device) => {
  const found = probe(device);
  const missing = 'why' in found ? found.why : undefined;
  return { device, missing, title: missing === undefined ? device : `${device} (skipped: ${needed[device]}: ${missing})` };
});
