import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { Engine, evaluate } from '../../src/graph/engine.ts';
import type { Program } from '../../src/graph/engine.ts';
import { gradients } from '../../src/graph/gradient.ts';
import { interpret } from '../../src/graph/interpreter.ts';
import { lower, preparationsOf } from '../../src/graph/lower.ts';
import { predictTogether } from '../../src/graph/memory.ts';
import { add, constant, conv2d, fileConstant, input, matmul, multiply, sliceAxis, sum } from '../../src/graph/ops.ts';
import type { TypedArray } from '../../src/graph/values.ts';
import { Random } from '../../src/graph/random.ts';
import { upsample2 } from '../../src/nn/layers.ts';
import { sizeOf } from '../../src/graph/tensor.ts';
import type { Shape, Tensor } from '../../src/graph/tensor.ts';

const engine = new Engine({ threads: 1 });
const sparing = new Engine({ threads: 1, lowMemory: true });
afterAll(() => Promise.all([engine.close(), sparing.close()]));

interface Case {
  x: Shape;
  filters: number;
  padding: [number, number, number, number];
}
const valuesOf = ({ x, filters }: Case): Float32Array => new Random(filters).normals(filters * x[1]! * 9);
const weightsOf = (c: Case): Tensor => constant(valuesOf(c), [c.filters, c.x[1]!, 3, 3]);
/** A convolution and its input gradient for a given output gradient; in parts of so few channels that they are not filtered, if asked for. */
function graphOf({ x, padding }: Case, weights: Tensor, inParts = false): { y: Tensor; dx: Tensor } {
  const given = input('x', x);
  const parts = inParts
    ? [0, 128, 256].filter((from) => from < x[1]!).map((from) => [from, Math.min(128, x[1]! - from)] as const)
    : [[0, x[1]!] as const];
  const y = parts
    .map(([from, count]) => conv2d(sliceAxis(given, 1, from, count), sliceAxis(weights, 1, from, count), { padding }))
    .reduce(add);
  return { y, dx: gradients(sum(multiply(y, input('g', y.shape))), [given])[0]! };
}
/** What is prepared for a model, which is known before it is written. */
function preparations(outputs: Record<string, Tensor>, lowMemory: boolean): string[] {
  const keys = lower(outputs, { sparing: lowMemory }).preparations.map(({ key }) => key);
  expect(preparationsOf(Object.values(outputs), { sparing: lowMemory }).preparations.map(({ key }) => key)).toEqual(keys);
  return keys.map((key) => key.replace(/.* winograd /, ''));
}

/** The largest difference, relative to the root of the mean square. */
function distance(got: TypedArray, right: TypedArray): number {
  let [furthest, squares] = [0, 0];
  right.forEach((v, i) => {
    furthest = Math.max(furthest, Math.abs(v - got[i]!));
    squares += v * v;
  });
  return furthest / Math.sqrt(squares / right.length);
}

test.each<{ x: Shape; spared: string[] }>([
  { x: [1, 256, 16, 16], spared: ['2 in pairs'] },
  { x: [2, 256, 32, 40], spared: ['2 in pairs'] },
  { x: [2, 256, 8, 8], spared: [] },
])('pictures of $x, each value of which is repeated, in two directions', async ({ x, spared }) => {
  const outputs = (weights: Tensor, inPairs: boolean): Record<string, Tensor> => {
    const given = input('x', x);
    const y = conv2d(upsample2(given), weights, { padding: 1, inPairs });
    return { y, dx: gradients(sum(multiply(y, input('g', y.shape))), [given])[0]! };
  };
  const c: Case = { x, filters: 260, padding: [1, 1, 1, 1] };
  const constants = outputs(weightsOf(c), true);
  expect(preparations(constants, false)).toEqual(['2 in pairs']);
  expect(preparations(constants, true)).toEqual(spared);
  const random = new Random(5);
  const feeds = { x: random.normals(sizeOf(x)), g: random.normals(sizeOf(constants.y!.shape)), w: valuesOf(c) };
  const exact = await evaluate(engine, outputs(input('w', [260, x[1]!, 3, 3]), false), feeds);
  const settings = [
    [engine, constants] as const,
    [engine, outputs(input('w', [260, x[1]!, 3, 3]), true)] as const,
    [sparing, constants] as const,
  ];
  for (const [used, graph] of settings) {
    const got = await evaluate(used, graph, feeds);
    for (const name of ['y', 'dx']) expect(distance(got[name]!, exact[name]!), name).toBeLessThan(5e-5);
  }
});

