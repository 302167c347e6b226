import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { Engine } from '../../src/graph/engine.ts';
import { gradients } from '../../src/graph/gradient.ts';
import { multiply, state, sum, square, subtract, constant } from '../../src/graph/ops.ts';
import { adamw, adamwFeeds } from '../../src/optim/adamw.ts';
import { schedule } from '../../src/optim/schedule.ts';

const engine = new Engine({ threads: 1 });
afterAll(() => engine.close());

test('three steps equal AdamW written out', async () => {
  const x = state('x', [2, 2]);
  const target = Float32Array.of(1, -2, 0.5, 3);
  const loss = multiply(sum(square(subtract(x, constant(target, [2, 2])))), 0.5);
  const options = { weightDecay: 0.1, maxNorm: 1 };
  const optimizer = adamw(new Map([['x', x]]), gradients(loss, [x]), options);
  const program = await engine.compile({ outputs: { norm: optimizer.gradientNorm }, updates: optimizer.updates });
  const start = [0.3, 0.2, -1, 4];
  await engine.setState({ x: { data: Float32Array.from(start), shape: [2, 2] }, ...optimizer.initial() });
  const [value, m, v] = [[...start], [0, 0, 0, 0], [0, 0, 0, 0]];
  for (let step = 1; step <= 3; step++) {
    const raw = value.map((xi, i) => xi - target[i]!);
    const norm = Math.hypot(...raw);
    const out = await program.run(adamwFeeds(0.05, step));
    expect(out.norm![0]).toBeCloseTo(norm, 5);
    raw.forEach((r, i) => {
      const g = r / Math.max(1, norm);
      m[i] = 0.9 * m[i]! + 0.1 * g;
      v[i] = 0.999 * v[i]! + 0.001 * g * g;
      value[i] = value[i]! * (1 - 0.05 * 0.1) - (0.05 * m[i]!) / (1 - 0.9 ** step) / (Math.sqrt(v[i]! / (1 - 0.999 ** step)) + 1e-8);
    });
    const { x: now } = await engine.getState(['x']);
    value.forEach((expected, i) => expect(now![i]).toBeCloseTo(expected, 4));
  }
});

test('a step holds weights, both moments and gradients, and little else', () => {
  const script = fileURLToPath(new URL('measure-adamw.ts', import.meta.url));
  const times = Number(execFileSync(process.execPath, ['--import', 'tsx', script], { encoding: 'utf8' }));
  expect(times).toBeGreaterThan(4);
  expect(times).toBeLessThan(4.8);
});

test('schedules', () => {
  const cosine = schedule('cosine', 10, 2);
  expect([cosine(0), cosine(1), cosine(2), cosine(6)]).toEqual([0.5, 1, 1, 0.5]);
  expect(schedule('constant', 10)(9)).toBe(1);
});
