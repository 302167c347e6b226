/** Stage: ψ and p_mask on captions, the text encoder frozen (paper, Algorithm 1). */
import type { Engine } from '../graph/engine.ts';
import { input } from '../graph/ops.ts';
import { Random } from '../graph/random.ts';
import { clipTokenEmbedding } from '../models/clip-text.ts';
import type { ClipTextConfig } from '../models/clip-text.ts';
import { contextualizerConfig } from '../models/contextualizer.ts';
import type { ContextualizerConfig } from '../models/contextualizer.ts';
import { Parameters, stateSource } from '../nn/parameters.ts';
import { mlmLoss } from '../objectives/mlm.ts';
import { drawMask } from '../text/masking.ts';
import type { ClipTokenizer } from '../text/tokenizer.ts';
import { fit } from './fit.ts';
import type { FitEvent, FitOptions, Weights } from './fit.ts';

/** ψ's configuration for a text encoder. */
export const contextualizerFor = (text: ClipTextConfig): ContextualizerConfig =>
  contextualizerConfig.parse({
    vocab_size: text.vocab_size,
    hidden_size: text.hidden_size,
    intermediate_size: 4 * text.hidden_size,
    num_attention_heads: text.num_attention_heads,
  });

export function trainContextualizer(
  engine: Engine,
  model: { textEncoder: Parameters; text: ClipTextConfig; tokenizer: ClipTokenizer },
  corpus: readonly string[],
  options: Pick<FitOptions, 'steps' | 'seed' | 'learningRate' | 'checkpoint'> & {
    batchSize: number;
    maskRate: number;
    config?: ContextualizerConfig;
  },
): AsyncGenerator<FitEvent, Weights> {
  const { batchSize, maskRate, config = contextualizerFor(model.text) } = options;
  const { text, textEncoder, tokenizer } = model;
  const length = Math.min(text.max_position_embeddings, Math.max(...corpus.map((caption) => tokenizer.encode(caption).length)) + 2);
  const { source, tensors } = stateSource();
  const ids = input('ids', [batchSize, length], 'int32');
  const mask = input('mask', [batchSize, length]);
  const tokens = clipTokenEmbedding(textEncoder, text, ids);
  const { loss, accuracy } = mlmLoss({ textEncoder, text, contextualizer: new Parameters(source), config }, tokens, ids, mask);
  return fit(
    engine,
    { loss, parameters: tensors, metrics: { accuracy } },
    {
      ...options,
      ema: 0.99,
      batch: (step) => {
        const random = new Random(options.seed).fork('contextualizer', step);
        const rows = Array.from({ length: batchSize }, () => tokenizer.pad(random.pick(corpus), length));
        return {
          ids: Int32Array.from(rows.flatMap((row) => [...row])),
          mask: Float32Array.from(rows.flatMap((row) => [...drawMask(row, tokenizer, maskRate, random)])),
        };
      },
    },
  );
}