describe('3 × 3 convolutions with constant weights', () => {
  const same: Case['padding'] = [1, 1, 1, 1];
  test.each<Case & { tiles: string[]; spared: string[] }>([
    { x: [1, 256, 32, 32], filters: 256, padding: same, tiles: ['2'], spared: ['2'] },
    { x: [2, 256, 64, 32], filters: 256, padding: same, tiles: ['4'], spared: ['4'] },
    { x: [2, 256, 16, 8], filters: 260, padding: same, tiles: ['2'], spared: [] },
    { x: [2, 257, 26, 22], filters: 256, padding: [0, 2, 2, 0], tiles: ['2'], spared: ['2'] },
    // Results of 64 × 68, inputs of 66 × 66: the one in tiles of 4, the gradient of the other in tiles of 2.
    { x: [1, 256, 66, 66], filters: 256, padding: [0, 0, 2, 2], tiles: ['4', '2'], spared: ['4', '2'] },
    // In strips: five of four rows of tiles forwards (85 MB between transforms), as many backwards.
    { x: [1, 256, 160, 100], filters: 262, padding: same, tiles: ['4'], spared: ['4'] },
    { x: [1, 256, 30, 32], filters: 256, padding: [3, 1, 1, 1], tiles: [], spared: [] },
    { x: [1, 256, 17, 17], filters: 256, padding: same, tiles: [], spared: [] },
    { x: [1, 255, 32, 32], filters: 256, padding: same, tiles: [], spared: [] },
    { x: [1, 256, 12, 12], filters: 256, padding: same, tiles: [], spared: [] },
  ])('$x → $filters, padding $padding: tiles $tiles, where memory is spared $spared', async ({ tiles, spared, ...c }) => {
    const outputs = graphOf(c, weightsOf(c));
    expect(preparations(outputs, false)).toEqual(tiles);
    expect(preparations(outputs, true)).toEqual(spared);
    const random = new Random(5);
    const weights = weightsOf(c);
    const feeds = { x: random.normals(sizeOf(c.x)), g: random.normals(sizeOf(outputs.y.shape)), w: valuesOf(c) };
    const direct = graphOf(c, input('w', weights.shape), true);
    const plain = await engine.compile({ outputs: direct });
    const exact = await plain.run(feeds);
    await plain.release();
    // Weights that are given at each run are transformed at each.
    const trained = graphOf(c, input('w', weights.shape));
    expect(preparations(trained, false)).toEqual([]);
    const settings = [[engine, outputs] as const, [engine, trained] as const, [sparing, outputs] as const];
    for (const [used, graph] of tiles.length > 0 ? settings : settings.slice(0, 1)) {
      const program = await used.compile({ outputs: graph });
      const got = await program.run(feeds);
      for (const name of ['y', 'dx']) {
        expect(distance(got[name]!, exact[name]!)).toBeLessThan(5e-5);
      }
      await program.release();
    }
  });
});

describe('weight gradients of 3 × 3 convolutions', () => {
  test.each<Case & { filtered: boolean }>([
    { x: [2, 3, 8, 8], filters: 2, padding: [1, 1, 1, 1], filtered: true },
    { x: [2, 2, 32, 8], filters: 3, padding: [1, 1, 1, 1], filtered: true },
    { x: [32, 2, 4, 4], filters: 3, padding: [1, 1, 1, 1], filtered: true },
    // Results of 16 × 12 and 24 × 24.
    { x: [3, 2, 16, 13], filters: 2, padding: [2, 0, 0, 1], filtered: true },
    { x: [1, 3, 26, 26], filters: 2, padding: [0, 0, 0, 0], filtered: true },
    { x: [2, 3, 7, 10], filters: 2, padding: [1, 1, 1, 1], filtered: false },
    { x: [1, 2, 4, 6], filters: 2, padding: [1, 1, 1, 1], filtered: true },
    { x: [1, 2, 8, 8], filters: 2, padding: [1, 1, 1, 0], filtered: false },
  ])('$x → $filters, padding $padding', async ({ filtered, ...c }) => {
    const [x, w] = [input('x', c.x), input('w', [c.filters, c.x[1]!, 3, 3])];
    const y = conv2d(x, w, { padding: c.padding });
    const dw = gradients(sum(multiply(y, input('g', y.shape))), [w])[0]!;
    expect(Buffer.from(lower({ dw }).bytes).includes('Conv')).toBe(filtered);
    const random = new Random(7);
    const feeds = { x: random.normals(sizeOf(c.x)), g: random.normals(sizeOf(y.shape)), w: valuesOf(c) };
    const got = (await evaluate(engine, { dw }, feeds)).dw!;
    const right = interpret([dw], feeds)[0]!;
    const scale = Math.sqrt(right.reduce((total, v) => total + v * v, 0) / right.length);
    right.forEach((v, k) => expect(Math.abs(v - got[k]!) / scale).toBeLessThan(1e-5));
  });
});

