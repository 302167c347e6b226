/** One training step of each method against diffusers, transformers and PEFT: test/golden/methods.safetensors, made by oracle/methods.py. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { alphasCumprod, diffusionFeeds } from '../../src/diffusion/schedule.ts';
import { openSafetensors, readTensor } from '../../src/files/safetensors.ts';
import { Engine } from '../../src/graph/engine.ts';
import type { Program } from '../../src/graph/engine.ts';
import type { TypedArray } from '../../src/graph/values.ts';
import { methodOf } from '../../src/methods/index.ts';
import { withNewWords } from '../../src/methods/learned.ts';
import type { Weights } from '../../src/methods/method.ts';
import { loadModel } from '../../src/models/load.ts';
import type { DiffusionModel } from '../../src/models/load.ts';
import { adamwFeeds } from '../../src/optim/adamw.ts';
import { TrainingStep } from '../../src/trainer/step.ts';
import type { StepSettings, TrainingData } from '../../src/trainer/step.ts';

interface About {
  settings: Pick<
    StepSettings,
    'vectors' | 'rank' | 'loraText' | 'lambda' | 'priorWeight' | 'learningRate' | 'tokenLearningRate' | 'maxGradientNorm'
  >;
  /** Of the trained tensors, in the order of the rows of `sums`. */
  names: string[];
  /** Those that are kept whole. */
  whole: string[];
  own: string;
  prior: string | null;
  rich: string[];
}

/** What the step is made of, which nothing but a test needs. */
interface Inner {
  programs: { update: Program };
  parts: { feeds: (step: number, part: number) => Record<string, TypedArray> };
}

const step = 10;
let engine: Engine;
let model: DiffusionModel;
let golden: Record<string, { data: Float32Array; shape: readonly number[] }>;
let about: Record<string, About>;
beforeAll(async () => {
  engine = new Engine();
  model = await loadModel('assets/tiny');
  const file = await openSafetensors('test/golden/methods.safetensors');
  golden = {};
  for (const { name, shape } of file.tensors.values()) golden[name] = { data: await readTensor(file, name), shape };
  about = JSON.parse(file.metadata.about!) as Record<string, About>;
});
afterAll(() => engine.close());

const largest = (values: Float32Array): number => values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
const minus = (a: Float32Array, b: Float32Array): Float32Array => a.map((x, i) => x - b[i]!);
/** Differences within 1e-4 of the reference's largest value, and the rounding of what it was taken from. */
function agrees(ours: Float32Array, theirs: Float32Array, what: string, rounding = 0): void {
  expect(ours).toHaveLength(theirs.length);
  expect(largest(theirs), what).toBeGreaterThan(rounding);
  expect(largest(minus(ours, theirs)), what).toBeLessThan(1e-4 * largest(theirs) + rounding);
}

/** Numbers that tell of a tensor that is not kept: its sum, its sum of squares, its product with cos 0, cos 1, cos 2, … */
function sums(values: Float32Array): [number, number, number] {
  let [sum, squares, pattern] = [0, 0, 0];
  values.forEach((x, i) => {
    sum += x;
    squares += x * x;
    pattern += x * Math.cos(i);
  });
  return [sum, squares, pattern];
}

/** `negligible`: what a rounding of the whole gradient may leave in a tensor whose own is zero. */
function sumsAgree(ours: Float32Array, theirs: readonly number[], negligible: number, what: string): void {
  const [sum, squares, pattern] = sums(ours);
  const length = Math.sqrt(theirs[1]!);
  const off = (a: number, b: number): number => Math.max(0, Math.abs(a - b) - negligible) / (length + negligible);
  // A sum of n entries that are each off by 1e-4 of their root mean square is off by √n · 1e-4 of the length at most.
  expect(off(Math.sqrt(squares), length), `length of ${what}`).toBeLessThan(1e-4);
  expect(off(sum, theirs[0]!), `sum of ${what}`).toBeLessThan(1e-4 * Math.sqrt(ours.length));
  expect(off(pattern, theirs[2]!), `pattern of ${what}`).toBeLessThan(1e-4 * Math.sqrt(ours.length));
}

