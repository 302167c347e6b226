/** Which devices are there and work. A process of its own asks them, since a broken driver may take the process with it. */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { deviceFailure } from './device.ts';
import type { Device } from './device.ts';

/** What a device did with a matrix product: its speed, or why there is none. */
export type Probe = { gflops: number } | { why: string };

/** What the probing process writes: the message is ONNX Runtime's. */
export type Report = { gflops: number } | { error: string };

/** Tries a device out, in a process that is over within `timeout` milliseconds. */
export function probe(device: Device, timeout = 120_000): Probe {
  const source = import.meta.url.endsWith('.ts');
  const tsx = source ? ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href] : [];
  const script = fileURLToPath(new URL(source ? './probe-main.ts' : './probe-main.js', import.meta.url));
  const { stdout, status, signal, error } = spawnSync(process.execPath, [...tsx, script, device], {
    encoding: 'utf8',
    timeout,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const line = stdout?.split('\n').find((text) => text.startsWith('{'));
  if (line === undefined) {
    const end =
      (error as NodeJS.ErrnoException | undefined)?.code === 'ETIMEDOUT' ? `no answer in ${timeout / 1000} s` : (signal ?? status);
    return { why: `--device ${device}: its driver failed (${end}): bring it up to date, or use --device cpu` };
  }
  const report = JSON.parse(line) as Report;
  return 'error' in report ? { why: deviceFailure(device, report.error).message } : report;
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder).toSorted();
  } catch {
    return [];
  }
}

/** Graphics processors that the system knows of, without opening one: empty where it cannot tell. */
export function listGpus(root = '/', platform: NodeJS.Platform = process.platform): string[] {
  if (platform === 'darwin') return ['Metal'];
  const nvidia = entries(join(root, 'proc/driver/nvidia/gpus')).map((gpu) => {
    const text = readFileSync(join(root, 'proc/driver/nvidia/gpus', gpu, 'information'), 'utf8');
    return /^Model:\s*(.+)$/m.exec(text)?.[1] ?? 'NVIDIA';
  });
  const nodes = entries(join(root, 'sys/class/drm')).filter((name) => name.startsWith('renderD'));
  const drivers = nodes.flatMap((node) => {
    try {
      return [basename(readlinkSync(join(root, 'sys/class/drm', node, 'device/driver')))];
    } catch {
      return [];
    }
  });
  return [...nvidia, ...drivers.filter((driver) => driver !== 'nvidia' || nvidia.length === 0)];
}

/** How many times the processor's speed a GPU must have for `auto` to take it: a software adapter never has it. */
const worthwhile = 1.5;

/** The device that `auto` stands for: WebGPU where there is a GPU and it multiplies matrices faster than the processor, else the CPU. */
export function chooseDevice(gpus: readonly string[] = listGpus(), ask: (device: Device) => Probe = probe): Device {
  if (gpus.length === 0) return 'cpu';
  const [cpu, gpu] = [ask('cpu'), ask('webgpu')];
  return 'gflops' in gpu && 'gflops' in cpu && gpu.gflops >= worthwhile * cpu.gflops ? 'webgpu' : 'cpu';
}
