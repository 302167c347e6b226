/** Stage: ψ and p_mask on captions, the text encoder frozen (paper, Algorithm 1). */
import { internal } from '../errors.ts';
import type { Engine } from '../graph/engine.ts';
import { input } from '../graph/ops.ts';
import type { TypedArray } from '../graph/values.ts';
import { Random } from '../graph/random.ts';
import type { Tensor } from '../graph/tensor.ts';
import { clipTokenEmbedding } from '../models/clip-text.ts';
import type { ClipTextConfig } from '../models/clip-text.ts';
import { contextualizerConfig } from '../models/contextualizer.ts';
import type { ContextualizerConfig } from '../models/contextualizer.ts';
import { Parameters, stateSource } from '../nn/parameters.ts';
import { mlmLossAt } from '../objectives/mlm.ts';
import { drawMask } from '../text/masking.ts';
import type { ClipTokenizer } from '../text/tokenizer.ts';
import { fit } from './fit.ts';
import type { FitEvent, FitOptions, Weights } from './fit.ts';

/** What ψ is trained for: a frozen text encoder and its tokenizer. */
export interface TextModel {
  textEncoder: Parameters;
  text: ClipTextConfig;
  tokenizer: ClipTokenizer;
}

export interface ContextualizerShape {
  /** Self-attention layers. */
  depth?: number;
  heads?: number;
  width?: number;
  head?: 'free' | 'tied';
}

/** ψ's configuration for a text encoder; by default two layers of the encoder's own width. */
export function contextualizerFor(text: ClipTextConfig, shape: ContextualizerShape = {}): ContextualizerConfig {
  const width = shape.width ?? text.hidden_size;
  return contextualizerConfig.parse({
    vocab_size: text.vocab_size,
    hidden_size: width,
    ...(width !== text.hidden_size && { text_hidden_size: text.hidden_size }),
    intermediate_size: 4 * width,
    num_attention_heads: shape.heads ?? text.num_attention_heads,
    ...(shape.depth !== undefined && { num_hidden_layers: shape.depth }),
    ...(shape.head === 'tied' && { vocabulary_head: 'tied' }),
  });
}

/** Tokens that a batch of captions takes, start and end included; at most the encoder's positions. */
export const longestOf = (model: TextModel, corpus: readonly string[]): number =>
  Math.min(
    model.text.max_position_embeddings,
    corpus.reduce((most, caption) => Math.max(most, model.tokenizer.encode(caption).length), 0) + 2,
  );

/** Loss and accuracy over batches of masked captions, and how to make such a batch. */
export class MaskedCaptions {
  readonly batchSize: number;
  readonly length: number;
  private readonly tokenizer: ClipTokenizer | undefined;
  private readonly maskRate: number;
  /** Positions that a batch has room to name. */
  readonly room: number;

  /** Without a tokenizer it makes no batches. */
  constructor(tokenizer: ClipTokenizer | undefined, options: { batchSize: number; length: number; maskRate: number }) {
    this.tokenizer = tokenizer;
    this.batchSize = options.batchSize;
    this.length = options.length;
    this.maskRate = options.maskRate;
    const all = this.batchSize * (this.length - 2);
    // Four deviations above the mean: what is more, once in many thousands of batches, goes without a loss.
    const expected = all * this.maskRate;
    this.room = Math.min(all, Math.ceil(expected + 4 * Math.sqrt(expected) + this.batchSize / 2));
  }

  losses(
    model: Pick<TextModel, 'textEncoder' | 'text'>,
    psi: Parameters,
    config: ContextualizerConfig,
  ): { loss: Tensor; accuracy: Tensor } {
    const { textEncoder, text } = model;
    const ids = input('ids', [this.batchSize, this.length], 'int32');
    const mask = input('mask', [this.batchSize, this.length]);
    const at = {
      positions: input('positions', [this.room], 'int32'),
      targets: input('targets', [this.room], 'int32'),
      weights: input('weights', [this.room]),
    };
    return mlmLossAt(
      { textEncoder, text, contextualizer: psi, config, base: textEncoder },
      clipTokenEmbedding(textEncoder, text, ids),
      mask,
      at,
    );
  }

  /** Feeds of a batch, and how many positions it names. Fewer captions than the batch takes are padded by the first, unmasked. */
  batch(captions: readonly string[], random: Random): { feeds: Record<string, TypedArray>; named: number } {
    const { tokenizer } = this;
    if (tokenizer === undefined) throw internal('masked captions need a tokenizer');
    const ids = new Int32Array(this.batchSize * this.length);
    const mask = new Float32Array(ids.length);
    const [positions, targets, weights] = [new Int32Array(this.room), new Int32Array(this.room), new Float32Array(this.room)];
    let named = 0;
    for (let row = 0; row < this.batchSize; row++) {
      const tokens = tokenizer.pad(captions[row] ?? captions[0]!, this.length);
      ids.set(tokens, row * this.length);
      if (row >= captions.length) continue;
      const hidden = drawMask(tokens, tokenizer, this.maskRate, random);
      for (let i = 0; i < this.length && named < this.room; i++) {
        if (hidden[i] !== 1) continue;
        const place = row * this.length + i;
        mask[place] = 1;
        positions[named] = place;
        targets[named] = tokens[i]!;
        weights[named++] = 1;
      }
    }
    return { feeds: { ids, mask, positions, targets, weights }, named };
  }
}

export function trainContextualizer(
  engine: Engine,
  model: TextModel,
  corpus: readonly string[],
  options: Pick<FitOptions, 'steps' | 'seed' | 'learningRate' | 'warmup' | 'checkpoint' | 'stop'> & {
    batchSize: number;
    maskRate: number;
    config?: ContextualizerConfig;
    /** Tokens of a caption, start and end included; what is longer is cut. By default the longest of the corpus. */
    length?: number;
  },
): AsyncGenerator<FitEvent, Weights> {
  const { batchSize, maskRate, config = contextualizerFor(model.text), length = longestOf(model, corpus) } = options;
  const captions = new MaskedCaptions(model.tokenizer, { batchSize, length, maskRate });
  const { source, tensors } = stateSource();
  const { loss, accuracy } = captions.losses(model, new Parameters(source), config);
  return fit(
    engine,
    { loss, parameters: tensors, metrics: { accuracy } },
    {
      ...options,
      ema: 0.99,
      batch: (step) => {
        const random = new Random(options.seed).fork('contextualizer', step);
        return captions.batch(
          Array.from({ length: batchSize }, () => random.pick(corpus)),
          random,
        ).feeds;
      },
    },
  );
}
