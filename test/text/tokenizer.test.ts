import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { readTokenizer } from '../../src/text/tokenizer.ts';

const folder = '../shared/clip-bpe';
test.skipIf(!existsSync(folder))(`CLIP's own vocabulary (skipped where ${folder} is missing)`, async () => {
  const tokenizer = await readTokenizer(folder);
  expect(tokenizer.encode('a photo of a dog')).toEqual([320, 1125, 539, 320, 1929]);
  // Custom Diffusion's code starts its words from these; the first is no word of its own.
  expect(['ktn', 'pll', 'ucd'].map((word) => tokenizer.idsOf(word))).toEqual([[42170], [25266], [43514]]);
  expect([...tokenizer.pad('a dog', 6)]).toEqual([49406, 320, 1929, 49407, 49407, 49407]);
});

test.skipIf(!existsSync(folder))(`1,000 strings, as transformers cuts them (skipped where ${folder} is missing)`, async () => {
  const tokenizer = await readTokenizer(folder);
  const rows = JSON.parse(await readFile('test/golden/tokenizer.json', 'utf8')) as [string, number[]][];
  expect(rows).toHaveLength(1000);
  for (const [text, ids] of rows) expect([text, ...tokenizer.pad(text, 77).subarray(0, ids.length)]).toEqual([text, ...ids]);
});

test('of placeholders that begin alike the longer one is read, whichever came first', async () => {
  const tokenizer = await readTokenizer('assets/tiny/tokenizer');
  for (const names of [
    ['zork', 'zork2'],
    ['zork2', 'zork'],
  ]) {
    const both = names.reduce((all, name) => all.withPlaceholder(name, 2), tokenizer);
    const idsOf = (name: string): readonly number[] => both.placeholders.find(({ token }) => token === name)!.ids;
    expect(both.encode('zork2 zork')).toEqual([...idsOf('zork2'), ...idsOf('zork')]);
  }
});
