import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { parseRecipe } from '../../src/config.ts';
import type { Recipe } from '../../src/config.ts';
import { openSafetensors, readTensor } from '../../src/files/safetensors.ts';
import { Engine } from '../../src/graph/engine.ts';
import { loadModel } from '../../src/models/load.ts';
import { customize } from '../../src/trainer/customize.ts';
import type { CustomizeEvent } from '../../src/trainer/customize.ts';
import { promptSet } from '../../src/world/captions.ts';
import { scratch } from '../scratch.ts';

const engine = new Engine();
afterAll(() => engine.close());

async function run(
  out: string,
  changes: Partial<Recipe>,
  resume = false,
): Promise<{ events: CustomizeEvent[]; recorded: Recipe; vectors: Float32Array }> {
  const recipe = parseRecipe({
    images: 'examples/subjects/dog',
    class: 'dog',
    steps: 1,
    batchSize: 2,
    promptBatch: 4,
    sampleEvery: 0,
    seed: 3,
    ...changes,
  });
  const events: CustomizeEvent[] = [];
  for await (const event of customize({
    engine,
    model: await loadModel('assets/tiny'),
    recipe,
    prompts: promptSet('dog', 50),
    versions: {},
    out,
    resume,
  }))
    events.push(event);
  const { recipe: recorded } = JSON.parse(await readFile(join(out, 'run.json'), 'utf8')) as { recipe: Recipe };
  const vectors = await readTensor(await openSafetensors(join(out, 'artefact', 'learned_embeds.safetensors')), '<v>');
  return { events, recorded, vectors };
}

test('λ is measured as the run begins, recorded, and trains as that number does', async () => {
  const folder = await scratch();
  const equal = await run(join(folder, 'equal'), { lambda: 1, lambdaBalance: 1 });
  const double = await run(join(folder, 'double'), { lambda: 1, lambdaBalance: 2 });
  const { lambda } = equal.recorded;
  expect(equal.events).toContainEqual({ kind: 'lambda', lambda });
  expect(lambda).toBeGreaterThan(0.001);
  expect(lambda).toBeLessThan(1);
  expect(double.recorded.lambda / lambda).toBeCloseTo(2, 5);
  const fixed = await run(join(folder, 'fixed'), { lambda });
  expect(fixed.events.some(({ kind }) => kind === 'lambda')).toBe(false);
  expect(equal.vectors).toEqual(fixed.vectors);
  expect(equal.vectors).not.toEqual(double.vectors);
}, 240_000);

test('a run that is resumed by the recipe that was asked for keeps the λ that it measured', async () => {
  const folder = await scratch();
  const first = await run(join(folder, 'measured'), { lambda: 1, lambdaBalance: 1 });
  const resumed = await run(join(folder, 'measured'), { lambda: 1, lambdaBalance: 1, steps: 2 }, true);
  expect(resumed.recorded.lambda).toBe(first.recorded.lambda);
  expect(resumed.events.some(({ kind }) => kind === 'lambda')).toBe(false);
  const unbroken = await run(join(folder, 'unbroken'), { lambda: 1, lambdaBalance: 1, steps: 2 });
  expect(resumed.vectors).toEqual(unbroken.vectors);
}, 240_000);
