/** Gradients that a lean program computes block by block, against all at once. */
import { afterAll, expect, it } from 'vitest';
import { Engine } from '../../src/graph/engine.ts';
import { gradients } from '../../src/graph/gradient.ts';
import { lower } from '../../src/graph/lower.ts';
import * as ops from '../../src/graph/ops.ts';
import { Random } from '../../src/graph/random.ts';
import { sizeOf } from '../../src/graph/tensor.ts';
import type { Tensor } from '../../src/graph/tensor.ts';

const engine = new Engine();
afterAll(() => engine.close());

it.each<{ of: string; inputs: readonly string[]; shape: number[]; build: (...xs: readonly Tensor[]) => Tensor }>([
  {
    of: 'GEGLU, rows of no power of two',
    inputs: ['value', 'gate'],
    shape: [3, 1000, 1400],
    build: (value, gate) => ops.geglu(value!, gate!),
  },
  { of: 'SiLU', inputs: ['x'], shape: [1, 320, 60, 60], build: (x) => ops.swish(x!, 1) },
  { of: 'a norm of groups', inputs: ['x'], shape: [2, 32, 20500], build: (x) => ops.standardize(x!, 1e-5) },
  { of: 'a norm of rows', inputs: ['x'], shape: [1, 4100, 320], build: (x) => ops.standardize(x!, 1e-5) },
])('$of', async ({ inputs, shape, build }) => {
  const names = [...inputs, 'weight'];
  const tensors = names.map((name) => ops.input(name, shape));
  const found = gradients(ops.sum(ops.multiply(build(...tensors), tensors.at(-1)!)), tensors.slice(0, -1));
  const outputs = Object.fromEntries(found.map((gradient, i) => [`to ${names[i]}`, gradient]));
  const random = new Random(3);
  const feeds = Object.fromEntries(names.map((name) => [name, random.normals(sizeOf(shape)).map((x) => 4 * x)]));
  const loops = (lean: boolean): number => Buffer.from(lower(outputs, { lean }).bytes).toString('latin1').split('\u0004Scan').length - 1;
  expect([loops(false), loops(true)]).toEqual([0, 1]);
  const results: Record<string, Float32Array>[] = [];
  for (const lean of [false, true]) {
    const program = await engine.compile({ outputs, lean });
    results.push((await program.run(feeds)) as Record<string, Float32Array>);
    await program.release();
  }
  for (const name of Object.keys(outputs)) {
    const [whole, inBlocks] = results.map((r) => r[name]!) as [Float32Array, Float32Array];
    expect(whole.reduce((worst, x, i) => Math.max(worst, Math.abs(x - inBlocks[i]!)), 0)).toBeLessThan(1e-5);
    expect(whole.some((x) => Math.abs(x) > 1)).toBe(true);
  }
});
