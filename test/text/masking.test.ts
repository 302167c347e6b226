import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Random } from '../../src/graph/random.ts';
import { drawMask } from '../../src/text/masking.ts';
import { ClipTokenizer, trainBpe } from '../../src/text/tokenizer.ts';

const { vocab, merges } = trainBpe(['a photo of a dog in the snow']);
const tokenizer = new ClipTokenizer(vocab, merges).withPlaceholder('<v>', 2);

test('words of the corpus are one token, a placeholder is its vectors', () => {
  expect(tokenizer.encode('a photo of a dog')).toHaveLength(5);
  expect(tokenizer.encode('A  <v> dog')).toEqual([
    vocab['a</w>'],
    tokenizer.vocabularySize,
    tokenizer.vocabularySize + 1,
    vocab['dog</w>'],
  ]);
});

test('special tokens, padding and the concept are never masked; something always is', () => {
  const ids = tokenizer.pad('a photo of a <v> dog in the snow', 16);
  const forbidden = [...ids.keys()].filter((i) => tokenizer.isSpecial(ids[i]!) || ids[i]! >= tokenizer.vocabularySize);
  fc.assert(
    fc.property(fc.nat(), fc.double({ min: 0.001, max: 0.999, noNaN: true }), (seed, rate) => {
      const mask = drawMask(ids, tokenizer, rate, new Random(seed));
      expect(forbidden.every((i) => mask[i] === 0)).toBe(true);
      expect(mask.reduce((a, b) => a + b, 0)).toBeGreaterThanOrEqual(1);
    }),
  );
});

test('the share of masked tokens is ρ', () => {
  const ids = tokenizer.pad('a photo of a dog in the snow', 16);
  const random = new Random(3);
  let total = 0;
  for (let i = 0; i < 4000; i++) total += drawMask(ids, tokenizer, 0.5, random).reduce((a, b) => a + b, 0);
  expect(total / 4000 / 8).toBeCloseTo(0.5, 1);
});
