/** DreamBooth's whole model in its layouts: what is exported is what was learned. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fingerprint } from '../../src/artefacts/fingerprint.ts';
import { readArtefact, readWholeModel, recipeAt, wholeModelOf } from '../../src/artefacts/read.ts';
import { formatOf, writeArtefact } from '../../src/artefacts/write.ts';
import { parseRecipe } from '../../src/config.ts';
import { fromHalves, toHalves } from '../../src/graph/half.ts';
import { openSafetensors, readTensor } from '../../src/files/safetensors.ts';
import { methodOf } from '../../src/methods/index.ts';
import type { Learned } from '../../src/methods/learned.ts';
import type { Weights } from '../../src/methods/method.ts';
import { loadModel, singleFile, traces } from '../../src/models/load.ts';
import type { DiffusionModel } from '../../src/models/load.ts';
import { weightsOf } from '../../src/models/save.ts';
import { layouts } from '../../src/models/stable-diffusion.ts';
import { openFile } from '../../src/models/weights.ts';
import { scratch } from '../scratch.ts';

const recipe = parseRecipe({ ...methodOf('dreambooth').defaults, images: 'pictures', class: 'dog', method: 'dreambooth', rank: 3 });

/** The embedded model as if DreamBooth had moved each of its weights a little. */
function moved(model: DiffusionModel): Learned {
  const method = methodOf('dreambooth');
  const settings = { vectors: 1, rank: 3, loraText: false };
  const before = method.initial(model, settings, { rows: { data: new Float32Array(0), shape: [0, 0] }, seed: 0 });
  const weights: Weights = Object.fromEntries(
    Object.entries(before).map(([name, { data, shape }], i) => [name, { data: data.map((x, j) => x + 1e-3 * ((i + j) % 7)), shape }]),
  );
  return { method, settings, words: [{ token: 'sks', className: 'dog' }], weights, recipe };
}

const componentsOf = ({ textEncoder, unet, vae }: DiffusionModel): Weights => {
  const under = (prefix: string, weights: Weights): [string, Weights[string]][] =>
    Object.entries(weights).map(([name, weight]) => [prefix + name, weight]);
  return Object.fromEntries([
    ...under('text_encoder.', weightsOf(textEncoder, traces.textEncoder.run)),
    ...under('unet.', weightsOf(unet, traces.unet.run)),
    ...under('vae.', weightsOf(vae, traces.vae.run)),
  ]);
};

/** The first tensor that differs from what it should be, if there is one. */
const firstDifference = (found: Weights, wanted: Weights): string | undefined =>
  Object.keys({ ...found, ...wanted }).find(
    (name) => found[name]?.shape.join() !== wanted[name]?.shape.join() || !found[name]!.data.every((x, i) => x === wanted[name]!.data[i]),
  );

const inHalf = (weights: Weights): Weights =>
  Object.fromEntries(Object.entries(weights).map(([name, { data, shape }]) => [name, { data: fromHalves(toHalves(data)), shape }]));

test('a run’s model folder, a folder in half precision, and single files of both hold the same model', { timeout: 300_000 }, async () => {
  const folder = await scratch();
  const model = await loadModel('assets/tiny');
  const learned = moved(model);
  const wanted: Weights = { ...componentsOf(model), ...learned.weights };
  const run = join(folder, 'run');
  await writeArtefact(join(run, 'artefact'), learned, model);

  const whole = wholeModelOf(run)!;
  expect(whole).toBe(join(run, 'artefact'));
  const trained = await loadModel(whole);
  expect(firstDifference(componentsOf(trained), wanted)).toBeUndefined();
  const read = await readWholeModel(whole, trained);
  expect(read).toMatchObject({ words: learned.words, settings: learned.settings, recipe, base: fingerprint(model) });
  expect(firstDifference(read.weights, learned.weights)).toBeUndefined();

  const halves = join(folder, 'halves');
  await writeArtefact(halves, read, trained, { half: true });
  expect(firstDifference(componentsOf(await loadModel(halves)), inHalf(wanted))).toBeUndefined();
  for (const part of ['unet', 'vae'])
    expect(
      [...(await openSafetensors(join(halves, part, 'diffusion_pytorch_model.safetensors'))).tensors.values()].every(
        ({ dtype }) => dtype === 'F16',
      ),
    ).toBe(true);
  expect(existsSync(join(halves, 'contextualizer'))).toBe(false);

  // However the base model was named.
  const base = await loadModel('./assets/../assets/tiny/');
  const other = join(folder, 'other');
  await writeArtefact(other, learned, base);
  expect(firstDifference(componentsOf(await loadModel(other)), wanted)).toBeUndefined();
  expect(existsSync(join(other, 'contextualizer'))).toBe(false);

  for (const half of [false, true]) {
    const path = await writeArtefact(join(folder, `single-${half}`), read, trained, { format: formatOf(read, 'a1111'), half });
    const { metadata } = await openSafetensors(path);
    expect(metadata).toMatchObject({ method: 'dreambooth', base: fingerprint(model), 'modelspec.prediction_type': 'v' });
    const { unet, vae, textEncoder } = trained;
    const side = unet.config.sample_size;
    const latentSize = { epsilon: side, v_prediction: side };
    const layout = { ...layouts[1], unet: unet.config, vae: vae.config, textEncoder: textEncoder.config, latentSize };
    const again = await singleFile(path, await openFile(path), layout, {});
    expect(again.scheduler.prediction_type).toBe('v_prediction');
    expect(firstDifference(componentsOf({ ...again, contextualizer: undefined }), half ? inHalf(wanted) : wanted)).toBeUndefined();
  }
});

test('what nobody has learned is not exported as learned', async () => {
  await expect(readWholeModel('assets/tiny', await loadModel('assets/tiny'))).rejects.toThrow(
    'assets/tiny is a model that no run of Contextura has made: there is nothing learned in it to export',
  );
});

test('the recipe of a run and of a file', async () => {
  const folder = await scratch();
  const model = await loadModel('assets/tiny');
  const method = methodOf('ti');
  const own = parseRecipe({ images: 'pictures', class: 'dog', model: 'elsewhere' });
  const learned: Learned = {
    method,
    settings: { vectors: 1, rank: 4, loraText: false },
    words: [{ token: '<v>', className: 'dog' }],
    weights: {
      concept: { data: new Float32Array(model.textEncoder.config.hidden_size), shape: [1, model.textEncoder.config.hidden_size] },
    },
    recipe: own,
  };
  const path = await writeArtefact(folder, learned, model);
  expect(await recipeAt(path)).toEqual(own);
  expect((await readArtefact(path, model)).recipe).toEqual(own);
  expect(await readTensor(await openSafetensors(path), '<v>')).toEqual(learned.weights.concept!.data);
});
