import { afterAll, expect, test } from 'vitest';
import { Engine, evaluate } from '../../src/graph/engine.ts';
import { cast, input } from '../../src/graph/ops.ts';
import { argmaxMatches } from '../../src/nn/losses.ts';

const engine = new Engine({ threads: 1 });
afterAll(() => engine.close());

test.each([-40, 1, 31, 33, 40, 1e4])('a largest logit of %d is found, tied ones too', async (top) => {
  const below = top - 2 ** -10 * Math.abs(top);
  const rows = [
    { logits: [below, top, below], id: 1, right: 1 },
    { logits: [below, top, below], id: 2, right: 0 },
    { logits: [top, below, top], id: 0, right: 1 },
    { logits: [top, below, top], id: 2, right: 1 },
  ];
  const matches = cast(argmaxMatches(input('logits', [4, 3]), input('ids', [4], 'int32')), 'float32');
  const feeds = {
    logits: Float32Array.from(rows.flatMap(({ logits }) => logits)),
    ids: Int32Array.from(rows, ({ id }) => id),
  };
  const got = await evaluate(engine, { matches }, feeds);
  expect([...got.matches!]).toEqual(rows.map(({ right }) => right));
});
