/** Stages: the judges of this world, from other seeds and other scenes than the model that they judge. */
import type { Engine } from '../graph/engine.ts';
import {
  add,
  constant,
  divide,
  input,
  log,
  exp,
  mean,
  multiply,
  negate,
  sigmoid,
  subtract,
  sum,
  swapLast,
  matmul,
  abs,
  maximum,
} from '../graph/ops.ts';
import { Random } from '../graph/random.ts';
import { segmenter } from '../models/segmenter.ts';
import { vit, vitConfig } from '../models/vit.ts';
import type { VitConfig } from '../models/vit.ts';
import { crossEntropy, normalized } from '../nn/losses.ts';
import { Parameters, stateSource } from '../nn/parameters.ts';
import { contextsFor } from '../world/contexts.ts';
import { classes, classNames, drawIdentity } from '../world/identity.ts';
import { renderMask } from '../world/scene.ts';
import type { Scene } from '../world/scene.ts';
import { pictureSize, renderAll, scenesOf, toPlanes } from './data.ts';
import { fit } from './fit.ts';
import type { FitEvent, FitOptions, Weights } from './fit.ts';

type StageOptions = Pick<FitOptions, 'steps' | 'checkpoint'>;

export const judgeVit: VitConfig = vitConfig.parse({
  hidden_size: 96,
  intermediate_size: 384,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  image_size: pictureSize,
  patch_size: 8,
});

/** Two scenes each of `count` identities: 2i and 2i + 1 show the same subject in contexts drawn apart. */
export function pairedScenes(seed: number, count: number, first: number): Scene[] {
  const random = new Random(seed).fork('pairs');
  return Array.from({ length: count }, (_, i) => {
    const own = random.fork(i);
    const className = classNames[own.integer(classNames.length)]!;
    const identity = drawIdentity(className, first + i);
    const scenes = contextsFor(classes[className]).filter((context) => context.tint === undefined);
    return [0, 1].map(() => ({ identity, contextId: own.pick(scenes).id, seed: own.integer(2 ** 31) }));
  }).flat();
}

/** Judge DINO: a ViT whose class token tells identities apart (InfoNCE over pairs of pictures; a batch holds few classes, so others of the same class are among the negatives). */
export async function* trainIdentity(engine: Engine, seed: number, options: StageOptions): AsyncGenerator<FitEvent, Weights> {
  const pairs = 32;
  const count = 12_000;
  const scenes = pairedScenes(seed, count, 400_000_000);
  const pictures = await renderAll(scenes);
  const byClass = classNames.map((name) => [...Array(count).keys()].filter((i) => scenes[2 * i]!.identity.className === name));
  const { source, tensors } = stateSource();
  const p = new Parameters(source);
  const embed = (name: string): ReturnType<typeof normalized> =>
    normalized(vit(p, judgeVit, input(name, [pairs, 3, pictureSize, pictureSize])));
  const logits = multiply(matmul(embed('left'), swapLast(embed('right'))), 12);
  const own = constant(
    Int32Array.from({ length: pairs }, (_, i) => i),
    [pairs],
  );
  const loss = multiply(add(mean(crossEntropy(logits, own)), mean(crossEntropy(swapLast(logits), own))), 0.5);
  return yield* fit(
    engine,
    { loss, parameters: tensors },
    {
      ...options,
      seed,
      learningRate: 1e-3,
      weightDecay: 0.05,
      ema: 0.99,
      batch: (step) => {
        const random = new Random(seed).fork('identity', step);
        const kinds = [0, 1, 2, 3].map(() => random.pick(byClass));
        const chosen = Array.from({ length: pairs }, (_, i) => random.pick(kinds[i % 4]!));
        return {
          left: toPlanes(
            pictures,
            chosen.map((i) => 2 * i),
          ),
          right: toPlanes(
            pictures,
            chosen.map((i) => 2 * i + 1),
          ),
        };
      },
    },
  );
}

/** Judge segmenter: binary cross-entropy and soft Dice against true masks. */
export async function* trainSegmenter(engine: Engine, seed: number, options: StageOptions): AsyncGenerator<FitEvent, Weights> {
  const batchSize = 16;
  const scenes = scenesOf(seed, 8000);
  const pictures = await renderAll(scenes);
  const area = pictureSize ** 2;
  const masks = new Uint8Array(scenes.length * area);
  for (const [i, scene] of scenes.entries()) masks.set(await renderMask(scene, pictureSize), i * area);
  const { source, tensors } = stateSource();
  const logits = segmenter(new Parameters(source), input('pixels', [batchSize, 3, pictureSize, pictureSize]));
  const truth = input('masks', logits.shape);
  const entropy = mean(add(subtract(maximum(logits, 0), multiply(logits, truth)), log(add(exp(negate(abs(logits))), 1))));
  const share = sigmoid(logits);
  const overlap = divide(multiply(sum(multiply(share, truth)), 2), add(add(sum(share), sum(truth)), 1));
  return yield* fit(
    engine,
    { loss: add(entropy, subtract(1, overlap)), parameters: tensors, metrics: { overlap } },
    {
      ...options,
      seed,
      learningRate: 3e-3,
      ema: 0.99,
      batch: (step) => {
        const random = new Random(seed).fork('segmenter', step);
        const rows = Array.from({ length: batchSize }, () => random.integer(scenes.length));
        const truths = new Float32Array(batchSize * area);
        rows.forEach((row, i) => {
          for (let j = 0; j < area; j++) truths[i * area + j] = masks[row * area + j]! / 255;
        });
        return { pixels: toPlanes(pictures, rows), masks: truths };
      },
    },
  );
}
