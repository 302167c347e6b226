import { afterAll, beforeAll, expect, test } from 'vitest';
import { Engine } from '../../src/graph/engine.ts';
import { loadModel } from '../../src/models/load.ts';
import { scalingReport } from '../../src/report/scaling.ts';
import { amountOf, growthOf, measureScaling } from '../../src/sweep/scaling.ts';
import type { ScalingPoint } from '../../src/sweep/scaling.ts';

let engine: Engine;
beforeAll(() => void (engine = new Engine()));
afterAll(() => engine.close());

test('growth is the power of what an axis counts, from its middle to its end', () => {
  const points = (power: number): ScalingPoint[] =>
    [32, 64, 128, 256].map((value) => ({ axis: 'pixels', value, seconds: value < 64 ? 9 : 0.01 * (value * value) ** power, gflop: 1 }));
  expect(growthOf(points(1), 'pixels')).toBeCloseTo(1);
  expect(growthOf(points(1.5), 'pixels')).toBeCloseTo(1.5);
});

test('a step of the embedded model costs about in proportion', { timeout: 300_000 }, async () => {
  const points: ScalingPoint[] = [];
  for await (const point of measureScaling(engine, await loadModel('assets/tiny'), 1)) points.push(point);
  const flops = (axis: ScalingPoint['axis']) => points.filter((point) => point.axis === axis).map((point) => point.gflop / amountOf(point));
  const [one, ...more] = flops('batch');
  for (const each of more) expect(each).toBeCloseTo(one!, 6);
  // What the pictures do not change (the text encoder) costs less each as they grow; self-attention grows faster than they do.
  const [, own, , , , largest] = flops('pixels');
  expect(largest! / own!).toBeGreaterThan(0.8);
  expect(largest! / own!).toBeLessThan(1.2);
  for (const { seconds } of points) expect(seconds).toBeGreaterThan(0);
  const html = scalingReport('tiny <here>', points);
  expect(html).toContain('tiny &lt;here&gt;');
  expect(html.match(/<polyline/g)).toHaveLength(5);
  expect(html).not.toMatch(/NaN|Infinity|https?:/);
});
