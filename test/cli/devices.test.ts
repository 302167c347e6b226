/** Requests for devices: refused in one line before anything is loaded. */
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

const noGpu =
  '--device webgpu: no GPU adapter was found: install the GPU’s Vulkan driver and libvulkan1 (vulkaninfo lists what there is), or use --device cpu';
const noCuda =
  '--device cuda: ONNX Runtime’s CUDA provider is not there or cannot be loaded: install it, CUDA and cuDNN 9 as docs/devices.md says, or use --device cpu';
const onLinux = process.platform === 'linux' && process.arch === 'x64';

function refuses(flags: readonly string[], status: number, message: string): void {
  const args = ['dist/cli/main.js', 'generate', '--model', 'tiny', '--prompt', 'a dog', '--out', '/none/out', ...flags];
  // No Vulkan device, no CUDA, whatever the machine has.
  const env = { ...process.env, VK_ICD_FILENAMES: '/none.json', VK_DRIVER_FILES: '/none.json', CUDA_VISIBLE_DEVICES: '' };
  const out = spawnSync(process.execPath, args, { encoding: 'utf8', env });
  expect(out.stderr).toBe(`contextura: ${message}\n`);
  expect(out.status).toBe(status);
}

test.each([
  ['--device tpu', '--device tpu: auto, cpu, webgpu or cuda is expected'],
  ['--precision half', '--precision half: float32 or float16 is expected'],
  ['--device cpu --precision float16', '--precision float16 on cpu: halves are for --device webgpu; use --precision float32'],
])('generate %s', (flags, message) => refuses(flags.split(' '), 2, message));

test.skipIf(!onLinux).each([
  ['--device webgpu', noGpu],
  ['--device cuda', noCuda],
])('generate %s, where there is none (on Linux x64)', (flags, message) => refuses(flags.split(' '), 1, message));
