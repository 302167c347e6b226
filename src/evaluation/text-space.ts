/** Table 1's text-space analysis: is the context still itself, and apart from the concept? */
import { cosine, unit } from './metrics.ts';
import type { Probe, ReadPrompt } from './probe.ts';

export interface TextSimilarity {
  prompt: string;
  /** cos(c_i*, c_b): concept and context tokens of one prompt, mean over pairs. */
  sim1: number;
  /** cos(c_b, ĉ_b): context tokens with and without the concept in the prompt. */
  sim2: number;
}

/** A token's state of [T, D], at length 1. */
export const tokenState = (states: Float32Array, at: number, width: number, of: string): Float32Array =>
  unit(states.subarray(at * width, (at + 1) * width), of, 'the text encoder');

/** Similarities of each prompt that was read. */
export async function textSimilarities(probe: Probe, read: readonly ReadPrompt[]): Promise<TextSimilarity[]> {
  const { width } = probe;
  const own = await probe.states(read.map(({ ids }) => ids.with));
  const plain = await probe.states(read.map(({ ids }) => ids.without));
  return read.map(({ prompt, concept, context }, i) => {
    let [one, two, layers] = [0, 0, 0];
    for (const [layer, states] of own[i]!.entries()) {
      const concepts = concept.map((at) => tokenState(states, at, width, `"${prompt}"`));
      const pairs = context.with.map((at, k) => ({
        own: tokenState(states, at, width, `"${prompt}"`),
        plain: tokenState(plain[i]![layer]!, context.without[k]!, width, `"${prompt}"`),
      }));
      one +=
        pairs.reduce((sum, pair) => sum + concepts.reduce((total, c) => total + cosine(c, pair.own), 0) / concepts.length, 0) /
        pairs.length;
      two += pairs.reduce((sum, pair) => sum + cosine(pair.own, pair.plain), 0) / pairs.length;
      layers++;
    }
    return { prompt, sim1: one / layers, sim2: two / layers };
  });
}
