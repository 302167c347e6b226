import { readdirSync } from 'node:fs';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { sharedPrompts, specificPrompts } from '../../src/world/captions.ts';
import { benchmarkPairs, renderPair, renderPairMask } from '../../src/world/pairs.ts';

test.each(benchmarkPairs)('$name: what is bundled is what is drawn, and each has its mask', async (pair) => {
  const folder = `examples/pairs/${pair.name}`;
  const pictures = readdirSync(folder).filter((name) => name.endsWith('.png'));
  expect(pictures).toHaveLength(5);
  const bytes = await sharp(`${folder}/2.png`).raw().toBuffer();
  expect(Buffer.compare(bytes, Buffer.from(await renderPair(pair, 1, 256)))).toBe(0);
  const [first, second] = [await renderPairMask(pair, 1, 0), await renderPairMask(pair, 1, 1)];
  const share = (mask: Uint8Array): number => mask.reduce((a, b) => a + b, 0) / mask.length / 255;
  for (const mask of [first, second]) {
    expect(share(mask)).toBeGreaterThan(0.04);
    expect(share(mask)).toBeLessThan(0.3);
  }
  expect(first.filter((value, i) => value > 127 && second[i]! > 127)).toHaveLength(0);
  for (const { name } of pair.subjects) expect(readdirSync(`${folder}/masks/${name}`)).toEqual(pictures);
});

test('a specific prompt set holds what is said of one class and not of the other', () => {
  const [dog, teapot] = [specificPrompts('dog', 'teapot', 50), specificPrompts('teapot', 'dog', 50)];
  for (const prompts of [dog, teapot]) {
    expect(new Set(prompts).size).toBe(50);
    expect(prompts.every((prompt) => prompt.split('{subject}').length === 2)).toBe(true);
    expect(prompts.filter((prompt) => sharedPrompts.some((scene) => prompt.includes(scene)))).toEqual([]);
  }
  expect(dog.filter((prompt) => prompt.includes('wearing')).length).toBeGreaterThan(10);
  expect(teapot.filter((prompt) => prompt.includes('wearing'))).toEqual([]);
  expect(specificPrompts('dog', 'cat', 50)).toEqual([]);
});
