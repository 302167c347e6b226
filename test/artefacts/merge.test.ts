import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { merge } from '../../src/artefacts/merge.ts';
import { readArtefact } from '../../src/artefacts/read.ts';
import { writeArtefact } from '../../src/artefacts/write.ts';
import { Engine, evaluate } from '../../src/graph/engine.ts';
import { constant, input } from '../../src/graph/ops.ts';
import { Random } from '../../src/graph/random.ts';
import { embedTokens } from '../../src/methods/concept.ts';
import { methodOf } from '../../src/methods/index.ts';
import { tokenizerFor } from '../../src/methods/learned.ts';
import type { Learned } from '../../src/methods/learned.ts';
import { clipText } from '../../src/models/clip-text.ts';
import { loadModel } from '../../src/models/load.ts';
import { promptSet } from '../../src/world/captions.ts';
import { scratch } from '../scratch.ts';

const engine = new Engine();
const model = await loadModel('assets/tiny');
afterAll(() => engine.close());

/** A concept whose projections are the model's with noise. */
function concept(token: string, className: string, seed: number): Learned {
  const method = methodOf('custom-diffusion');
  const settings = { vectors: 1, rank: 4, loraText: false };
  const rows = { data: new Random(seed).normals(128).map((x) => 0.05 * x), shape: [1, 128] };
  const weights = method.initial(model, settings, { rows, seed });
  for (const [i, name] of Object.keys(weights).entries())
    if (name !== 'concept') {
      const noise = new Random(seed).fork(i).normals(weights[name]!.data.length);
      weights[name] = { ...weights[name]!, data: weights[name]!.data.map((x, j) => x + 0.02 * noise[j]!) };
    }
  return { method, settings, words: [{ token, className }], weights, recipe: undefined };
}

/** What a projection makes of the states at a prompt's position. */
async function projected(learned: Learned, weights: Learned['weights'], name: string, prompt: string, at: number): Promise<number[]> {
  const ids = tokenizerFor(model, [learned]).pad(prompt, 32);
  const rows = learned.weights.concept!;
  const tokens = embedTokens(model.textEncoder, input('ids', [1, 32], 'int32'), constant(rows.data, rows.shape));
  const { states } = await evaluate(engine, { states: clipText(model.textEncoder.parameters, model.textEncoder.config, tokens) }, { ids });
  const { data, shape } = weights[name]!;
  return Array.from({ length: shape[0]! }, (_, o) => {
    let sum = 0;
    for (let i = 0; i < 128; i++) sum += data[o * 128 + i]! * states![at * 128 + i]!;
    return sum;
  });
}
const distance = (a: readonly number[], b: readonly number[]): number => Math.hypot(...a.map((x, i) => x - b[i]!)) / Math.hypot(...b);

test('each word is read as in its own run, other words nearly as before', { timeout: 300_000 }, async () => {
  const parts = [concept('<a>', 'dog', 1), concept('<b>', 'teapot', 2)];
  const captions = ['cat', 'car', 'vase', 'boot'].flatMap((name) => promptSet(name as 'cat', 60).map((p) => p.replace('{subject}', name)));
  const merged = await merge(engine, model, parts, captions);
  expect(merged.words.map(({ token }) => token)).toEqual(['<a>', '<b>']);
  const before = methodOf('custom-diffusion').initial(model, parts[0]!.settings, { rows: parts[0]!.weights.concept!, seed: 0 });
  const names = Object.keys(before).filter((name) => name !== 'concept');
  for (const name of [names[0]!, names.at(-1)!]) {
    for (const [i, { words }] of parts.entries()) {
      const prompt = `a photo of a ${words[0]!.token} ${words[0]!.className}`;
      for (const at of [5, 6]) {
        const own = await projected(parts[i]!, parts[i]!.weights, name, prompt, at);
        const plain = await projected(parts[i]!, before, name, prompt, at);
        // The target is met, and it was not met before.
        expect(distance(await projected(parts[i]!, merged.weights, name, prompt, at), own)).toBeLessThan(0.01);
        expect(distance(plain, own)).toBeGreaterThan(0.03);
      }
    }
    const other = 'a photo of a boot in a snowy forest';
    const plain = await projected(parts[0]!, before, name, other, 6);
    expect(distance(await projected(parts[0]!, merged.weights, name, other, 6), plain)).toBeLessThan(
      distance(await projected(parts[0]!, parts[0]!.weights, name, other, 6), plain),
    );
  }
  const folder = join(await scratch(), 'merged');
  await writeArtefact(folder, merged, model);
  const again = await readArtefact(folder, model);
  expect(again.words.map(({ token }) => token)).toEqual(['<a>', '<b>']);
  expect(again.weights).toEqual(merged.weights);
});

test('what cannot be merged', async () => {
  const one = concept('<a>', 'dog', 1);
  await expect(merge(engine, model, [one], [])).rejects.toThrow('merge takes two artefacts or more');
  await expect(merge(engine, model, [one, one], [])).rejects.toThrow('two of these subjects are called <a>');
  const ti = { ...one, method: methodOf('ti') };
  await expect(merge(engine, model, [one, ti], [])).rejects.toThrow("one of these is ti's");
});
