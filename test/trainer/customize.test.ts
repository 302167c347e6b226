import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { parseRecipe } from '../../src/config.ts';
import type { Recipe } from '../../src/config.ts';
import { openSafetensors, readTensor } from '../../src/files/safetensors.ts';
import { Engine } from '../../src/graph/engine.ts';
import { Random } from '../../src/graph/random.ts';
import { methodOf } from '../../src/methods/index.ts';
import { initialWeights, subjectTokens } from '../../src/trainer/prepare.ts';
import { TrainingStep } from '../../src/trainer/step.ts';
import { loadModel } from '../../src/models/load.ts';
import type { DiffusionModel } from '../../src/models/load.ts';
import { customize } from '../../src/trainer/customize.ts';
import type { CustomizeEvent, CustomizeOptions } from '../../src/trainer/customize.ts';
import { Pipeline } from '../../src/sampler/pipeline.ts';
import { RunFolder } from '../../src/trainer/run-folder.ts';
import { promptSet } from '../../src/world/captions.ts';
import { scratch } from '../scratch.ts';
import { statesOf } from './states.ts';

const images = 'examples/subjects/dog';
const recipe = (changes: Partial<Recipe> = {}): Recipe =>
  parseRecipe({
    images,
    class: 'dog',
    steps: 6,
    batchSize: 2,
    promptBatch: 4,
    lambda: 0.1,
    sampleEvery: 0,
    checkpointEvery: 100,
    seed: 3,
    ...changes,
  });

