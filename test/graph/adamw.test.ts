/** AdamW's updates: in blocks and whole, in place, against the interpreter. */
import { expect, it } from 'vitest';
import { Engine } from '../../src/graph/engine.ts';
import { interpret } from '../../src/graph/interpreter.ts';
import { add, multiply, state, sum } from '../../src/graph/ops.ts';
import { Random } from '../../src/graph/random.ts';
import { sizeOf } from '../../src/graph/tensor.ts';
import type { Shape, Tensor } from '../../src/graph/tensor.ts';
import { adamw, adamwFeeds } from '../../src/optim/adamw.ts';

it.each<{ shape: Shape; lean: boolean }>([
  { shape: [1000, 1200], lean: true },
  { shape: [1100, 1100, 1, 1], lean: true },
  // 1,050,011 is a prime: no blocks.
  { shape: [1_050_011, 1], lean: true },
  { shape: [30, 20, 1, 1], lean: true },
  { shape: [30, 20, 1, 1], lean: false },
])('$shape, lean: $lean', async ({ shape, lean }) => {
  const [x, g] = ['x', 'g'].map((name) => state(name, shape)) as [Tensor, Tensor];
  const { updates, initial } = adamw(new Map([['x', x]]), [g], { weightDecay: 0.1 });
  // What reads a new value, as a moving average does, sees it in its shape.
  const outputs = { total: sum(add(multiply(updates.x!, 2), g), [0], true) };
  const random = new Random(9);
  const feeds = adamwFeeds(0.05, 3);
  const first: Record<string, Float32Array> = { x: random.normals(sizeOf(shape)), g: random.normals(sizeOf(shape)) };
  for (const name of Object.keys(initial())) first[name] = random.normals(sizeOf(shape)).map(Math.abs);
  const roots = [...Object.values(updates), outputs.total];
  const right = interpret(roots, { ...first, ...feeds });
  const engine = new Engine();
  await engine.setState(Object.fromEntries(Object.entries(first).map(([name, data]) => [name, { data, shape }])));
  const program = await engine.compile({ outputs, updates, lean });
  const { total } = await program.run(feeds);
  const now = await engine.getState(Object.keys(updates));
  await engine.close();
  const worst = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
    let most = 0;
    for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i]! - b[i]!) / (1 + Math.abs(b[i]!)));
    return most;
  };
  Object.keys(updates).forEach((name, i) => expect(worst(now[name]!, right[i]!)).toBeLessThan(1e-6));
  expect(worst(total!, right.at(-1)!)).toBeLessThan(1e-3);
});
