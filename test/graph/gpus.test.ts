import fc from 'fast-check';
import { afterAll, describe, expect, test as run } from 'vitest';
import { UserError } from '../../src/errors.ts';
import { Engine, evaluate } from '../../src/graph/engine.ts';
import { gradients } from '../../src/graph/gradient.ts';
import { interpret } from '../../src/graph/interpreter.ts';
import * as ops from '../../src/graph/ops.ts';
import { Random } from '../../src/graph/random.ts';
import type { Tensor } from '../../src/graph/tensor.ts';
import { gpus } from '../gpus.ts';
import { agrees } from './agreement.ts';
import { cases } from './cases.ts';

describe.each(gpus)('on $title', ({ device, missing }) => {
  const test = run.runIf(missing === undefined);
  const engine = new Engine({ threads: 1, device });
  afterAll(() => engine.close());

  test.each(Object.entries(cases))('%s agrees with the interpreter, forwards and backwards', async (_, arbitrary) => {
    await fc.assert(
      fc.asyncProperty(arbitrary!, (c) => agrees(engine, c)),
      { numRuns: 4, seed: 2 },
    );
  });

  test('attention of more queries and keys than a shader takes at once', () =>
    agrees(engine, {
      shapes: [
        [2, 70, 16],
        [2, 77, 16],
        [2, 77, 16],
      ],
      build: (q, k, v) => ops.attention(q!, k!, v!, 2),
    }));

  // The runtime may take both as one operator, which on a GPU leaves out the deviation that the gradient reads.
  test('a norm of a sum, over rows as wide as a text encoder’s', () =>
    agrees(engine, {
      shapes: [[2, 5, 64], [2, 5, 64], [64]],
      build: (x, y, scale) => ops.multiply(ops.standardize(ops.add(x!, y!), 1e-5), scale!),
    }));

  test('ids that are fed, in int32, and angles of a thousand', async () => {
    const ids = ops.input('ids', [2, 3], 'int32');
    const table = ops.input('table', [5, 4]);
    const known = ops.less(ids, 3);
    const none = ops.multiply(ids, 0);
    const rows = ops.gather(table, ops.select(known, ids, none));
    const others = ops.gather(table, ops.select(known, none, ops.subtract(ids, 1)));
    const angles = ops.input('angles', [6]);
    const y = ops.add(rows, ops.multiply(others, 2));
    const outputs: Record<string, Tensor> = {
      y,
      gradient: gradients(ops.sum(ops.square(y)), [table])[0]!,
      equal: ops.cast(ops.equal(ids, 4), 'float32'),
      sin: ops.sin(angles),
      cos: ops.cos(angles),
    };
    const feeds = {
      ids: Int32Array.of(0, 1, 4, 3, 2, 4),
      table: new Random(1).normals(20),
      angles: Float32Array.of(1000, 999.5, -731.25, 0, 3.14159, 1.5707963),
    };
    const out = await evaluate(engine, outputs, feeds);
    const names = Object.keys(outputs);
    interpret(Object.values(outputs), feeds).forEach((expected, i) =>
      expected.forEach((value, k) => expect(Math.abs(out[names[i]!]![k]! - value)).toBeLessThan(1e-5 * (1 + Math.abs(value)))),
    );
  });

  test('states stay where programs update them, and are read, replaced and shared with other programs', async () => {
    const [p, m] = [ops.state('p', [3]), ops.state('m', [3])];
    await engine.setState({ p: { data: Float32Array.of(1, 2, 3), shape: [3] }, m: { data: new Float32Array(3), shape: [3] } });
    const next = ops.add(m, p);
    const step = await engine.compile({ outputs: { before: p }, updates: { p: ops.subtract(p, next), m: next } });
    const total = await engine.compile({ outputs: { total: ops.sum(ops.multiply(p, m)) } });
    expect([...(await step.run()).before!]).toEqual([1, 2, 3]);
    expect([...(await step.run()).before!]).toEqual([0, 0, 0]);
    const read = await engine.getState(['p', 'm']);
    expect([...read.p!, ...read.m!]).toEqual([-1, -2, -3, 1, 2, 3]);
    expect([...(await total.run()).total!]).toEqual([-14]);
    await engine.setState({ p: { data: Float32Array.of(5, 5, 5), shape: [3] } });
    expect([...(await total.run()).total!]).toEqual([30]);
    for (let i = 0; i < 50; i++) await step.run();
    const [again, expected] = [await engine.getState(['p', 'm']), iterate([5, 5, 5], [1, 2, 3], 50)];
    expect([...again.p!, ...again.m!]).toEqual(expected);
    await Promise.all([step.release(), total.release()]);
    await engine.dropState(['p', 'm']);
    await expect(engine.getState(['p'])).rejects.toThrow('internal: no state is called p');
  });

  run.runIf(missing === undefined && device === 'webgpu')('halves, or one line where the device has none', async () => {
    const half = new Engine({ threads: 1, device: 'webgpu', precision: 'float16' });
    // Sums so long that they would be good to two digits in halves.
    const terms = 4096;
    const w = ops.constant(
      new Random(1).normals(4 * terms).map((v) => v / Math.sqrt(terms)),
      [terms, 4],
    );
    const outputs = { y: ops.softmax(ops.matmul(ops.input('x', [8, terms]), w)) };
    const feeds = { x: new Random(2).normals(8 * terms) };
    const near = (got: ArrayLike<number>, within: number): void =>
      interpret([outputs.y], feeds)[0]!.forEach((value, k) => expect(Math.abs(got[k]! - value)).toBeLessThan(within));
    const result = await evaluate(half, outputs, feeds).catch((error: unknown) => error as Error);
    if (result instanceof Error) {
      expect(result).toEqual(
        new UserError('--precision float16: this GPU or its driver has no 16-bit shaders: use --precision float32', 1),
      );
      // Found out while it runs: an engine that may goes on with the CPU, and with its states.
      const reasons: string[] = [];
      const lenient = new Engine({ threads: 1, device: 'webgpu', precision: 'float16', onFallback: (why) => reasons.push(why) });
      await lenient.setState({ p: { data: Float32Array.of(2), shape: [1] } });
      const p = ops.state('p', [1]);
      const program = await lenient.compile({ outputs, updates: { p: ops.add(p, ops.reshape(ops.sum(outputs.y), [1])) } });
      for (let i = 0; i < 2; i++) near((await program.run(feeds)).y!, 1e-5);
      expect((await lenient.getState(['p'])).p![0]).toBeCloseTo(2 + 8 + 8, 4);
      expect(reasons).toEqual([result.message]);
      expect(lenient.device).toBe('cpu');
      await lenient.close();
    } else near(result.y!, 1e-3);
    await half.close();
  });

  test('one value that updates two states', async () => {
    const b = ops.state('b', [2]);
    await engine.setState({ a: { data: Float32Array.of(1, 2), shape: [2] }, b: { data: Float32Array.of(5, 7), shape: [2] } });
    const program = await engine.compile({ outputs: {}, updates: { a: b, b } });
    await program.run();
    await program.run();
    const read = await engine.getState(['a', 'b']);
    expect([...read.a!, ...read.b!]).toEqual([5, 7, 5, 7]);
    await program.release();
    await engine.dropState(['a', 'b']);
  });
});

/** What the step program of the test above does, `count` times. */
function iterate(p: number[], m: number[], count: number): number[] {
  for (let i = 0; i < count; i++) {
    m = m.map((x, k) => x + p[k]!);
    p = p.map((x, k) => x - m[k]!);
  }
  return [...p, ...m];
}