describe('customize', () => {
  let engine: Engine;
  let model: DiffusionModel;
  beforeAll(async () => {
    engine = new Engine();
    model = await loadModel('assets/tiny');
  });
  afterAll(() => engine.close());

  async function run(options: Partial<CustomizeOptions> & { out: string }): Promise<CustomizeEvent[]> {
    const events: CustomizeEvent[] = [];
    const training = customize({ engine, model, recipe: recipe(), prompts: promptSet('dog', 50), versions: {}, ...options });
    for await (const e of training) events.push(e);
    return events;
  }
  const artefact = (out: string): Promise<Buffer> => readFile(join(out, 'artefact', 'learned_embeds.safetensors'));

  test('two runs of one seed leave the same bytes, another seed leaves others', async () => {
    const folder = await scratch();
    const outs = ['a', 'b', 'c'].map((name) => join(folder, name));
    await run({ out: outs[0]! });
    await run({ out: outs[1]! });
    await run({ out: outs[2]!, recipe: recipe({ seed: 4 }) });
    const [a, b, c] = await Promise.all(outs.map(artefact));
    expect(a!.equals(b!)).toBe(true);
    expect(a!.equals(c!)).toBe(false);
  });

  test('a run whose checkpoints are gone begins again, and so does its log', async () => {
    const out = join(await scratch(), 'run');
    await run({ out });
    const whole = await artefact(out);
    await rm(join(out, 'checkpoints'), { recursive: true });
    const events = await run({ out, resume: true });
    expect(events.find(({ kind }) => kind === 'start')).toMatchObject({ step: 0 });
    const log = (await readFile(join(out, 'metrics.jsonl'), 'utf8')).trim().split('\n');
    expect(log.map((line) => (JSON.parse(line) as { step: number }).step)).toEqual(log.map((_, i) => i + 1));
    expect((await artefact(out)).equals(whole)).toBe(true);
    const [last] = (await readdir(join(out, 'checkpoints'))).toSorted().slice(-1);
    await truncate(join(out, 'checkpoints', last!), 1000);
    const record = recipe();
    await expect(run({ out, resume: true, recipe: { ...record, steps: record.steps + 1 } })).rejects.toThrow(
      /checkpoint .* is damaged: remove it, and the run goes on from the one before, or from its beginning/,
    );
  });

  test('a run that is interrupted and resumed ends as one that was not', async () => {
    const folder = await scratch();
    await run({ out: join(folder, 'whole'), recipe: recipe({ ema: 0.5 }) });
    const controller = new AbortController();
    const out = join(folder, 'halves');
    const half = async (): Promise<void> => {
      const training = customize({
        engine,
        model,
        recipe: recipe({ ema: 0.5 }),
        prompts: promptSet('dog', 50),
        versions: {},
        out,
        signal: controller.signal,
      });
      for await (const e of training) if (e.kind === 'step' && e.event.step === 3) controller.abort();
    };
    await expect(half()).rejects.toThrow('abort');
    expect(existsSync(join(out, 'artefact'))).toBe(false);
    const events = await run({ out, resume: true, recipe: recipe({ ema: 0.5 }) });
    expect(events.find(({ kind }) => kind === 'start')).toMatchObject({ step: 3 });
    expect((await artefact(out)).equals(await artefact(join(folder, 'whole')))).toBe(true);
    const { run: opened } = await RunFolder.open(out);
    expect((await opened.metrics()).map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('a consumer that leaves the loop leaves a checkpoint and none of the run’s states; no other run trains meanwhile', async () => {
    const out = join(await scratch(), 'run');
    const training = customize({ engine, model, recipe: recipe(), prompts: promptSet('dog', 50), versions: {}, out });
    for await (const e of training) {
      if (e.kind !== 'step' || e.event.step < 2) continue;
      await expect(run({ out: `${out}-other` })).rejects.toThrow(
        'another run trains on this engine: wait until it ends, or give each an engine of its own',
      );
      break;
    }
    expect(existsSync(`${out}-other`)).toBe(false);
    expect((await (await RunFolder.open(out)).run.checkpoints()).at(-1)).toBe(2);
    await expect(engine.getState(['concept'])).rejects.toThrow('no state is called concept');
    expect((await run({ out, resume: true })).find(({ kind }) => kind === 'start')).toMatchObject({ step: 2 });
  });

  test('a loss that is not a number ends the run in one line, and leaves no checkpoint of it', async () => {
    const out = join(await scratch(), 'run');
    await expect(run({ out, recipe: { ...recipe(), learningRate: 1e38 } })).rejects.toThrow(
      /^the loss is not a number at step \d: start a new run with a lower --learning-rate \(it was 1e\+38\)$/,
    );
    expect(await (await RunFolder.open(out)).run.checkpoints()).toEqual([]);
  });

  test('rich prompts that the text encoder would cut before the subject is named are refused', async () => {
    const far = `${'a red house and '.repeat(9)}{subject} in the snow`;
    await expect(run({ out: join(await scratch(), 'run'), prompts: ['a {subject}', far] })).rejects.toThrow(
      /^1 of 2 rich prompts name the subject past the 30 tokens that the text encoder reads, such as "a red house .*": shorten them, or name it earlier$/,
    );
  });

  test('pictures of the class change nothing of what is drawn for the subject’s', async () => {
    const { in_channels: channels, sample_size: size } = model.unet.config;
    const example = (i: number): { latents: Float32Array; prompts: string[] } => ({
      latents: new Random(2).fork(i).normals(channels * size * size),
      prompts: ['a photo of a <v> dog', 'a <v> dog'],
    });
    const [method, settings] = [methodOf('ti'), recipe({ lambda: 0 })];
    const fed = async (prior: number): Promise<Record<string, ArrayLike<number>>> => {
      const data = {
        own: [0, 1, 2].map(example),
        prior: Array.from({ length: prior }, (_, i) => example(9 + i)),
        richPrompts: [],
        ...subjectTokens(model, method, settings, 1),
      };
      const step = await TrainingStep.create(engine, model, method, initialWeights(model, method, settings), data, settings);
      const feeds = step['parts'].feeds(4, 0);
      await step.release();
      return feeds;
    };
    const [alone, beside] = [await fed(0), await fed(5)];
    for (const name of ['latents', 'noise', 'ids', 'timesteps']) {
      const own = Array.from(alone[name]!);
      expect([name, ...Array.from(beside[name]!).slice(0, own.length)]).toEqual([name, ...own]);
      expect(beside[name]).toHaveLength(2 * own.length);
    }
  });

  test('the moving average is what is handed out', async () => {
    const out = join(await scratch(), 'run');
    await run({ out, recipe: recipe({ steps: 2, checkpointEvery: 1, ema: 0.75 }) });
    const { run: opened } = await RunFolder.open(out);
    const read = async (step: number, name: string): Promise<Float32Array> =>
      readTensor(await openSafetensors(opened.checkpoint(step)), name);
    const [before, last] = [await read(1, 'ema.concept'), await read(2, 'concept')];
    const learned = await readTensor(await openSafetensors(join(out, 'artefact', 'learned_embeds.safetensors')), '<v>');
    learned.forEach((x, i) => expect(x).toBeCloseTo(0.75 * before[i]! + 0.25 * last[i]!, 6));
    expect(before.every((x, i) => x === last[i])).toBe(false);
  });

  test('a step over two accumulated batches takes the mean of their gradients', async () => {
    const { in_channels: channels, sample_size: size } = model.unet.config;
    const prompts = ['a photo of a <v> dog', 'a <v> dog'];
    const own = [0, 1, 2].map((i) => ({ latents: new Random(2).fork(i).normals(channels * size * size), prompts }));
    const ti = methodOf('ti');
    const tokens = subjectTokens(model, ti, recipe(), 1);
    const data = { own, prior: [], richPrompts: ['a <v> dog in the snow on a winter day'], ...tokens };
    const create = (accumulation: number): Promise<TrainingStep> =>
      TrainingStep.create(engine, model, ti, initialWeights(model, ti, recipe()), data, recipe({ accumulation }));
    /** Adam's first moment after one step from zero is 0.1 times the gradient, clipped to norm 1. */
    const gradientOf = async (training: TrainingStep, norm: number): Promise<Float32Array> =>
      (await statesOf(training))['adam.1.concept']!.data.map((x) => 10 * x * Math.max(1, norm));
    const single = await create(1);
    const fresh = await statesOf(single);
    const parts: Float32Array[] = [];
    for (const part of [0, 1]) {
      await single.restore(fresh);
      const out = await single['programs']!.update.run(single['parts'].feeds(0, part));
      parts.push(await gradientOf(single, out.gradientNorm![0]!));
    }
    await single.release();
    const double = await create(2);
    const { gradientNorm } = await double.step(0);
    const mean = await gradientOf(double, gradientNorm);
    const scale = Math.max(...mean.map(Math.abs));
    expect(scale).toBeGreaterThan(0);
    mean.forEach((x, i) => expect(Math.abs(x - (parts[0]![i]! + parts[1]![i]!) / 2)).toBeLessThan(1e-4 * scale));
    // The U-Net is in one program alone.
    const { gather, update } = double['programs']!;
    expect(update.flops).toBeLessThan(1e-4 * gather!.flops);
    expect(double.flops).toBe(2 * gather!.flops + update.flops);
    // Nothing of a step's sums reaches another.
    await double.restore(fresh);
    expect((await double.step(0)).gradientNorm).toBe(gradientNorm);
    await double.release();
  });

  test('λ = 0 asks for no prompts, and λ > 0 without any says so', async () => {
    const folder = await scratch();
    await run({ out: join(folder, 'plain'), recipe: recipe({ lambda: 0, steps: 1 }), prompts: [] });
    await expect(run({ out: join(folder, 'none'), prompts: [] })).rejects.toThrow('give --prompts FILE, or --lambda 0');
    expect(existsSync(join(folder, 'none'))).toBe(false);
  });

  test('sample pictures of a model that draws photographs: their programs or those of the training are there', async () => {
    const released = vi.spyOn(Pipeline.prototype, 'release');
    const unloaded = vi.spyOn(TrainingStep.prototype, 'unload');
    onTestFinished(() => [released, unloaded].forEach((spy) => spy.mockRestore()));
    const { unet } = model;
    // 144 pixels, just past what counts as large.
    const larger = { ...model, unet: { ...unet, config: { ...unet.config, sample_size: 36 } } };
    const runOf = async (sampleEvery: number, changes: Partial<CustomizeOptions> = {}): Promise<string> => {
      const out = join(await scratch(), 'run');
      await run({ out, recipe: recipe({ steps: 2, batchSize: 1, sampleEvery, learningRate: 0.1 }), ...changes });
      return out;
    };
    const out = await runOf(1, { model: larger });
    expect(released).toHaveBeenCalledTimes(2);
    expect(unloaded).toHaveBeenCalledTimes(3);
    const [first, second] = await Promise.all([1, 2].map((step) => readFile(join(out, 'samples', `step-${step}.png`))));
    expect(first!.equals(second!)).toBe(false);
    const without = await runOf(0, { model: larger });
    const log = (folder: string): Promise<string> => readFile(join(folder, 'metrics.jsonl'), 'utf8');
    expect(await log(out)).toBe(await log(without));
    released.mockClear();
    unloaded.mockClear();
    await runOf(1);
    expect(released).toHaveBeenCalledTimes(1);
    expect(unloaded).toHaveBeenCalledTimes(1);
  });

  test('pictures that changed since the run began stop a resumption', async () => {
    const folder = await scratch();
    const own = join(folder, 'pictures');
    await mkdir(own);
    for (const name of await readdir(images)) await copyFile(join(images, name), join(own, name));
    const out = join(folder, 'run');
    await run({ out, recipe: recipe({ images: own, steps: 1 }) });
    await copyFile('examples/subjects/teapot/1.png', join(own, (await readdir(own))[0]!));
    await expect(run({ out, recipe: recipe({ images: own, steps: 2 }), resume: true })).rejects.toThrow('is not what it was');
    const other = recipe({ images: own, steps: 2, learningRate: 1 });
    await expect(run({ out, recipe: other, resume: true })).rejects.toThrow('has learningRate 0.005, not 1');
  });

  test('so do masks, pictures of the class and another model; and a run that is going on elsewhere', async () => {
    const folder = await scratch();
    const [masks, prior] = [join(folder, 'masks'), join(folder, 'prior')];
    const names = await readdir(images);
    const paint = (path: string, background: string): Promise<unknown> =>
      sharp({ create: { width: 256, height: 256, channels: 3, background } })
        .png()
        .toFile(path);
    await Promise.all([masks, prior].map((path) => mkdir(path)));
    for (const name of names) await paint(join(masks, name), '#fff');
    await paint(join(prior, '1.png'), '#888');
    const out = join(folder, 'run');
    const short = recipe({ lambda: 0, steps: 1, masks, priorImages: prior, priorCount: 1 });
    await run({ out, recipe: short });
    const longer = { ...short, steps: 2 };
    const refusal = (path: string): RegExp => new RegExp(`${path}.* is not what it was when the run in .* began: put it back`);

    const lock = join(out, 'lock');
    expect(existsSync(lock)).toBe(false);
    await writeFile(lock, `${process.pid} ${hostname()}`);
    await expect(run({ out, resume: true, recipe: longer })).rejects.toThrow(
      `a run is going on in ${out} (process ${process.pid} of ${hostname()}): wait until it ends or stop it; if there is none, remove ${lock}`,
    );
    expect(existsSync(lock)).toBe(true);
    // What a process that is gone has left: no process has so large a number.
    await writeFile(lock, `${2 ** 30} ${hostname()}`);

    await paint(join(masks, names[0]!), '#ccc');
    await expect(run({ out, resume: true, recipe: longer })).rejects.toThrow(refusal(join(masks, names[0]!)));
    await paint(join(masks, names[0]!), '#fff');
    await paint(join(prior, '1.png'), '#999');
    await expect(run({ out, resume: true, recipe: longer })).rejects.toThrow(refusal(join(prior, '1.png')));
    await paint(join(prior, '1.png'), '#888');
    const { run: opened, record } = await RunFolder.open(out);
    await opened.writeRecord({ ...record, base: 'another' });
    await expect(run({ out, resume: true, recipe: longer })).rejects.toThrow(refusal('tiny'));
    await opened.writeRecord(record);
    expect((await run({ out, resume: true, recipe: longer })).at(-1)).toMatchObject({ kind: 'done' });
    expect(existsSync(lock)).toBe(false);
  });

  test('so do rich prompts, unless the run’s record is of a time when it did not tell them', async () => {
    const out = join(await scratch(), 'run');
    await run({ out, recipe: recipe({ steps: 1 }) });
    const again = (prompts: string[]) => run({ out, recipe: recipe({ steps: 2 }), resume: true, prompts });
    const message = `the rich prompts are not what they were when the run in ${out} began: put them back as they were`;
    await expect(again(promptSet('dog', 49))).rejects.toThrow(message);
    const record = join(out, 'run.json');
    const { prompts, ...older } = JSON.parse(await readFile(record, 'utf8')) as { prompts: string };
    expect(prompts).toMatch(/^[\da-f]{64}$/);
    await writeFile(record, JSON.stringify(older));
    await again(promptSet('dog', 49));
  });
});
