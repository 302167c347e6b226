import { afterAll, expect, test } from 'vitest';
import { Engine } from '../../src/graph/engine.ts';
import { lower } from '../../src/graph/lower.ts';
import { add, cast, gather, input, less, multiply, state, sum } from '../../src/graph/ops.ts';

const engine = new Engine({ threads: 1 });
afterAll(() => engine.close());

test('one value for two states, a state for another, a value that goes on, and outputs of every kind', async () => {
  const [a, d] = [state('a', [3]), state('d', [3])];
  const next = add(a, input('x', [3]));
  const outputs = { next, total: sum(next), small: less(next, 3), whole: cast(next, 'int32') };
  const program = await engine.compile({ outputs, updates: { a: next, b: next, c: d, e: multiply(next, 2) } });
  const zeros = { data: new Float32Array(3), shape: [3] };
  await engine.setState({ a: zeros, b: zeros, c: zeros, d: { data: Float32Array.of(7, 8, 9), shape: [3] }, e: zeros });
  for (const times of [1, 2]) {
    const out = await program.run({ x: Float32Array.of(1, 2, 3) });
    const expected = [times, 2 * times, 3 * times];
    expect([...out.next!]).toEqual(expected);
    expect([...out.total!]).toEqual([6 * times]);
    expect([...out.small!]).toEqual(expected.map((v) => Number(v < 3)));
    expect([...out.whole!]).toEqual(expected);
    const states = await engine.getState(['a', 'b', 'c', 'd', 'e']);
    expect(Object.values(states).map((values) => [...values])).toEqual([
      expected,
      expected,
      [7, 8, 9],
      [7, 8, 9],
      expected.map((v) => 2 * v),
    ]);
  }
  await program.release();
});

test('a run that fails before it is done says so', async () => {
  const rows = gather(state('table', [2, 2]), input('ids', [1], 'int32'));
  const program = await engine.compile({ outputs: { rows }, updates: { row: multiply(rows, 1) } });
  const zeros = (...shape: number[]) => ({ data: new Float32Array(2 * shape[0]!), shape });
  await engine.setState({ table: zeros(2, 2), row: zeros(1, 2) });
  await program.run({ ids: Int32Array.of(1) });
  await expect(program.run({ ids: Int32Array.of(5) })).rejects.toThrow('indices element out of data bounds');
});

test('no copy stands between an update and its state, though other operators read it', () => {
  const next = add(state('a', [3]), 1);
  const outputs = { update0: next, update1: multiply(next, 2) };
  const copies = (overwriting: ReadonlySet<string>): number =>
    Buffer.from(lower(outputs, { overwriting }).bytes).toString('latin1').split('Identity').length - 1;
  expect(copies(new Set())).toBe(2);
  expect(copies(new Set(['update0', 'update1']))).toBe(0);
});