test('weights are transformed once for all programs that use them, and again when none is left', async () => {
  const c: Case = { x: [1, 256, 32, 32], filters: 256, padding: [1, 1, 1, 1] };
  const weights = weightsOf(c);
  const feeds = { x: new Random(6).normals(sizeOf(c.x)), g: new Float32Array(256 * 1024).fill(1) };
  const whole = graphOf(c, weights);
  const [first, second] = [await engine.compile({ outputs: whole }), await engine.compile({ outputs: { y: whole.y } })];
  const expected = (await first.run(feeds)).y;
  await first.release();
  expect((await second.run(feeds)).y).toEqual(expected);
  await second.release();
  const third = await engine.compile({ outputs: { y: whole.y } });
  expect((await third.run(feeds)).y).toEqual(expected);
  await third.release();
});

test('weights that are prepared anew while the worker is busy are not taken for those of a program that was released', async () => {
  const c: Case = { x: [1, 256, 16, 16], filters: 256, padding: [1, 1, 1, 1] };
  const { y } = graphOf(c, weightsOf(c));
  const feeds = { x: new Random(8).normals(sizeOf(c.x)) };
  const [x, square] = [input('x', [64, 512]), constant(new Float32Array(512 * 512), [512, 512])];
  const busy = await engine.compile({ outputs: { z: sum(Array.from({ length: 30 }).reduce<Tensor>((z) => matmul(z, square), x)) } });
  const once = (): Promise<unknown> => busy.run({ x: new Float32Array(64 * 512) });
  const timed = async <T>(of: Promise<T>): Promise<[T, number]> => {
    const begun = performance.now();
    return [await of, performance.now() - begun];
  };
  const [first, toPrepare] = await timed(engine.compile({ outputs: { y } }));
  const expected = (await first.run(feeds)).y;
  await once();
  const [, each] = await timed(once());
  const released = first.release();
  // Answered after the release and before the runs, which take longer than to prepare.
  const afterRelease = engine.dropState([]);
  const runs = Array.from({ length: Math.ceil((2 * toPrepare) / each) }, once);
  await afterRelease;
  const second = await engine.compile({ outputs: { y } });
  expect((await second.run(feeds)).y).toEqual(expected);
  await Promise.all([released, ...runs]);
  for (const program of [busy, second]) await program.release();
});

test('programs that are compiled at once share transformed weights, and one that cannot have them leaves the others be', async () => {
  const c: Case = { x: [1, 256, 16, 16], filters: 256, padding: [1, 1, 1, 1] };
  const { y } = graphOf(c, weightsOf(c));
  const feeds = { x: new Random(7).normals(sizeOf(c.x)) };
  const folder = mkdtempSync(path.join(tmpdir(), 'contextura-'));
  const file = path.join(folder, 'weights');
  const bytes = Buffer.from(valuesOf(c).buffer);
  const fromFile = graphOf(c, fileConstant(file, 0, weightsOf(c).shape)).y;
  const compile = (of: Tensor): Promise<Program> => engine.compile({ outputs: { y: of } });
  const [first, missing, second] = await Promise.allSettled([compile(y), compile(fromFile), compile(y)]);
  expect(missing).toMatchObject({ status: 'rejected', reason: { message: expect.stringContaining(file) } });
  writeFileSync(file, bytes);
  const third = await compile(fromFile);
  const programs = [first, second].map((outcome) => (outcome as PromiseFulfilledResult<Program>).value);
  const [a, b, d] = [await programs[0]!.run(feeds), await programs[1]!.run(feeds), await third.run(feeds)];
  expect(b).toEqual(a);
  expect(d).toEqual(a);
  for (const program of [...programs, third]) await program.release();
  rmSync(folder, { recursive: true });
});

test('memory is predicted with the transformed weights in the place of those in the file', () => {
  const yOf = (side: number): Tensor => {
    const c: Case = { x: [1, 256, side, side], filters: 256, padding: [1, 1, 1, 1] };
    return graphOf(c, weightsOf(c)).y;
  };
  const bytes = 4 * 256 * 256;
  const y = yOf(64);
  const [results, tiles] = [4 * 256 * 4096, 2 * 2.25 * 4 * 256 * 4096];
  const beside = 40e6 + results + 1.25 * (results + tiles);
  expect(predictTogether([{ outputs: { y } }], true)).toBeCloseTo(beside + 36 * bytes, -1);
  // One program's weights serve another's.
  const both = predictTogether([{ outputs: { y } }, { outputs: { y } }], true);
  expect(both).toBeCloseTo(beside + 36 * bytes, -1);
  const small = { y: yOf(16) };
  const plain = 40e6 + (1 + 1.25) * bytes;
  expect(predictTogether([{ outputs: small }], true)).toBeCloseTo(plain + 1.25 * 8 * bytes + 16 * bytes, -1);
  expect(predictTogether([{ outputs: small, sparing: true }], true)).toBeCloseTo(plain + 9 * bytes, -1);
});
