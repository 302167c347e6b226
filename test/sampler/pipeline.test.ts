import { afterAll, expect, test } from 'vitest';
import { UserError } from '../../src/errors.ts';
import { Engine } from '../../src/graph/engine.ts';
import { methodOf } from '../../src/methods/index.ts';
import type { Learned } from '../../src/methods/learned.ts';
import { loadModel } from '../../src/models/load.ts';
import { Pipeline, sizeStep } from '../../src/sampler/pipeline.ts';
import type { GenerateOptions, PictureSize } from '../../src/sampler/pipeline.ts';

const engine = new Engine();
const model = await loadModel('assets/tiny');
afterAll(() => engine.close());

const common = { seed: 0, sampler: 'ddim', steps: 2, guidance: 4 } as const;

async function pictures(options: Pick<GenerateOptions, 'prompts' | 'emphasis' | 'negative'>, size?: PictureSize): Promise<Float32Array[]> {
  const pipeline = await Pipeline.create(engine, model, options.prompts.length, [], size);
  const out: Float32Array[] = [];
  for await (const { pixels } of pipeline.generate({ ...common, ...options })) out.push(pixels);
  await pipeline.release();
  return out;
}

test('sizes: the model’s own is the default, others are as asked, sides that its levels cannot halve are refused', async () => {
  const prompts = ['a dog in the snow'];
  const [own] = await pictures({ prompts });
  expect((await pictures({ prompts }, { width: 64, height: 64 }))[0]).toEqual(own);
  const [wide] = await pictures({ prompts }, { width: 96, height: 48 });
  expect(wide).toHaveLength(3 * 96 * 48);
  const spread = (x: Float32Array): number => Math.sqrt(x.reduce((a, v) => a + v * v, 0) / x.length);
  expect(spread(wide!) / spread(own!)).toBeGreaterThan(0.5);
  expect(spread(wide!) / spread(own!)).toBeLessThan(2);
  expect(sizeStep(model)).toBe(16);
  for (const [width, height, near] of [
    [72, 64, '80x64'],
    [64, 8, '64x16'],
    [100, 90, '96x96'],
  ] as const)
    await expect(pictures({ prompts }, { width, height })).rejects.toThrow(
      `--size ${width}x${height}: sides of this model's pictures are multiples of 16 pixels: ${near}, say`,
    );
});

test('emphasis: off, brackets are text; on, they weight words, and plain prompts and weights of 1 change nothing', async () => {
  const one = async (prompt: string, emphasis: boolean, negative = ''): Promise<Float32Array> =>
    (await pictures({ prompts: [prompt], emphasis, negative }))[0]!;
  const plain = await one('a red dog', false);
  expect(await one('a red dog', true)).toEqual(plain);
  expect(await one('(a red:1.0) dog', true)).toEqual(plain);
  const weighted = await one('a (red:1.4) dog', true);
  expect(weighted.every(Number.isFinite)).toBe(true);
  expect(weighted).not.toEqual(plain);
  expect(weighted).not.toEqual(await one('a (red:1.4) dog', false));
  expect(await one('a red dog', true, '(blue:1.5)')).not.toEqual(await one('a red dog', true, 'blue'));
  // Each prompt of a batch has weights of its own.
  const both = await pictures({ prompts: ['a (red:1.4) dog', 'a red dog'], emphasis: true });
  const neither = await pictures({ prompts: ['a red dog', 'a red dog'] });
  const distance = (a: Float32Array, b: Float32Array): number => a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i]!)), 0);
  expect(distance(both[0]!, weighted)).toBeLessThan(1e-4);
  expect(distance(both[1]!, neither[1]!)).toBeLessThan(1e-4);
});

/** A word of one vector, all of whose numbers are `value`. */
const word = (value: number): Learned => ({
  method: methodOf('ti'),
  settings: { vectors: 1, rank: 1, loraText: false },
  words: [{ token: '<v>', className: 'dog' }],
  weights: { concept: { data: new Float32Array(128).fill(value), shape: [1, 128] } },
  recipe: undefined,
});

test('pipelines of one engine keep what each has learned apart, and what is asked of one at once', async () => {
  const [first, second] = [await Pipeline.create(engine, model, 1, [word(0.1)]), await Pipeline.create(engine, model, 1, [word(-0.1)])];
  const one = async (pipeline: Pipeline, prompt: string): Promise<Float32Array> => {
    const { value } = await pipeline.generate({ ...common, prompts: [prompt] }).next();
    return (value as { pixels: Float32Array }).pixels;
  };
  const prompt = 'a <v> dog';
  const [of1, of2] = [await one(first, prompt), await one(second, prompt)];
  expect(of1).not.toEqual(of2);
  expect(await one(first, prompt)).toEqual(of1);
  const snow = await one(first, 'a dog in the snow');
  expect(await Promise.all([one(first, prompt), one(first, 'a dog in the snow'), one(second, prompt)])).toEqual([of1, snow, of2]);
  await second.release();
  expect(await one(first, prompt)).toEqual(of1);
  await first.use([word(-0.1)]);
  expect(await one(first, prompt)).toEqual(of2);
  await first.release();
});

test.each([
  [{ steps: 0 }, 'steps 0: a whole number from 1 to 1000 is expected'],
  [{ steps: 2.5 }, 'steps 2.5: a whole number from 1 to 1000 is expected'],
  [{ steps: 2000 }, 'steps 2000: a whole number from 1 to 1000 is expected'],
  [{ steps: 1000, sampler: 'dpm++' }, 'steps 1000: a whole number from 1 to 998 is expected'],
  [{ sampler: 'heun' as 'ddim' }, 'sampler heun: one of ddim, pndm, euler, euler-a, dpm++ is expected'],
  [{ guidance: NaN }, 'guidance NaN: a number from 0 to 100 is expected'],
  [{ seed: -1 }, 'seed -1: a whole number of at least 0 is expected'],
] as const)('%j is refused before anything is computed', async (options, message) => {
  const pipeline = await Pipeline.create(engine, model, 1);
  const drawing = pipeline.generate({ prompts: ['a dog'], ...common, ...options });
  await expect(drawing.next()).rejects.toThrow(new UserError(message));
  await pipeline.release();
});

test('aborting ends a picture before the next step; the pipeline draws on as it did', async () => {
  const pipeline = await Pipeline.create(engine, model, 1);
  const draw = async (options: Partial<GenerateOptions> = {}): Promise<Float32Array | undefined> =>
    (await pipeline.generate({ prompts: ['a dog'], ...common, ...options }).next()).value?.pixels;
  const before = await draw();
  const stop = new AbortController();
  const seen: number[] = [];
  const onStep = (_: number, step: number): void => {
    seen.push(step);
    if (step === 2) stop.abort(new Error('stopped'));
  };
  await expect(draw({ steps: 5, onStep, signal: stop.signal })).rejects.toThrow('stopped');
  expect(seen).toEqual([1, 2]);
  expect(await draw()).toEqual(before);
  await pipeline.release();
});
