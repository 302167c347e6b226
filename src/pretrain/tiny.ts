/** How `assets/` was made: every stage, in order, from seeds alone. */
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import type { Engine } from '../graph/engine.ts';
import { ClipTokenizer, trainBpe } from '../text/tokenizer.ts';
import { allWords } from '../world/captions.ts';
import { judgeVision, trainClip, tinyText, tinyVision, tokensOf } from './clip.ts';
import { captionsOf, renderAll, scenesOf } from './data.ts';
import { trainDenoiser } from './denoiser.ts';
import type { Weights } from './fit.ts';
import { encodeScenes, standardDeviation } from './latents.ts';
import { tinyVae, trainDecoder, trainVae } from './vae.ts';
import { trainContextualizer } from './contextualizer.ts';
import { trainIdentity, trainSegmenter } from './judges.ts';
import type { DiffusionModel } from '../models/load.ts';
import type { StageEvent } from './workshop.ts';
import { readWeights, Workshop } from './workshop.ts';
import type { Scene } from '../world/scene.ts';
import { writeSafetensors } from '../files/safetensors.ts';

export const captionVariants = 4;

/** The embedded model's tokenizer: merges of the world's own words. */
export function tinyTokenizer(): ClipTokenizer {
  const { vocab, merges } = trainBpe(allWords());
  return new ClipTokenizer(vocab, merges);
}

/** Weights under a prefix, with the prefix taken off or put on. */
export const without = (prefix: string, weights: Weights): Weights =>
  Object.fromEntries(
    Object.entries(weights).flatMap(([name, value]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), value]] : [])),
  );
export const under = (prefix: string, weights: Weights): Weights =>
  Object.fromEntries(Object.entries(weights).map(([name, value]) => [prefix + name, value]));

/** Makes what is not in `folder` yet. */
export async function* pretrainTiny(
  engine: Engine,
  folder: string,
  steps: Partial<Record<string, number>> = {},
): AsyncGenerator<StageEvent, void> {
  const workshop = new Workshop(folder);
  const tokenizer = tinyTokenizer();
  const text = tinyText(tokenizer);
  const vae = yield* workshop.stage('vae', steps.vae ?? 2400, async function* (options) {
    const pictures = await renderAll(scenesOf(11, 16_000));
    return yield* trainVae(engine, pictures, { ...options, batchSize: 8, learningRate: 2e-3, seed: 1 });
  });
  const pair = yield* workshop.stage('clip', steps.clip ?? 500, async function* (options) {
    const scenes = scenesOf(12, 20_000);
    const pictures = await renderAll(scenes);
    const tokens = Array.from({ length: captionVariants }, (_, v) => tokensOf(tokenizer, captionsOf(scenes, 12, v)));
    return yield* trainClip(engine, { pictures, tokens }, text, tinyVision(3), { ...options, batchSize: 48, learningRate: 1e-3, seed: 2 });
  });
  yield* workshop.stage('denoiser', steps.denoiser ?? 4000, async function* (options) {
    const scenes = scenesOf(13, 40_000);
    const latents = await latentsOf(engine, workshop.path('latents.safetensors'), scenes, vae);
    const scale = 1 / standardDeviation(latents);
    await writeFile(workshop.path('scale.json'), JSON.stringify(scale));
    const tokens = Array.from({ length: captionVariants }, (_, v) => tokensOf(tokenizer, captionsOf(scenes, 13, v)));
    const start = under('text_encoder.', Object.fromEntries(Object.entries(pair).filter(([name]) => name.startsWith('text_model.'))));
    const data = { latents: latents.map((x) => x * scale), tokens, empty: tokensOf(tokenizer, ['']) };
    return yield* trainDenoiser(engine, data, text, { ...options, start, batchSize: 32, learningRate: 1e-3, seed: 3 });
  });
}

/** Trains the VAE's decoder on: the latents, and so the denoiser, stay as they are. */
export async function* pretrainDecoder(engine: Engine, folder: string): AsyncGenerator<StageEvent, void> {
  const workshop = new Workshop(folder);
  const vae = await readWeights(workshop.path('vae.safetensors'));
  yield* workshop.stage('vae-decoder', 2200, async function* (options) {
    const scenes = scenesOf(15, 16_000);
    const latents = await encodeScenes(engine, scenes, tinyVae, vae);
    const data = { pictures: await renderAll(scenes), latents };
    return yield* trainDecoder(engine, data, vae, { ...options, batchSize: 8, learningRate: 1.5e-3, seed: 15 });
  });
}

const latentsOf = async (engine: Engine, cache: string, scenes: readonly Scene[], vae: Weights): Promise<Float32Array> => {
  if (existsSync(cache)) return (await readWeights(cache)).latents!.data;
  const latents = await encodeScenes(engine, scenes, tinyVae, vae);
  await writeSafetensors(cache, { latents: { data: latents, shape: [scenes.length, 4, 16, 16] } });
  return latents;
};

