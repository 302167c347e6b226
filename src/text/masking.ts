/** Which tokens of a prompt are masked. */
import type { Random } from '../graph/random.ts';
import type { ClipTokenizer } from './tokenizer.ts';

/**
 * 1 where a token is masked: each ordinary token with probability `rate`, never a special token nor
 * a placeholder, nor one of the ids `kept`, and always at least one where there is one to mask (paper, Algorithm 2, line 9).
 */
export function drawMask(
  ids: Int32Array,
  tokenizer: ClipTokenizer,
  rate: number,
  random: Random,
  kept: ReadonlySet<number> = new Set(),
): Float32Array {
  // What follows the end only fills up: with an ordinary token in Stable Diffusion 2.
  const end = ids.includes(tokenizer.end) ? ids.indexOf(tokenizer.end) : ids.length;
  const ordinary = [...ids.keys()].filter(
    (i) => i < end && ids[i]! < tokenizer.vocabularySize && !tokenizer.isSpecial(ids[i]!) && !kept.has(ids[i]!),
  );
  const mask = new Float32Array(ids.length);
  let any = false;
  for (const i of ordinary) if (random.chance(rate)) any = Boolean((mask[i] = 1));
  if (!any && ordinary.length > 0) mask[random.pick(ordinary)] = 1;
  return mask;
}
