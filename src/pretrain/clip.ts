/** Stage: a CLIP pair, contrastively, on renders and captions. */
import type { Engine } from '../graph/engine.ts';
import { add, constant, exp, input, matmul, mean, multiply, negate, maximum, swapLast } from '../graph/ops.ts';
import { Random } from '../graph/random.ts';
import { clipText, clipTextConfig, clipTextProjection, clipTokenEmbedding } from '../models/clip-text.ts';
import type { ClipTextConfig } from '../models/clip-text.ts';
import { clipImage, vitConfig } from '../models/vit.ts';
import type { VitConfig } from '../models/vit.ts';
import { crossEntropy, normalized } from '../nn/losses.ts';
import { Parameters, stateSource } from '../nn/parameters.ts';
import type { ClipTokenizer } from '../text/tokenizer.ts';
import { pictureSize, toPlanes } from './data.ts';
import { fit } from './fit.ts';
import type { FitEvent, FitOptions, Weights } from './fit.ts';

export const captionLength = 32;

export const tinyText = (tokenizer: ClipTokenizer): ClipTextConfig =>
  clipTextConfig.parse({
    vocab_size: tokenizer.vocabularySize,
    hidden_size: 128,
    intermediate_size: 512,
    num_hidden_layers: 4,
    num_attention_heads: 4,
    max_position_embeddings: captionLength,
    projection_dim: 128,
    eos_token_id: tokenizer.end,
  });

export const tinyVision = (layers: number): VitConfig =>
  vitConfig.parse({
    hidden_size: 128,
    intermediate_size: 512,
    num_hidden_layers: layers,
    num_attention_heads: 4,
    image_size: pictureSize,
    patch_size: 8,
    hidden_act: 'quick_gelu',
    layer_norm_eps: 1e-5,
    projection_dim: 128,
  });

/** Ids of captions, one row each: [N · captionLength]. */
export function tokensOf(tokenizer: ClipTokenizer, captions: readonly string[]): Int32Array {
  const out = new Int32Array(captions.length * captionLength);
  captions.forEach((caption, i) => out.set(tokenizer.pad(caption, captionLength), i * captionLength));
  return out;
}

/** Rows of such a table. */
export function rowsOf(tokens: Int32Array, rows: readonly number[]): Int32Array {
  const out = new Int32Array(rows.length * captionLength);
  rows.forEach((row, i) => out.set(tokens.subarray(row * captionLength, (row + 1) * captionLength), i * captionLength));
  return out;
}

export interface CaptionedPictures {
  /** [N, 64, 64, 3] bytes */
  pictures: Uint8Array;
  /** Token tables of the same pictures in other words. */
  tokens: readonly Int32Array[];
}

/** Symmetric InfoNCE of a batch (Radford et al., 2021). */
export function trainClip(
  engine: Engine,
  data: CaptionedPictures,
  text: ClipTextConfig,
  vision: VitConfig,
  options: Pick<FitOptions, 'steps' | 'seed' | 'learningRate' | 'checkpoint'> & { batchSize: number },
): AsyncGenerator<FitEvent, Weights> {
  const { batchSize } = options;
  const { source, tensors } = stateSource();
  const p = new Parameters(source);
  const pixels = input('pixels', [batchSize, 3, pictureSize, pictureSize]);
  const ids = input('ids', [batchSize, captionLength], 'int32');
  const images = normalized(clipImage(p, vision, pixels));
  const hidden = clipText(p, text, clipTokenEmbedding(p, text, ids));
  const texts = normalized(clipTextProjection(p, text, hidden, ids));
  const scale = exp(negate(maximum(negate(p.get('logit_scale', [])), -Math.log(100))));
  const logits = multiply(matmul(images, swapLast(texts)), scale);
  const own = constant(
    Int32Array.from({ length: batchSize }, (_, i) => i),
    [batchSize],
  );
  const loss = multiply(add(mean(crossEntropy(logits, own)), mean(crossEntropy(swapLast(logits), own))), 0.5);
  const count = data.pictures.length / (3 * pictureSize ** 2);
  return fit(
    engine,
    { loss, parameters: tensors, metrics: { scale } },
    {
      ...options,
      ema: 0.99,
      weightDecay: 0.05,
      start: { logit_scale: { data: Float32Array.of(Math.log(1 / 0.07)), shape: [] } },
      batch: (step) => {
        const random = new Random(options.seed).fork('clip', step);
        const rows = Array.from({ length: batchSize }, () => random.integer(count));
        return { pixels: toPlanes(data.pictures, rows), ids: rowsOf(random.pick(data.tokens), rows) };
      },
    },
  );
}

/** The judge's image tower: one layer deeper than the embedded model's. */
export const judgeVision: VitConfig = tinyVision(4);
