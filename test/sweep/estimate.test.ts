import { afterAll, expect, test } from 'vitest';
import { Engine } from '../../src/graph/engine.ts';
import { loadModel } from '../../src/models/load.ts';
import { measureModel } from '../../src/sweep/bench.ts';
import { estimate } from '../../src/sweep/estimate.ts';

const engine = new Engine();
const model = await loadModel('assets/tiny');
afterAll(() => engine.close());

const within = (ratio: number, factor: number): void => {
  expect(ratio).toBeGreaterThan(1 / factor);
  expect(ratio).toBeLessThan(factor);
};

test('seconds are predicted within a factor of 3 of what is measured', { timeout: 120_000, retry: 2 }, async () => {
  const training = await estimate(engine, model, { batch: 4 });
  const drawing = await estimate(engine, model, { batch: 8, samplerSteps: 4 });
  const [step, ...rest] = await measureModel(engine, model, 500);
  expect(step!.name).toBe('training step, batch 4');
  within(training.trainingStep.seconds * step!.perSecond, 3);
  // Counted from graphs of its own, the arithmetic is that of the programs that ran.
  within(training.trainingStep.flops / ((step!.gflops * 1e9) / step!.perSecond), 1.001);
  const sampler = rest.at(-1)!;
  expect(sampler.name).toBe('guided sampler step, 8 pictures');
  within((drawing.pictures.seconds / 4) * sampler.perSecond, 3);
});

test('what is counted', { timeout: 60_000 }, async () => {
  const one = await estimate(engine, model, { batch: 1, samplerSteps: 10, milliseconds: 5 });
  expect(one).toMatchObject({ pixels: 64, batch: 1, samplerSteps: 10 });
  // The files hold half precision.
  expect(one.bytes).toBe(2 * one.parameters);
  for (const { memory } of [one.trainingStep, one.pictures]) {
    expect(memory).toBeGreaterThan(4 * 0.5 * one.parameters);
    expect(memory).toBeLessThan(1e9);
  }
  const more = await estimate(engine, model, { batch: 2, samplerSteps: 20, milliseconds: 5 });
  within(more.trainingStep.flops / one.trainingStep.flops, 2.01);
  expect(more.trainingStep.flops).toBeGreaterThan(1.99 * one.trainingStep.flops);
  expect(more.trainingStep.memory).toBeGreaterThan(one.trainingStep.memory);
  expect(more.pictures.flops).toBeGreaterThan(3 * one.pictures.flops);
  expect(one.timed).toBeGreaterThan(0.2);
  expect(one.timed).toBeLessThanOrEqual(1);
});
