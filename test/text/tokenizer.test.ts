import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readTokenizer } from '../../src/text/tokenizer.ts';

const folder = '../shared/clip-bpe';
test.skipIf(!existsSync(folder))(`CLIP's own vocabulary (skipped where ${folder} is missing)`, async () => {
  const tokenizer = await readTokenizer(folder);
  expect(tokenizer.encode('a photo of a dog')).toEqual([320, 1125, 539, 320, 1929]);
  expect([...tokenizer.pad('a dog', 6)]).toEqual([49406, 320, 1929, 49407, 49407, 49407]);
});
