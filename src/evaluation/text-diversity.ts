/** How far apart a text encoder finds the prompts of a set. */
import type { Engine } from '../graph/engine.ts';
import { input } from '../graph/ops.ts';
import { clipText, clipTokenEmbedding } from '../models/clip-text.ts';
import type { ClipTextConfig } from '../models/clip-text.ts';
import type { Parameters } from '../nn/parameters.ts';
import type { ClipTokenizer } from '../text/tokenizer.ts';

const batch = 32;

/**
 * Mean pairwise cosine distance of texts: 0 where all are the same to the encoder. A text's vector
 * is the encoder's last state at its end token, scaled to length 1.
 */
export async function meanPairwiseDistance(
  engine: Engine,
  model: { textEncoder: Parameters; text: ClipTextConfig; tokenizer: ClipTokenizer },
  texts: readonly string[],
): Promise<number> {
  const { textEncoder, text, tokenizer } = model;
  const { hidden_size: width, max_position_embeddings: positions } = text;
  const rows = texts.map((words) => tokenizer.encode(words).slice(0, positions - 2));
  const length = Math.max(...rows.map((row) => row.length)) + 2;
  const ids = input('ids', [batch, length], 'int32');
  const program = await engine.compile({ outputs: { states: clipText(textEncoder, text, clipTokenEmbedding(textEncoder, text, ids)) } });
  const total = new Float64Array(width);
  for (let start = 0; start < rows.length; start += batch) {
    const part = rows.slice(start, start + batch);
    const table = new Int32Array(batch * length).fill(tokenizer.end);
    part.forEach((row, i) => table.set([tokenizer.start, ...row], i * length));
    const states = (await program.run({ ids: table })).states as Float32Array;
    part.forEach((row, i) => {
      const offset = (i * length + row.length + 1) * width;
      const vector = states.subarray(offset, offset + width);
      const norm = Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));
      for (let d = 0; d < width; d++) total[d]! += vector[d]! / norm;
    });
  }
  await program.release();
  const n = texts.length;
  return n < 2 ? 0 : 1 - (total.reduce((sum, x) => sum + x * x, 0) - n) / (n * (n - 1));
}
