/** One suite over every method: it learns, what it leaves can be read, and draws what it drew while it was trained. */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readArtefact, scaled } from '../../src/artefacts/read.ts';
import { formatOf, formatsOf, writeArtefact } from '../../src/artefacts/write.ts';
import { parseRecipe } from '../../src/config.ts';
import type { Recipe } from '../../src/config.ts';
import { valuesOf } from '../../src/files/constants.ts';
import { openSafetensors, readTensor, writeSafetensors } from '../../src/files/safetensors.ts';
import { Engine } from '../../src/graph/engine.ts';
import { multiply } from '../../src/graph/ops.ts';
import { methodNames, methodOf, register } from '../../src/methods/index.ts';
import { subjectOf, withNewWords } from '../../src/methods/learned.ts';
import type { Learned } from '../../src/methods/learned.ts';
import { withRows } from '../../src/methods/method.ts';
import type { Method, Weight } from '../../src/methods/method.ts';
import { loadModel } from '../../src/models/load.ts';
import { crossAttentionLayers } from '../../src/models/unet.ts';
import { Pipeline } from '../../src/sampler/pipeline.ts';
import { customize } from '../../src/trainer/customize.ts';
import type { CustomizeOptions } from '../../src/trainer/customize.ts';
import { RunFolder } from '../../src/trainer/run-folder.ts';
import { promptSet } from '../../src/world/captions.ts';
import { scratch } from '../scratch.ts';

const images = 'examples/subjects/dog';
const recipe = (method: string, changes: Partial<Recipe> = {}): Recipe =>
  parseRecipe({
    ...methodOf(method).defaults,
    images,
    class: 'dog',
    method,
    steps: 3,
    batchSize: 1,
    accumulation: 1,
    promptBatch: 4,
    vectors: 2,
    learningRate: 1e-3,
    lambda: method === 'lora' ? 0 : 0.1,
    sampleEvery: 0,
    checkpointEvery: 100,
    priorCount: 0,
    seed: 3,
    ...changes,
  });

const engine = new Engine();
const model = await loadModel('assets/tiny');
afterAll(() => engine.close());

async function learn(own: Recipe, out: string, more: Partial<CustomizeOptions> = {}): Promise<Learned> {
  const training = customize({ engine, model, recipe: own, prompts: promptSet('dog', 50), versions: {}, out, ...more });
  let step = await training.next();
  while (step.done !== true) step = await training.next();
  return step.value;
}

async function draw(learned: readonly Learned[], base = model): Promise<Float32Array> {
  const pipeline = await Pipeline.create(engine, base, 1, learned);
  const prompt = `a ${learned.length === 0 ? 'sks dog' : subjectOf(learned[0]!)} in the snow`;
  let picture: Float32Array | undefined;
  for await (const { pixels } of pipeline.generate({ prompts: [prompt], seed: 5, sampler: 'ddim', steps: 3, guidance: 3 }))
    picture = pixels;
  await pipeline.release();
  return picture!;
}
const zeroRows = (count: number): Weight => ({ data: new Float32Array(count * 128), shape: [count, 128] });
const furthest = (a: Float32Array, b: Float32Array): number => a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i]!)), 0);

describe.each(['ti', 'xti', 'dreambooth', 'custom-diffusion', 'lora'])('%s', (name) => {
  test('learns; its artefact draws what the training drew; another seed learns something else', { timeout: 300_000 }, async () => {
    const folder = await scratch();
    const learned = await learn(recipe(name), join(folder, 'run'));
    const { run } = await RunFolder.open(join(folder, 'run'));
    expect((await run.metrics()).map(({ step }) => step)).toEqual([1, 2, 3]);
    const start = methodOf(name).initial(model, learned.settings, { rows: zeroRows(2), seed: 3 });
    expect(Object.keys(learned.weights).toSorted()).toEqual(Object.keys(start).toSorted());
    const drawn = await draw([learned]);
    if (name === 'dreambooth') {
      const whole = join(folder, 'run', 'artefact');
      expect(furthest(drawn, await draw([], await loadModel(whole)))).toBeLessThan(1e-5);
      await expect(readArtefact(join(folder, 'run'), model)).rejects.toThrow(`give it as --model ${whole}`);
    } else {
      const again = await readArtefact(join(folder, 'run'), model);
      expect(again).toMatchObject({ words: learned.words, settings: learned.settings, recipe: learned.recipe });
      expect(furthest(drawn, await draw([again]))).toBe(0);
      expect(furthest(drawn, await draw([scaled(again, 0.5, model)]))).toBeGreaterThan(name === 'ti' || name === 'xti' ? -1 : 0);
    }
    const other = await learn(recipe(name, { seed: 4 }), join(folder, 'other'));
    expect(Object.keys(other.weights).some((key) => furthest(other.weights[key]!.data, learned.weights[key]!.data) > 0)).toBe(true);
  });

  test('the MLM objective changes what is learned', { timeout: 300_000 }, async () => {
    const folder = await scratch();
    const settings = name === 'lora' ? { loraText: true } : {};
    const plain = await learn(recipe(name, { ...settings, lambda: 0, steps: 1 }), join(folder, 'plain'));
    const both = await learn(recipe(name, { ...settings, lambda: 0.5, steps: 1 }), join(folder, 'both'));
    const changed = Object.keys(plain.weights).filter((key) => furthest(plain.weights[key]!.data, both.weights[key]!.data) > 0);
    expect(changed.length).toBeGreaterThan(0);
  });
});