/** Second round: encoder and decoder together for sharpness, then the denoiser on the latents that come of it. */
export async function* pretrainSharper(engine: Engine, folder: string): AsyncGenerator<StageEvent, void> {
  const workshop = new Workshop(folder);
  const tokenizer = tinyTokenizer();
  const [first, decoder, denoiser] = await Promise.all(
    ['vae', 'vae-decoder', 'denoiser'].map((name) => readWeights(workshop.path(`${name}.safetensors`))),
  );
  const vae = yield* workshop.stage('vae-sharper', 4000, async function* (options) {
    const pictures = await renderAll(scenesOf(16, 24_000));
    const start = { ...first, ...decoder };
    return yield* trainVae(engine, pictures, { ...options, start, batchSize: 8, learningRate: 1.5e-3, seed: 16, objective: 'decibels' });
  });
  yield* workshop.stage('denoiser-sharper', 2600, async function* (options) {
    const scenes = scenesOf(17, 28_000);
    const latents = await latentsOf(engine, workshop.path('latents-sharper.safetensors'), scenes, vae);
    const scale = 1 / standardDeviation(latents);
    await writeFile(workshop.path('scale.json'), JSON.stringify(scale));
    const tokens = Array.from({ length: captionVariants }, (_, v) => tokensOf(tokenizer, captionsOf(scenes, 17, v)));
    const data = { latents: latents.map((x) => x * scale), tokens, empty: tokensOf(tokenizer, ['']) };
    return yield* trainDenoiser(engine, data, tinyText(tokenizer), {
      ...options,
      start: denoiser!,
      batchSize: 32,
      learningRate: 8e-4,
      seed: 17,
    });
  });
}

/** Third round: sharper again, with latents that stay near those that the denoiser knows; then the U-Net alone, a little. */
export async function* pretrainFiner(engine: Engine, folder: string): AsyncGenerator<StageEvent, void> {
  const workshop = new Workshop(folder);
  const [sharper, denoiser] = await Promise.all(
    ['vae-sharper', 'denoiser-sharper'].map((name) => readWeights(workshop.path(`${name}.safetensors`))),
  );
  const vae = yield* workshop.stage('vae-finer', 7000, async function* (options) {
    const pictures = await renderAll(scenesOf(18, 28_000));
    const [start, near] = [sharper!, sharper!];
    return yield* trainVae(engine, pictures, {
      ...options,
      start,
      near,
      batchSize: 8,
      learningRate: 1e-3,
      seed: 18,
      objective: 'decibels',
    });
  });
  yield* workshop.stage('denoiser-finer', 600, async function* (options) {
    const tokenizer = tinyTokenizer();
    const scenes = scenesOf(19, 12_000);
    const latents = await latentsOf(engine, workshop.path('latents-finer.safetensors'), scenes, vae);
    const scale = JSON.parse(await readFile(workshop.path('scale.json'), 'utf8')) as number;
    const tokens = Array.from({ length: captionVariants }, (_, v) => tokensOf(tokenizer, captionsOf(scenes, 19, v)));
    const data = { latents: latents.map((x) => x * scale), tokens, empty: tokensOf(tokenizer, ['']) };
    const textEncoder = without('text_encoder.', denoiser!);
    const unet = yield* trainDenoiser(engine, data, tinyText(tokenizer), {
      ...options,
      start: denoiser!,
      textEncoder,
      batchSize: 32,
      learningRate: 4e-4,
      seed: 19,
    });
    return { ...under('text_encoder.', textEncoder), ...unet };
  });
}

/** Makes what is missing of the judges: CLIP, DINO and the segmenter. */
export async function* pretrainJudges(engine: Engine, folder: string): AsyncGenerator<StageEvent, void> {
  const workshop = new Workshop(folder);
  const tokenizer = tinyTokenizer();
  yield* workshop.stage('judge-clip', 1000, async function* (options) {
    const scenes = scenesOf(101, 16_000);
    const pictures = await renderAll(scenes);
    const tokens = Array.from({ length: captionVariants }, (_, v) => tokensOf(tokenizer, captionsOf(scenes, 101, v)));
    return yield* trainClip(engine, { pictures, tokens }, tinyText(tokenizer), judgeVision, {
      ...options,
      batchSize: 48,
      learningRate: 1e-3,
      seed: 102,
    });
  });
  yield* workshop.stage('judge-segmenter', 900, (options) => trainSegmenter(engine, 104, options));
  yield* workshop.stage('judge-dino', 500, (options) => trainIdentity(engine, 103, options));
}

/** The contextualizer of what the denoiser's stage has made of the text encoder. */
export async function* pretrainContextualizer(engine: Engine, model: DiffusionModel, folder: string): AsyncGenerator<StageEvent, void> {
  const scenes = scenesOf(14, 30_000);
  const corpus = captionsOf(scenes, 14);
  const source = { textEncoder: model.textEncoder.parameters, text: model.textEncoder.config, tokenizer: model.tokenizer };
  yield* new Workshop(folder).stage('contextualizer', 2000, (options) =>
    trainContextualizer(engine, source, corpus, { ...options, batchSize: 48, learningRate: 1e-3, maskRate: 0.15, seed: 4 }),
  );
}
