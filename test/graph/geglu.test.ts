/** GEGLU's gradients in blocks of rows against all at once. */
import { expect, it } from 'vitest';
import { Engine } from '../../src/graph/engine.ts';
import { gradients } from '../../src/graph/gradient.ts';
import { geglu, input, multiply, sum } from '../../src/graph/ops.ts';
import { Random } from '../../src/graph/random.ts';
import { sizeOf } from '../../src/graph/tensor.ts';
import type { Tensor } from '../../src/graph/tensor.ts';

it('gives the same gradients in blocks, where the rows are no power of two', async () => {
  const shape = [3, 1000, 1400];
  const names = ['value', 'gate', 'weight'];
  const [value, gate, weight] = names.map((name) => input(name, shape)) as [Tensor, Tensor, Tensor];
  const [toValue, toGate] = gradients(sum(multiply(geglu(value, gate), weight)), [value, gate]) as [Tensor, Tensor];
  const random = new Random(3);
  const feeds = Object.fromEntries(names.map((name) => [name, random.normals(sizeOf(shape)).map((x) => 4 * x)]));
  const engine = new Engine();
  const results: Record<string, Float32Array>[] = [];
  for (const lean of [false, true]) {
    const program = await engine.compile({ outputs: { toValue, toGate }, lean });
    results.push((await program.run(feeds)) as Record<string, Float32Array>);
    await program.release();
  }
  await engine.close();
  for (const name of ['toValue', 'toGate']) {
    const [whole, inBlocks] = results.map((r) => r[name]!) as [Float32Array, Float32Array];
    expect(whole.reduce((worst, x, i) => Math.max(worst, Math.abs(x - inBlocks[i]!)), 0)).toBeLessThan(1e-5);
    expect(whole.some((x) => Math.abs(x) > 1)).toBe(true);
  }
});