test('every layout is read as it was written', { timeout: 300_000 }, async () => {
  const folder = await scratch();
  for (const name of methodNames().filter((one) => one !== 'dreambooth')) {
    const method = methodOf(name);
    const settings = { vectors: 2, rank: 4, loraText: true };
    const weights = method.initial(model, settings, {
      rows: { data: Float32Array.from({ length: 256 }, (_, i) => Math.sin(i)), shape: [2, 128] },
      seed: 1,
    });
    const learned: Learned = { method, settings, words: [{ token: '<v>', className: undefined }], weights, recipe: undefined };
    for (const format of formatsOf(learned)) {
      const out = join(folder, name, format.name);
      if (name === 'custom-diffusion' && format.name === 'kohya') continue; // for other tools alone: its own test
      const read = await readArtefact(await writeArtefact(out, learned, model, { format }), model);
      expect(read.weights).toEqual(weights);
      expect(subjectOf(read)).toBe('<v>');
    }
  }
});

test('Custom Diffusion names every attention to diffusers, those that it leaves by tensors without entries', async () => {
  const folder = await scratch();
  const method = methodOf('custom-diffusion');
  const settings = { vectors: 1, rank: 4, loraText: false };
  const { hidden_size: width } = model.textEncoder.config;
  const weights = method.initial(model, settings, { rows: { data: new Float32Array(width), shape: [1, width] }, seed: 1 });
  const words = [{ token: '<v>', className: undefined }];
  await writeArtefact(folder, { method, settings, words, weights, recipe: undefined }, model);
  const { tensors } = await openSafetensors(join(folder, 'pytorch_custom_diffusion_weights.safetensors'));
  const layers = crossAttentionLayers(model.unet.config).map(({ prefix }) => prefix);
  expect([...tensors.keys()].toSorted()).toEqual(
    layers
      .flatMap((cross) => [
        `${cross.replace(/attn2$/, 'attn1')}.processor`,
        ...['to_k', 'to_v'].map((part) => `${cross}.processor.${part}_custom_diffusion.weight`),
      ])
      .toSorted(),
  );
  for (const { name, shape } of tensors.values()) expect(shape[0] === 0).toBe(name.endsWith('.processor'));
});

test('Custom Diffusion as a LoRA and an embedding holds the same change', { timeout: 120_000 }, async () => {
  const folder = await scratch();
  const learned = await learn(recipe('custom-diffusion', { learningRate: 1e-2 }), join(folder, 'run'));
  const out = join(folder, 'lora');
  const format = formatOf(learned, 'a1111');
  await writeArtefact(out, { ...learned, settings: { ...learned.settings, rank: 128 } }, model, { format });
  const changes = await openSafetensors(join(out, 'lora.safetensors'));
  for (const { name, shape } of changes.tensors.values()) if (name.endsWith('.lora_down.weight')) expect(shape).toEqual([128, 128]);
  const read = async (name: string): Promise<Float32Array> => readTensor(changes, name);
  for (const [name, { data, shape }] of Object.entries(learned.weights).filter(([key]) => key !== 'concept')) {
    const module = `lora_${name.replace(/\.weight$/, '').replaceAll('.', '_')}`;
    const [up, down] = [await read(`${module}.lora_up.weight`), await read(`${module}.lora_down.weight`)];
    const before = valuesOf(model.unet.parameters.get(name.slice(5), shape));
    const [columns, rank] = [shape[1]!, up.length / shape[0]!];
    const change = data.map((x, i) => x - before[i]!);
    const rebuilt = change.map((_, i) => {
      let sum = 0;
      for (let k = 0; k < rank; k++) sum += up[Math.floor(i / columns) * rank + k]! * down[k * columns + (i % columns)]!;
      return sum;
    });
    expect(furthest(change, new Float32Array(change.length))).toBeGreaterThan(1e-3);
    expect(furthest(change, rebuilt)).toBeLessThan(1e-5);
  }
  expect(await readTensor(await openSafetensors(join(out, '<v>.safetensors')), '<v>')).toEqual(learned.weights.concept!.data);
});

