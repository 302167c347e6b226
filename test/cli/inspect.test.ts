/** `contextura inspect`: files and folders told apart, and the rest refused in one line. */
import { spawnSync } from 'node:child_process';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeSafetensors } from '../../src/files/safetensors.ts';
import { writeSparse } from '../models/headers.ts';
import { scratch } from '../scratch.ts';

function inspect(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['dist/cli/main.js', 'inspect', ...args], {
    encoding: 'utf8',
  });
  return { status, stdout, stderr: stderr.replace(/^npm .*\n/gm, '') };
}
const facts = (path: string): Record<string, unknown> => {
  const { status, stdout, stderr } = inspect(path, '--json');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout) as Record<string, unknown>;
};

test('the embedded model, as words and as JSON', () => {
  expect(facts('assets/tiny')).toMatchObject({
    family: 'a latent diffusion model like Stable Diffusion (folder), text states 128 wide',
    predicts: 'v_prediction',
    pixels: 64,
    contextualizer: join('assets', 'tiny', 'contextualizer'),
    components: { unet: { tensors: 326, dtypes: { F16: 326 } }, vae: { tensors: 156 }, text_encoder: { tensors: 68 } },
  });
  const { status, stdout } = inspect('assets/tiny/unet');
  expect(status).toBe(0);
  expect(stdout).toContain('family          a U-Net (diffusers’ layout, one component)\n');
  expect(stdout).toContain('parameters      7,137,588\n');
});

test('an artefact and its run: provenance, and what it goes with', async () => {
  const run = await scratch();
  const recipe = { model: 'tiny', class: 'dog', images: 'x', steps: 7 };
  const artefact = join(run, 'artefact', 'learned_embeds.safetensors');
  await mkdir(join(run, 'artefact'));
  await writeSafetensors(
    artefact,
    { '<v>': { data: new Float32Array(2 * 768), shape: [2, 768] } },
    { format: 'pt', recipe: JSON.stringify(recipe) },
  );
  expect(facts(artefact)).toMatchObject({
    family: 'a textual-inversion embedding',
    use: `contextura generate --artefact ${artefact}, with a model whose text encoder is 768 wide (Stable Diffusion 1)`,
    vectors: { '<v>': '2 × 768' },
    parameters: 1536,
    recipe,
    metadata: { format: 'pt' },
  });
  await writeFile(join(run, 'run.json'), JSON.stringify({ recipe, versions: { contextura: '0.1.0' }, inputs: {} }));
  await writeFile(join(run, 'metrics.jsonl'), '{"step":1}\n{"step":7}\n');
  expect(facts(run)).toMatchObject({ family: 'a run of Contextura', use: `contextura generate --artefact ${run}`, steps: 7, recipe });
});

test('what is known and not supported is named; the rest is refused in one line', async () => {
  const folder = await scratch();
  const xl = join(folder, 'xl.safetensors');
  await writeSparse(xl, [['conditioner.embedders.0.transformer.x', [2]]], { 'modelspec.title': 'XL' });
  expect(facts(xl)).toMatchObject({
    family: 'a Stable Diffusion XL checkpoint',
    use: 'nothing by itself: not supported yet',
    dtypes: { F16: 1 },
    metadata: { 'modelspec.title': 'XL' },
  });
  const index = join(folder, 'flux');
  await mkdir(index);
  await writeFile(join(index, 'model_index.json'), JSON.stringify({ _class_name: 'FluxPipeline', _diffusers_version: '0.30.0' }));
  expect(facts(index)).toMatchObject({
    family: 'a Flux model (FluxPipeline)',
    diffusers: '0.30.0',
    use: 'nothing by itself: not supported yet',
  });
  const other = join(folder, 'other.safetensors');
  await writeSparse(other, [['h.0.attn.weight', [2, 2]]]);
  await cp('test/golden/pickles/code.pt', join(folder, 'code.pt'));
  for (const [path, message] of [
    [other, `contextura: ${other} holds 1 tensors of no known kind (h.0.attn.weight, …)`],
    ['package.json', 'contextura: package.json is not a usable .safetensors file: '],
    [folder, `contextura: ${folder} holds no model (model_index.json), no run (run.json) and no component's weights`],
    [join(folder, 'none'), `contextura: ${join(folder, 'none')} does not exist: name a file of weights, a model’s folder or a run’s`],
    [join(folder, 'code.pt'), `contextura: ${join(folder, 'code.pt')} cannot be used: it asks to run posix.system; nothing was run`],
  ] as const) {
    const { status, stdout, stderr } = inspect(path);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr.startsWith(message), stderr).toBe(true);
    expect(stderr.trimEnd()).not.toContain('\n');
  }
});
