import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

const doctor = (...args: string[]) => spawnSync(process.execPath, ['dist/cli/main.js', 'doctor', ...args], { encoding: 'utf8' });

const positive = expect.toSatisfy((x: unknown) => typeof x === 'number' && x > 0) as number;

/** What trying a device out shows: its speed, or one line on why there is none. */
const found = expect.toSatisfy(
  (x: { gflops?: number; why?: string }) => (x.gflops ?? 0) > 0 || /^--device (webgpu|cuda): [^\n]+$/.test(x.why ?? ''),
) as unknown;

test('doctor says what the machine is and what a model takes on it', { timeout: 60_000 }, () => {
  const { status, stdout } = doctor('--json', '--model', 'tiny');
  expect(status).toBe(0);
  const cost = { gflop: positive, seconds: positive, memoryGB: positive };
  expect(JSON.parse(stdout)).toEqual({
    contextura: expect.any(String) as string,
    node: process.versions.node,
    onnxruntime: expect.any(String) as string,
    device: 'cpu',
    devices: { webgpu: found, cuda: found },
    gpus: expect.any(Array) as string[],
    cpu: expect.any(String) as string,
    threads: positive,
    memoryGiB: positive,
    freeGiB: positive,
    kept: null,
    gflops: { 'conv 3×3': positive, matmul: positive, attention: positive },
    model: {
      name: 'tiny',
      pixels: 64,
      parameters: positive,
      weightsGB: positive,
      trainingStep: cost,
      picture: { samplerSteps: 25, ...cost },
      fits: { trainingStep: true, picture: true },
      timedShare: positive,
    },
  });
  const spoken = doctor('--model', 'tiny').stderr;
  expect(spoken).toMatch(/^webgpu +(works, [\d.]+ GFLOP\/s in a matrix product.*|--device webgpu: .+)$/m);
  expect(spoken).toMatch(/^kept +nothing: \$CONTEXTURA_CACHE is off$/m);
  expect(spoken).toMatch(/^cuda +(works, [\d.]+ GFLOP\/s in a matrix product.*|--device cuda: .+)$/m);
  expect(spoken).toMatch(/a step of textual inversion +about [\d.]+ s and [\d.]+ GB of memory\n/);
  expect(spoken).toMatch(/a picture in 25 steps +about [\d.]+ s and [\d.]+ GB of memory\n/);
});

test('a model that is not there', () => {
  const { status, stderr } = doctor('--model', './none');
  expect(status).toBe(2);
  expect(stderr).toMatch(/^contextura: --model \.\/none does not exist: name a folder in diffusers’ layout/);
});