test('an artefact of another base model, by its hash and by its shapes', { timeout: 120_000 }, async () => {
  const folder = await scratch();
  await learn(recipe('ti', { steps: 1 }), join(folder, 'run'));
  const path = join(folder, 'run', 'artefact', 'learned_embeds.safetensors');
  const file = await openSafetensors(path);
  const data = await readTensor(file, '<v>');
  const other = join(folder, 'other.safetensors');
  await writeSafetensors(other, { '<v>': { data, shape: [2, 128] } }, { ...file.metadata, base: '0'.repeat(64) });
  await expect(readArtefact(other, model)).rejects.toThrow('was learned on another base model than assets/tiny');
  await writeSafetensors(other, { '<v>': { data: new Float32Array(768), shape: [1, 768] } });
  await expect(readArtefact(other, model)).rejects.toThrow("holds vectors of width 768; this model's text encoder takes 128");
  await expect(readArtefact('assets/judges/dino', model)).rejects.toThrow('is nothing that a method of Contextura has learned');
});

test('prior preservation draws its pictures once, and asks for enough of them', { timeout: 120_000 }, async () => {
  const folder = await scratch();
  const out = join(folder, 'run');
  await learn(recipe('lora', { priorCount: 2, steps: 1 }), out);
  expect(await readdir(join(out, 'prior'))).toEqual(['0000.png', '0001.png']);
  const few = recipe('lora', { priorCount: 9, priorImages: images });
  await expect(learn(few, join(folder, 'few'))).rejects.toThrow('holds 5 pictures, --prior-count asks for 9');
});

test.each(['ti', 'custom-diffusion', 'dreambooth'])('%s learns two subjects in one run', { timeout: 300_000 }, async (name) => {
  const folder = await scratch();
  const token = methodOf(name).learnsToken ? '<w>' : 'zwx';
  const also = [{ images: 'examples/subjects/teapot', class: 'teapot', token }];
  const options = { prompts: (className: string) => promptSet(className as 'dog', 20) };
  const learned = await learn(recipe(name, { also, steps: 1 }), join(folder, 'run'), options);
  expect(learned.words.map(({ token: word, className }) => [word, className])).toEqual([
    [learned.words[0]!.token, 'dog'],
    [token, 'teapot'],
  ]);
  if (name === 'dreambooth') return;
  const again = await readArtefact(join(folder, 'run'), model);
  expect(again.words).toEqual(learned.words);
  expect(again.weights).toEqual(learned.weights);
  const [width, vectors] = [128, 2];
  const rows = again.weights.concept!;
  expect(rows.shape).toEqual([2 * vectors, width]);
  // The two words started from their own classes.
  expect(furthest(rows.data.slice(0, width), rows.data.slice(vectors * width, (vectors + 1) * width))).toBeGreaterThan(1e-3);
  await expect(learn(recipe('xti', { also }), join(folder, 'xti'), options)).rejects.toThrow('xti learns one subject in a run');
});

test('λ on a method with nothing on the text side', async () => {
  const out = join(await scratch(), 'run');
  await expect(learn(recipe('lora', { lambda: 0.1 }), out)).rejects.toThrow(
    '--lambda 0.1: lora trains nothing on the text side, so the MLM objective has nothing to act on: give --lambda 0 or --lora-text',
  );
  expect(existsSync(out)).toBe(false);
});

test('a sixth method is one object', { timeout: 120_000 }, async () => {
  const gain: Method = {
    name: 'gain',
    about: 'the class word, louder or softer',
    learnsToken: true,
    trainsText: () => true,
    templates: ['a photo of a {}'],
    defaults: {},
    adapt: (base, _, parameter) =>
      withRows(base, multiply(parameter('gain', [1, 1]), parameter('concept', [1, base.textEncoder.config.hidden_size])), {
        vectors: 1,
        perLayer: false,
      }),
    initial: (_, __, { rows }) => ({ gain: { data: Float32Array.of(1), shape: [1, 1] }, concept: rows }),
  };
  register(gain);
  const folder = await scratch();
  const learned = await learn(recipe('gain', { vectors: 1 }), join(folder, 'run'));
  expect(learned.weights.gain!.data[0]).not.toBe(1);
  const again = await readArtefact(join(folder, 'run'), model);
  expect(again.method.name).toBe('gain');
  expect(furthest(await draw([learned]), await draw([again]))).toBe(0);
});

test.each(['../v', 'a/b', 'a\\b', 'c:v', 'v\u0007'])('%j cannot be a subject’s name, since files are called by it', (token) => {
  expect(() => withNewWords(model.tokenizer, [token], 1, 1)).toThrow(/^--token ".*" cannot name a file, as it should: choose a word/);
});
