/** Weights that a file has in float16, which an engine that spares memory widens where they are multiplied by. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Engine, evaluate } from '../../src/graph/engine.ts';
import { gradients } from '../../src/graph/gradient.ts';
import { lower } from '../../src/graph/lower.ts';
import { predictTogether } from '../../src/graph/memory.ts';
import { add, conv2d, fileConstant, input, matmul, reshape, sliceAxis, sum, swapLast, transpose } from '../../src/graph/ops.ts';
import { toHalves } from '../../src/graph/half.ts';
import { Random } from '../../src/graph/random.ts';
import { sizeOf } from '../../src/graph/tensor.ts';
import type { Shape, Tensor } from '../../src/graph/tensor.ts';
import { scratch } from '../scratch.ts';

const engines = [new Engine({ threads: 1 }), new Engine({ threads: 1, lowMemory: true })];
afterAll(() => Promise.all(engines.map((engine) => engine.close())));

test('products with them are the same, forwards and backwards, and memory is spared', async () => {
  const shapes: Shape[] = [
    [24, 256, 3, 3],
    [256, 24, 3, 3],
    [24, 256, 3, 3],
    [256, 24, 3, 3],
    [24, 256, 1, 1],
    [48, 24],
    [40, 24],
    [1, 1, 40],
  ];
  const file = join(await scratch(), 'weights');
  writeFileSync(file, toHalves(new Random(1).normals(shapes.reduce((total, shape) => total + sizeOf(shape), 0))));
  let at = 0;
  const [first, second, third, fourth, single, linear, other, bias] = shapes.map((shape) => {
    const offset = at;
    at += 2 * sizeOf(shape);
    return fileConstant(file, offset, shape, 'float16');
  }) as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];
  const x = input('x', [1, 256, 8, 8]);
  const padded = { padding: 1 } as const;
  const deep = [first, second, third, fourth].reduce((t, weight) => conv2d(t, weight, padded), x);
  const convolved = add(conv2d(deep, single, { padding: 0 }), 0.5);
  const tokens = transpose(reshape(convolved, [1, 24, 64]), [0, 2, 1]);
  const parts = [0, 24].map((start) => matmul(tokens, swapLast(sliceAxis(linear, 0, start, 24)))) as [Tensor, Tensor];
  const y = add(matmul(add(...parts), swapLast(other)), bias);
  const outputs = { y, dx: gradients(sum(y), [x])[0]! };
  const feeds = { x: new Random(2).normals(256 * 64) };
  const [widened, kept] = await Promise.all(engines.map((engine) => evaluate(engine, outputs, feeds)));
  for (const name of ['y', 'dx']) {
    const scale = Math.max(...widened![name]!.map(Math.abs));
    widened![name]!.forEach((value, i) => expect(Math.abs(kept![name]![i]! - value) / scale).toBeLessThan(1e-6));
  }
  // When the program is made each once, one of them in two parts. Or at each use, and the bias alone when it is made.
  const widenings = (sparing: boolean): number =>
    Buffer.from(lower(outputs, { lean: true, sparing }).bytes)
      .toString('latin1')
      .split('Cast').length - 1;
  expect(widenings(false)).toBe(shapes.length + 1);
  expect(widenings(true)).toBe(2 * shapes.length + 1);
  const [plain, spared] = [false, true].map((sparing) => predictTogether([{ outputs, lean: true, sparing }]));
  expect(spared).toBeLessThan(plain!);
});
