/** Text-space and attention analysis on the embedded model: positions, what the taps see, SKL, theory. */
import { afterAll, expect, test } from 'vitest';
import { parseRecipe } from '../../src/config.ts';
import { attentionRows, headlineSide, heatMap, measureAttention, symmetricKl, tokenMap } from '../../src/evaluation/attention.ts';
import { Probe, readContext } from '../../src/evaluation/probe.ts';
import type { CustomizedRun } from '../../src/evaluation/run.ts';
import { textSimilarities } from '../../src/evaluation/text-space.ts';
import { measureTheory, relation } from '../../src/evaluation/theory.ts';
import type { Theory } from '../../src/evaluation/theory.ts';
import { Engine } from '../../src/graph/engine.ts';
import { input } from '../../src/graph/ops.ts';
import { methodOf } from '../../src/methods/index.ts';
import { loadModel } from '../../src/models/load.ts';
import { crossAttentionLayers, unet } from '../../src/models/unet.ts';
import { Pipeline } from '../../src/sampler/pipeline.ts';

const engine = new Engine();
const model = await loadModel('assets/tiny');
afterAll(() => engine.close());

/** A run that has learned `row` for each of `vectors` vectors. */
function runOf(value: (i: number) => number, vectors = 2): CustomizedRun {
  const recipe = parseRecipe({ images: 'x', class: 'dog', vectors });
  const width = model.textEncoder.config.hidden_size;
  const concept = { data: Float32Array.from({ length: vectors * width }, (_, i) => value(i)), shape: [vectors, width] };
  const { rank, loraText, token } = recipe;
  return {
    folder: 'x',
    recipe,
    model,
    learned: [
      { method: methodOf('ti'), settings: { vectors, rank, loraText }, words: [{ token, className: 'dog' }], weights: { concept }, recipe },
    ],
  };
}

test('where the tokens of a prompt are', () => {
  const tokenizer = model.tokenizer.withPlaceholder('<v>', 2);
  const read = readContext(tokenizer, 'a photo of a {subject} in the snow', '<v>', 'dog', 32)!;
  expect(read.concept).toEqual([5, 6]);
  expect(read.words).toEqual(['snow']);
  const [at] = read.context.with;
  expect(read.ids.with[at!]).toBe(tokenizer.encode('snow')[0]);
  expect(read.ids.without[read.context.without[0]!]).toBe(tokenizer.encode('snow')[0]);
  expect(read.ids.with[5]).toBe(tokenizer.vocabularySize);
  expect(read.ids.with[7]).toBe(tokenizer.encode('dog')[0]);
  expect(readContext(tokenizer, 'a red {subject}', '<v>', 'dog', 32)).toBeUndefined();
  expect(readContext(tokenizer, 'a {subject} in the', '<v>', 'dog', 32)).toBeUndefined();
  expect(readContext(tokenizer, `a {subject}${' in snow'.repeat(20)}`, '<v>', 'dog', 32)).toBeUndefined();
});

test('prompts without a context word are refused together', async () => {
  const probe = await Probe.create(
    engine,
    runOf(() => 0),
    'none.',
  );
  expect(() => probe.read(['a red {subject}'])).toThrow(
    'none of 1 prompts has a context word after the subject: write some such as "a {subject} in the jungle"',
  );
  await probe.release();
});

test('sim1 and sim2 against cosines of states by hand; a concept far away moves the context', async () => {
  const far = await Probe.create(
    engine,
    runOf((i) => 8 * Math.sin(i)),
    'far.',
  );
  const near = await Probe.create(
    engine,
    runOf(() => 0),
    'near.',
  );
  const read = far.read(['a {subject} in the snow', 'a {subject} with a city in the background']);
  const found = await textSimilarities(far, read);
  const calm = await textSimilarities(near, near.read(read.map(({ prompt }) => prompt)));
  const own = (await far.states([read[0]!.ids.with]))[0]![0];
  const plain = (await far.states([read[0]!.ids.without]))[0]![0];
  const { width } = far;
  const cos = (a: Float32Array, b: Float32Array): number => {
    const dot = (x: Float32Array, y: Float32Array): number => x.reduce((sum, v, i) => sum + v * y[i]!, 0);
    return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
  };
  const row = (states: Float32Array, at: number): Float32Array => states.subarray(at * width, (at + 1) * width);
  const [at, without] = [read[0]!.context.with[0]!, read[0]!.context.without[0]!];
  const sim1 = (cos(row(own!, read[0]!.concept[0]!), row(own!, at)) + cos(row(own!, read[0]!.concept[1]!), row(own!, at))) / 2;
  expect(found[0]!.sim1).toBeCloseTo(sim1, 5);
  expect(found[0]!.sim2).toBeCloseTo(cos(row(own!, at), row(plain!, without)), 5);
  // Where to is a matter of the weights.
  expect(found[0]!.sim2).not.toBeCloseTo(calm[0]!.sim2, 3);
  await far.release();
  await near.release();
});

