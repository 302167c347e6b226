import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { UserError } from '../../src/errors.ts';
import { deviceFailure } from '../../src/graph/device.ts';
import { Engine } from '../../src/graph/engine.ts';
import { add, input, state, subtract } from '../../src/graph/ops.ts';
import { chooseDevice, listGpus, probe } from '../../src/graph/probe.ts';
import type { Probe } from '../../src/graph/probe.ts';
import { scratch } from '../scratch.ts';

// No Vulkan device, whatever the machine has.
process.env.VK_ICD_FILENAMES = process.env.VK_DRIVER_FILES = '/none.json';
const noGpu = /^--device webgpu: no GPU adapter was found: install the GPU’s Vulkan driver and libvulkan1 .*, or use --device cpu$/;
const onLinux = process.platform === 'linux' && process.arch === 'x64';

test('what ONNX Runtime says of a missing device becomes one line with the remedy', () => {
  const adapter = 'webgpu_context.cc:136 … was false. Failed to get a WebGPU adapter: No supported adapters\n';
  const said = (platform: NodeJS.Platform): string => deviceFailure('webgpu', adapter, platform).message;
  expect(said('linux')).toBe(
    '--device webgpu: no GPU adapter was found: install the GPU’s Vulkan driver and libvulkan1 (vulkaninfo lists what there is), or use --device cpu',
  );
  expect(said('win32')).toBe('--device webgpu: no GPU adapter was found: install the GPU’s driver with Direct3D 12, or use --device cpu');
  const cuda = deviceFailure('cuda', 'OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library');
  expect(cuda).toBeInstanceOf(UserError);
  expect((cuda as UserError).exitStatus).toBe(1);
  expect(cuda.message).toBe(
    '--device cuda: ONNX Runtime’s CUDA provider is not there or cannot be loaded: install it, CUDA and cuDNN 9 as docs/devices.md says, or use --device cpu',
  );
  expect(deviceFailure('cpu', 'something else')).toEqual(new Error('something else'));
});

test('a card that is full is no missing device', () => {
  const said = (device: 'cpu' | 'cuda' | 'webgpu', message: string): string => deviceFailure(device, message).message;
  expect(said('cuda', 'CUDA failure 2: out of memory ; GPU=0 ; expr=cudaMalloc((void**)&p, size);')).toBe(
    '--device cuda: the card’s memory is full: close what else uses it, try a smaller --size or less at once, or use --device cpu',
  );
  expect(said('cuda', 'BFCArena::AllocateRawInternal … Failed to allocate memory for requested buffer of size 671088640')).toMatch(
    /is full/,
  );
  expect(said('webgpu', 'vkAllocateMemory failed with VK_ERROR_OUT_OF_DEVICE_MEMORY')).toBe(
    '--device webgpu: the card’s memory is full: close what else uses it, try --low-memory, --precision float16, a smaller --size or less at once, or use --device cpu',
  );
  expect(said('cpu', 'out of memory')).toBe('out of memory');
});

describe('auto', () => {
  const asked = (speeds: Record<string, Probe>) => (device: string) => speeds[device]!;
  test('is the CPU where there is no GPU, and asks nothing', () => {
    const ask = (): Probe => {
      throw new Error('asked');
    };
    expect(chooseDevice([], ask)).toBe('cpu');
  });
  test('is the GPU where it works and is faster, not a software adapter and not one that fails', () => {
    expect(chooseDevice(['amdgpu'], asked({ cpu: { gflops: 300 }, webgpu: { gflops: 5000 } }))).toBe('webgpu');
    expect(chooseDevice(['amdgpu'], asked({ cpu: { gflops: 300 }, webgpu: { gflops: 0.3 } }))).toBe('cpu');
    expect(chooseDevice(['amdgpu'], asked({ cpu: { gflops: 300 }, webgpu: { why: 'no adapter' } }))).toBe('cpu');
  });
});

test('GPUs are what the system names', async () => {
  const root = await scratch();
  expect(listGpus(root, 'linux')).toEqual([]);
  for (const [node, driver] of [
    ['renderD128', 'amdgpu'],
    ['renderD129', 'nvidia'],
    ['card0', 'amdgpu'],
  ] as const) {
    await mkdir(join(root, 'sys/class/drm', node, 'device'), { recursive: true });
    await symlink(`../../../../bus/pci/drivers/${driver}`, join(root, 'sys/class/drm', node, 'device/driver'));
  }
  expect(listGpus(root, 'linux')).toEqual(['amdgpu', 'nvidia']);
  await mkdir(join(root, 'proc/driver/nvidia/gpus/0000:01:00.0'), { recursive: true });
  await writeFile(join(root, 'proc/driver/nvidia/gpus/0000:01:00.0/information'), 'Model: \t\t NVIDIA H100\nIRQ: 1\n');
  expect(listGpus(root, 'linux')).toEqual(['NVIDIA H100', 'amdgpu']);
});

describe.skipIf(!onLinux)('without a GPU (Linux x64)', () => {
  test('a probe says so, and what the CPU does', () => {
    expect(probe('webgpu')).toEqual({ why: expect.stringMatching(noGpu) as string });
    expect(probe('cpu')).toEqual({ gflops: expect.any(Number) as number });
    expect(probe('cpu', 1)).toEqual({
      why: '--device cpu: its driver failed (no answer in 0.001 s): bring it up to date, or use --device cpu',
    });
  });

  test('an engine for it refuses to compile, or goes on with the CPU where that is wanted', async () => {
    const x = input('x', [2]);
    const y = add(state('p', [2]), x);
    const program = { outputs: { y }, updates: { p: add(subtract(y, x), 1) } };
    const strict = new Engine({ device: 'webgpu', threads: 1 });
    await expect(strict.compile(program)).rejects.toThrow(noGpu);
    await strict.close();

    const reasons: string[] = [];
    const lenient = new Engine({ device: 'webgpu', threads: 1, onFallback: (why) => reasons.push(why) });
    expect(lenient.device).toBe('webgpu');
    await lenient.setState({ p: { data: Float32Array.of(1, 2), shape: [2] } });
    for (const first of [1, 2]) {
      const compiled = await lenient.compile(program);
      expect([...(await compiled.run({ x: Float32Array.of(10, 20) })).y!]).toEqual([10 + first, 21 + first]);
      await compiled.release();
    }
    expect([...(await lenient.getState(['p'])).p!]).toEqual([3, 4]);
    expect(lenient.device).toBe('cpu');
    expect(reasons).toEqual([expect.stringMatching(noGpu)]);
    await lenient.close();
  });
});