describe.each(['ti', 'xti', 'dreambooth', 'custom-diffusion', 'lora'])('%s', (name) => {
  test('losses, gradients, their norm, and weights after a step of AdamW', { timeout: 120_000 }, async () => {
    const { settings, names, whole, own, prior, rich } = about[name]!;
    const of = (key: string): Float32Array => golden[`${name}.${key}`]!.data;
    const method = methodOf(name);
    const { hidden_size: width } = model.textEncoder.config;
    const rows = { data: new Float32Array(settings.vectors * width), shape: [settings.vectors, width] };
    const start = method.initial(model, settings, { rows, seed: 0 });
    const first: Weights = Object.fromEntries(
      Object.entries(start).map(([key, { data, shape }]) => [key, { data: golden[`${name}.first.${key}`]?.data ?? data, shape }]),
    );
    expect(Object.keys(first).toSorted()).toEqual(names);

    const { vectors } = settings;
    const tokenizer = method.learnsToken ? withNewWords(model.tokenizer, ['<v>'], vectors, first.concept!.shape[0]!) : model.tokenizer;
    // The oracle names each vector of the new word.
    const plain = (prompt: string): string => prompt.replace('<v> <v>_1', '<v>');
    const latents = of('latents');
    const batchSize = (golden[`${name}.latents`]!.shape[0] ?? 0) - (prior === null ? 0 : 1);
    const each = latents.length / golden[`${name}.latents`]!.shape[0]!;
    const region = golden[`${name}.region`]?.data;
    const data: TrainingData = {
      own: [{ latents: latents.slice(0, each), prompts: [plain(own)], ...(region && { region }) }],
      prior: prior === null ? [] : [{ latents: latents.slice(-each), prompts: [prior] }],
      richPrompts: rich.map(plain),
      tokenizer,
      kept: new Set(),
    };
    const training = await TrainingStep.create(engine, model, method, first, data, {
      warmup: 0,
      ...settings,
      steps: 100,
      batchSize,
      accumulation: 1,
      promptBatch: rich.length,
      schedule: 'constant',
      maskRate: 0.15,
      ema: 0,
      seed: 0,
    });
    const sumsOf = (key: string): Float32Array => of('sums').subarray(7 * names.indexOf(key), 7 * names.indexOf(key) + 7);
    const moments = names.map((key) => {
      const { data: values, shape } = first[key]!;
      return [`adam.2.${key}`, { data: new Float32Array(values.length).fill(sumsOf(key)[0]!), shape }] as const;
    });
    await engine.setState(Object.fromEntries(moments));

    const { programs, parts } = training as unknown as Inner;
    const fed = parts.feeds(step - 1, 0);
    const rates = adamwFeeds(settings.learningRate, step);
    const { correction1, correction2 } = rates;
    expect([...fed.ids!]).toEqual([...of('ids')]);
    const out = await programs.update.run({
      ...fed, // ids and shares are ours
      latents,
      noise: of('noise'),
      ...diffusionFeeds(alphasCumprod(model.scheduler), [...of('timesteps')]),
      ...rates,
      richIds: Int32Array.from(of('richIds')),
      mask: of('mask'),
    });
    const [diffusion, mlm, norm] = of('losses') as unknown as [number, number, number];
    expect(out.diffusion![0]! / diffusion).toBeCloseTo(1, 4);
    expect(out.mlm![0]! / mlm).toBeCloseTo(1, 4);
    expect(out.gradientNorm![0]! / norm).toBeCloseTo(1, 4);

    const scale = 10 * Math.max(1, norm / settings.maxGradientNorm);
    for (const key of names) {
      const after = await engine.getState([key, `adam.1.${key}`]);
      // The first moment was zero: it is a tenth of the gradient as it was clipped.
      const gradient = (after[`adam.1.${key}`] as Float32Array).map((x) => x * scale);
      const updated = after[key] as Float32Array;
      const change = minus(updated, first[key]!.data);
      const [second, ...expected] = sumsOf(key);
      const [nothing, rounding] = [1e-6 * norm, largest(first[key]!.data) / 2 ** 23];
      const moved = (settings.learningRate * correction1![0]! * nothing) / scale / Math.sqrt(second! * correction2![0]!);
      sumsAgree(gradient, expected.slice(0, 3), nothing, `gradient of ${key}`);
      // Each of n weights is rounded when it is stored: their sum is off by √n roundings.
      sumsAgree(change, expected.slice(3), moved + rounding * Math.sqrt(change.length), `change of ${key}`);
      if (!whole.includes(key)) continue;
      agrees(gradient, of(`gradient.${key}`), `gradient of ${key}`);
      agrees(updated, of(`updated.${key}`), `updated ${key}`);
      agrees(change, minus(of(`updated.${key}`), first[key]!.data), `change of ${key}`, rounding);
    }
    await training.release();
  });
});