test('symmetric KL and maps', () => {
  const [p, q] = [Float64Array.of(0.5, 0.5), Float64Array.of(0.25, 0.75)];
  const by = (a: Float64Array, b: Float64Array): number => a.reduce((sum, x, i) => sum + x * Math.log(x / b[i]!), 0);
  expect(symmetricKl(p, q)).toBeCloseTo((by(p, q) + by(q, p)) / 2, 12);
  expect(symmetricKl(p, p)).toBe(0);
  const maps = Float32Array.of(1, 9, 3, 9, 0, 9, 4, 9); // [1, 4, 2]
  expect([...tokenMap(maps, 2, 2, 0, 0)]).toEqual([1 / 8, 3 / 8, 0, 4 / 8]);
  const hot = heatMap(new Float32Array(3 * 16).fill(-1), 4, Float64Array.of(1, 0, 0, 0));
  expect(hot[0]).toBeGreaterThan(hot[3 * 15]!);
  expect(hot[3 * 15 + 2]).toBeGreaterThan(hot[2]!);
});

test('the tapped U-Net predicts what the plain one does; its probabilities are distributions', async () => {
  const { parameters, config } = model.unet;
  const [latents, times] = [input('latents', [1, 4, 16, 16]), input('timesteps', [1])];
  const width = config.cross_attention_dim;
  const states = input('text', [1, 32, width]);
  const sides: number[] = [];
  const seen: Record<string, ReturnType<typeof input>> = {};
  const tapped = unet(parameters, config, latents, times, states, {
    onAttention: (layer, { probabilities }) => {
      sides.push(Math.sqrt(probabilities.shape[2]!));
      seen[`layer${layer}`] = probabilities as ReturnType<typeof input>;
    },
  });
  const program = await engine.compile({ outputs: { plain: unet(parameters, config, latents, times, states), tapped, ...seen } });
  const wave = (n: number): Float32Array => Float32Array.from({ length: n }, (_, i) => Math.sin(i));
  const out = await program.run({ latents: wave(4 * 256), timesteps: Float32Array.of(300), text: wave(32 * width) });
  expect(out.tapped).toEqual(out.plain);
  expect(sides.every((side) => Number.isInteger(side))).toBe(true);
  const first = out.layer0 as Float32Array;
  for (let from = 0; from < 10 * 32; from += 32) expect(first.subarray(from, from + 32).reduce((a, b) => a + b, 0)).toBeCloseTo(1, 4);
  await program.release();
});

test('the probe draws the pipeline’s pictures, and gives rows for every step, word and resolution', async () => {
  const run = runOf((i) => 0.3 * Math.cos(i));
  const probe = await Probe.create(engine, run, 'draws.');
  const read = probe.read(['a {subject} in the snow', 'a {subject} with a city in the background', 'a {subject} on the beach']);
  const measuring = measureAttention(probe, read, { batch: 2, steps: 3, guidance: 4, seed: 5, shown: 3 });
  let step = await measuring.next();
  while (step.done !== true) step = await measuring.next();
  const { rows, pictures } = step.value;
  const side = headlineSide(rows);
  expect(rows.filter((row) => row.side === side)).toHaveLength(3 * (1 + 2 + 1));
  expect(rows.every(({ skl }) => skl >= 0 && Number.isFinite(skl))).toBe(true);
  const pipeline = await Pipeline.create(engine, model, 2, run.learned);
  const prompts = read.map(({ prompt }) => prompt.replace('{subject}', '<v> dog'));
  let most = 0;
  for await (const { index, pixels } of pipeline.generate({ prompts, seed: 5, sampler: 'dpm++', steps: 3, guidance: 4 }))
    pixels.forEach((x, i) => (most = Math.max(most, Math.abs(x - pictures[index]!.pixels[i]!))));
  expect(most).toBeLessThan(1e-4);
  expect(attentionRows(new Map(), 0, read, 32)).toEqual([]);
  await pipeline.release();
  await probe.release();
});

