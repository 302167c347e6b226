/** Sums of rows at sizes that the runtime shares among threads. */
import { afterAll, expect, test } from 'vitest';
import { Engine } from '../../src/graph/engine.ts';
import { input, scatterAdd } from '../../src/graph/ops.ts';

const engine = new Engine({ threads: 2 });
afterAll(() => engine.close());

test.each([
  [1, 308, 768],
  [4, 1232, 768],
  [16, 1232, 768],
  [600, 1232, 768],
])('%i rows that %i others of %i numbers are added to lose none of them', async (rows, count, width) => {
  const [values, ids] = [input('values', [count, width]), input('ids', [count], 'int32')];
  const program = await engine.compile({ outputs: { sums: scatterAdd(values, ids, rows) } });
  const feeds = { values: new Float32Array(count * width).fill(1), ids: Int32Array.from({ length: count }, (_, i) => i % rows) };
  const wanted = Float32Array.from({ length: rows * width }, (_, i) => Math.ceil((count - Math.floor(i / width)) / rows));
  for (let run = 0; run < 60; run++)
    expect(Buffer.compare(Buffer.from((await program.run(feeds)).sums!.buffer), Buffer.from(wanted.buffer))).toBe(0);
  await program.release();
});
