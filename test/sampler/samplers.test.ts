import { expect, test } from 'vitest';
import { alphasCumprod, schedulerConfig } from '../../src/diffusion/schedule.ts';
import { openSafetensors, readTensor } from '../../src/files/safetensors.ts';
import { Random } from '../../src/graph/random.ts';
import { samplers } from '../../src/sampler/samplers.ts';
import type { SamplerName } from '../../src/sampler/samplers.ts';

const deviation = 0.5;

/** The exact denoiser of data N(0, deviation²), in either parametrisation. */
function exact(kind: 'epsilon' | 'v_prediction') {
  const schedule = schedulerConfig.parse({ prediction_type: kind });
  const alphas = alphasCumprod(schedule);
  const denoise = async (x: Float32Array, t: number): Promise<Float32Array> => {
    const a = alphas[Math.round(t)]!;
    const variance = a * deviation ** 2 + 1 - a;
    return x.map((value) => {
      const clean = (Math.sqrt(a) * deviation ** 2 * value) / variance;
      const noise = (Math.sqrt(1 - a) * value) / variance;
      return kind === 'epsilon' ? noise : Math.sqrt(a) * noise - Math.sqrt(1 - a) * clean;
    });
  };
  return { schedule, denoise };
}

test.each(['ddim', 'pndm', 'euler', 'dpm++'] as const)('%s turns noise into the distribution that the denoiser knows', async (name) => {
  for (const kind of ['epsilon', 'v_prediction'] as const) {
    const { schedule, denoise } = exact(kind);
    const out = await samplers[name](denoise, new Random(0).normals(4000), schedule, { steps: name === 'euler' ? 250 : 50 });
    const spread = Math.sqrt(out.reduce((a, x) => a + x * x, 0) / out.length);
    expect(Math.abs(spread - deviation)).toBeLessThan(0.02);
  }
});

test('both parametrisations take the same path', async () => {
  const noise = new Random(1).normals(64);
  const paths = await Promise.all(
    (['epsilon', 'v_prediction'] as const).map((kind) =>
      samplers['dpm++'](exact(kind).denoise, noise, exact(kind).schedule, { steps: 20 }),
    ),
  );
  paths[0]!.forEach((x, i) => expect(x).toBeCloseTo(paths[1]![i]!, 4));
});

test("ᾱ's ends are Stable Diffusion's", () => {
  const alphas = alphasCumprod(schedulerConfig.parse({}));
  // torch: (1 - linspace(0.00085**0.5, 0.012**0.5, 1000)**2).cumprod(0)[[0, -1]]
  expect(alphas[0]).toBeCloseTo(0.99915, 5);
  expect(alphas[999]).toBeCloseTo(0.0046598, 5);
});

const golden = await openSafetensors('test/golden/samplers.safetensors');
const cases = JSON.parse(golden.metadata.cases!) as {
  sampler: SamplerName;
  prediction_type: 'epsilon' | 'v_prediction';
  timestep_spacing: string | null;
  karras: boolean;
  steps: number;
}[];
test("diffusers' trajectories: every sampler, parametrisation and spacing", async () => {
  expect(new Set(cases.map(({ sampler }) => sampler))).toEqual(new Set(Object.keys(samplers)));
  for (const [i, { sampler, karras, steps, prediction_type, timestep_spacing }] of cases.entries()) {
    const read = (name: string): Promise<Float32Array> => readTensor(golden, `${i}.${name}`);
    const [noise, times, path] = [await read('noise'), await read('times'), await read('path')];
    const fresh = sampler === 'euler-a' ? await read('fresh') : new Float32Array();
    const schedule = schedulerConfig.parse({ prediction_type, ...(timestep_spacing !== null && { timestep_spacing }) });
    const asked: number[] = [];
    const ours: number[] = [];
    const denoise = async (x: Float32Array, t: number): Promise<Float32Array> => {
      asked.push(t);
      ours.push(...x);
      return x.map((value) => Math.sin(2 * value) + Math.cos(t / 300));
    };
    const noiseOf = (step: number): Float32Array => fresh.subarray(16 * step, 16 * step + 16);
    ours.push(...(await samplers[sampler](denoise, noise, schedule, { steps, karras, noiseOf })));
    const what = JSON.stringify(cases[i]);
    expect(asked, what).toHaveLength(times.length);
    asked.forEach((t, j) => expect(Math.abs(t - times[j]!), what).toBeLessThan(1e-2));
    expect(ours, what).toHaveLength(path.length);
    const largest = Math.max(...path.map(Math.abs));
    ours.forEach((x, j) => expect(Math.abs(x - path[j]!) / largest, what).toBeLessThan(1e-4));
  }
});
