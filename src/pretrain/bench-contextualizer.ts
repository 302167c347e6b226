/** Speed of a contextualizer's training step on a text encoder of CLIP ViT-L/14's shape. */
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Engine } from '../graph/engine.ts';
import { gradients } from '../graph/gradient.ts';
import { fileConstant } from '../graph/ops.ts';
import { Random } from '../graph/random.ts';
import { clipTextConfig } from '../models/clip-text.ts';
import { initialValues } from '../nn/initialize.ts';
import { Parameters, stateSource } from '../nn/parameters.ts';
import { adamw, adamwFeeds } from '../optim/adamw.ts';
import { contextualizerFor, MaskedCaptions } from './contextualizer.ts';

/** openai/clip-vit-large-patch14's text encoder, Stable Diffusion 1's. */
const clipLarge = clipTextConfig.parse({
  vocab_size: 49408,
  hidden_size: 768,
  intermediate_size: 3072,
  num_hidden_layers: 12,
  num_attention_heads: 12,
});

/** A file of noise that every frozen weight points into: the step's speed asks for shapes, not for sense. */
async function noiseFile(path: string, floats: number): Promise<void> {
  const tile = Float32Array.from(new Random(1).normals(1 << 18), (x) => 0.02 * x);
  const file = await open(path, 'w');
  try {
    for (let done = 0; done < floats; done += tile.length)
      await file.write(new Uint8Array(tile.buffer, 0, 4 * Math.min(tile.length, floats - done)));
  } finally {
    await file.close();
  }
}

/**
 * Prompts per second of a training step of ψ (two layers, a tied head) on random weights, `batchSize`
 * captions of `length` tokens, 15 % of them masked.
 */
export async function measureContextualizer(
  engine: Engine,
  options: { batchSize?: number; length?: number; milliseconds?: number } = {},
): Promise<{ name: string; perSecond: number; gflops: number }> {
  const { batchSize = 16, length = 24, milliseconds = 5000 } = options;
  const config = contextualizerFor(clipLarge, { head: 'tied' });
  const folder = await mkdtemp(join(tmpdir(), 'contextura-bench-'));
  try {
    const path = join(folder, 'noise');
    await noiseFile(path, clipLarge.vocab_size * clipLarge.hidden_size);
    const frozen = new Map<string, ReturnType<typeof fileConstant>>();
    const textEncoder = new Parameters((name, shape) => {
      const known = frozen.get(name) ?? fileConstant(path, 0, shape);
      frozen.set(name, known);
      return known;
    });
    const captions = new MaskedCaptions(undefined, { batchSize, length, maskRate: 0.15 });
    const { source, tensors } = stateSource();
    const { loss } = captions.losses({ textEncoder, text: clipLarge }, new Parameters(source), config);
    const optimizer = adamw(tensors, gradients(loss, [...tensors.values()]), { weightDecay: 0.01 });
    const program = await engine.compile({ outputs: { loss }, updates: optimizer.updates });
    const states = { ...initialValues(tensors, new Random(2)), ...optimizer.initial() };
    await engine.setState(states);
    const random = new Random(3);
    const places = batchSize * length;
    const positions = Int32Array.from({ length: captions.room }, () => random.integer(places));
    const mask = new Float32Array(places);
    for (const place of positions) mask[place] = 1;
    const feeds = {
      ids: Int32Array.from({ length: places }, () => random.integer(clipLarge.vocab_size)),
      mask,
      positions,
      targets: positions.map(() => random.integer(clipLarge.vocab_size)),
      weights: new Float32Array(captions.room).fill(1),
      ...adamwFeeds(1e-4, 1),
    };
    await program.run(feeds);
    const start = performance.now();
    let steps = 0;
    do {
      await program.run(feeds);
      steps++;
    } while (performance.now() - start < milliseconds);
    const stepsPerSecond = (1000 * steps) / (performance.now() - start);
    await program.release();
    await engine.dropState(Object.keys(states));
    return {
      name: `ψ on CLIP ViT-L/14's shape, prompts`,
      perSecond: batchSize * stepsPerSecond,
      gflops: (program.flops * stepsPerSecond) / 1e9,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