test('propositions: shares are shares, exact bounds hold, a far concept widens every gap', async () => {
  const prompts = ['a {subject} in the snow', 'a {subject} with a city in the background', 'a {subject} on the beach'];
  const measured = async (value: (i: number) => number, prefix: string): Promise<Theory> => {
    const probe = await Probe.create(engine, runOf(value), prefix);
    const theory = await measureTheory(probe, probe.read(prompts), { batch: 2, seed: 1 });
    await probe.release();
    return theory;
  };
  const [far, near] = [await measured((i) => 8 * Math.sin(i), 'afar.'), await measured((i) => 0.02 * Math.sin(i), 'close.')];
  expect(far.selfAttention).toHaveLength(model.textEncoder.config.num_hidden_layers);
  for (const { concept, other } of far.selfAttention) {
    expect(concept).toBeGreaterThan(0);
    expect(concept + other).toBeLessThan(1);
  }
  expect(far.outputs).toHaveLength(4);
  expect(far.mlm).toHaveLength(4);
  for (const [bound, gap] of [...far.outputs, ...far.logits.flatMap(({ points }) => points)]) {
    expect(gap).toBeGreaterThan(0);
    expect(gap).toBeLessThanOrEqual(bound * (1 + 1e-5));
  }
  expect(far.logits.map(({ layer }) => layer)).toEqual(crossAttentionLayers(model.unet.config).map(({ name }) => name));
  const drift = (theory: Theory): number => theory.mlm.reduce((sum, [x]) => sum + x, 0);
  expect(drift(far)).toBeGreaterThan(drift(near));
  expect(
    relation([
      [1, 2],
      [2, 4],
      [3, 6],
    ]),
  ).toEqual({ correlation: 1, constant: 2, n: 3 });
});

test.each(['xti', 'custom-diffusion', 'lora', 'dreambooth'])('%s is opened as it is sampled', async (name) => {
  const method = methodOf(name);
  const recipe = parseRecipe({ images: 'x', class: 'dog', ...method.defaults, method: name, token: method.learnsToken ? '<v>' : 'dog2' });
  const { vectors, rank, loraText, token } = recipe;
  const settings = { vectors, rank, loraText };
  const width = model.textEncoder.config.hidden_size;
  const rows = { data: new Float32Array(vectors * width).map((_, i) => 0.2 * Math.sin(i % width)), shape: [vectors, width] };
  const weights = method.initial(model, settings, { rows, seed: 3 });
  const run: CustomizedRun = {
    folder: 'x',
    recipe,
    model,
    learned: [{ method, settings, words: [{ token, className: 'dog' }], weights, recipe }],
  };
  const probe = await Probe.create(engine, run, `${name}.`);
  const read = probe.read(['a {subject} in the snow']);
  const measuring = measureAttention(probe, read, { batch: 1, steps: 2, guidance: 4, seed: 5, shown: 1 });
  let step = await measuring.next();
  while (step.done !== true) step = await measuring.next();
  const shown = step.value.pictures[0]!;
  const pipeline = await Pipeline.create(engine, model, 1, run.learned);
  const prompts = [`a ${token} dog in the snow`];
  for await (const { pixels } of pipeline.generate({ prompts, seed: 5, sampler: 'dpm++', steps: 2, guidance: 4 }))
    expect(pixels.reduce((most, x, i) => Math.max(most, Math.abs(x - shown.pixels[i]!)), 0)).toBeLessThan(1e-4);
  const [found] = await textSimilarities(probe, read);
  expect(Math.abs(found!.sim1)).toBeLessThan(1);
  const theory = await measureTheory(probe, read, { batch: 2, seed: 1 });
  for (const [bound, gap] of theory.logits.flatMap(({ points }) => points)) expect(gap).toBeLessThanOrEqual(bound * (1 + 1e-5));
  await pipeline.release();
  await probe.release();
});
