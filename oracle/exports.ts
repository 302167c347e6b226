/**
 * Our half of oracle/exports.py: each method learns examples/subjects/dog for a few large steps, everything is exported in
 * every layout that diffusers opens, and two prompts are drawn with each sampler.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { formatsOf, writeArtefact } from '../src/artefacts/write.ts';
import { parseRecipe } from '../src/config.ts';
import type { Recipe } from '../src/config.ts';
import { UserError } from '../src/errors.ts';
import { writeSafetensors } from '../src/files/safetensors.ts';
import { Engine } from '../src/graph/engine.ts';
import { Random } from '../src/graph/random.ts';
import { methodOf } from '../src/methods/index.ts';
import { subjectOf } from '../src/methods/learned.ts';
import type { Learned } from '../src/methods/learned.ts';
import type { Weights } from '../src/methods/method.ts';
import { loadModel, pixelSize } from '../src/models/load.ts';
import { Pipeline } from '../src/sampler/pipeline.ts';
import { customize } from '../src/trainer/customize.ts';
import { promptSet } from '../src/world/captions.ts';

const subject = 'dog';
const samplers = ['ddim', 'dpm++'] as const;
const seed = 7;
const steps = 20;
const guidance = 4;
/** Large enough that nobody could take the pictures for the base model's. */
const changes: Record<string, Partial<Recipe>> = {
  ti: { learningRate: 0.05, vectors: 2, steps: 12 },
  xti: { learningRate: 0.05, vectors: 2, steps: 12 },
  dreambooth: { learningRate: 3e-4, steps: 8 },
  'custom-diffusion': { learningRate: 5e-3, tokenLearningRate: 0.05, vectors: 2, steps: 12 },
  lora: { learningRate: 0.02, loraText: true, rank: 4, steps: 12 },
};

const { values } = parseArgs({ options: { out: { type: 'string' }, only: { type: 'string' } } });
if (values.out === undefined) throw new UserError('--out is missing: name a folder');
const out = resolve(values.out);
await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
const engine = new Engine();
const model = await loadModel('assets/tiny');
const { in_channels: channels, sample_size: side } = model.unet.config;
const size = pixelSize(model);
const scenes = (name: string): string[] => [`a ${name} in the snow`, `a photo of a ${name}`];

async function learn(method: string): Promise<Learned> {
  const recipe = parseRecipe({
    ...methodOf(method).defaults,
    images: `examples/subjects/${subject}`,
    class: subject,
    method,
    lambda: 0.01,
    batchSize: 2,
    accumulation: 1,
    promptBatch: 4,
    priorCount: 0,
    sampleEvery: 0,
    seed: 3,
    ...changes[method],
  });
  const run = customize({ engine, model, recipe, prompts: promptSet(subject, 50), versions: {}, out: join(out, method, 'run') });
  let event = await run.next();
  while (event.done !== true) event = await run.next();
  return event.value;
}

async function draw(
  prompts: readonly string[],
  learned: readonly Learned[],
  base = model,
): Promise<Record<(typeof samplers)[number], Float32Array>> {
  const pipeline = await Pipeline.create(engine, base, prompts.length, learned);
  const pictures = { ddim: new Float32Array(), 'dpm++': new Float32Array() };
  for (const sampler of samplers) {
    const pixels = new Float32Array(prompts.length * 3 * size * size);
    for await (const { index, pixels: picture } of pipeline.generate({ prompts, seed, sampler, steps, guidance }))
      pixels.set(picture, index * picture.length);
    pictures[sampler] = pixels;
  }
  await pipeline.release();
  return pictures;
}

const shape = [2, 3, size, size];
const noise = new Float32Array(2 * channels * side * side);
for (let i = 0; i < 2; i++) noise.set(new Random(seed).fork('picture', i).normals(channels * side * side), i * channels * side * side);
const tensors: Weights = { noise: { data: noise, shape: [2, channels, side, side] } };
const cases: { method: string; format: string; half: boolean; path: string; token: string; prompts: string[] }[] = [];
for (const name of Object.keys(changes).filter((one) => values.only === undefined || one === values.only)) {
  const learned = await learn(name);
  const prompts = scenes(subjectOf(learned));
  const plain = await draw(scenes(learned.method.learnsToken ? subject : subjectOf(learned)), []);
  const pictures = await draw(prompts, [learned]);
  const keep = (half: boolean, drawn: typeof pictures): void => {
    for (const sampler of samplers) {
      tensors[`${name}${half ? '.half' : ''}.${sampler}`] = { data: drawn[sampler], shape };
      tensors[`${name}${half ? '.half' : ''}.${sampler}.base`] = { data: plain[sampler], shape };
    }
  };
  keep(false, pictures);
  for (const format of formatsOf(learned)) {
    const rank = name === 'custom-diffusion' ? model.textEncoder.config.hidden_size : learned.settings.rank;
    const path = join(out, name, format.name);
    for (const half of format.isModel === undefined ? [false] : [false, true]) {
      const place = half ? `${path}-half` : path;
      await writeArtefact(place, { ...learned, settings: { ...learned.settings, rank } }, model, { format, half });
      cases.push({ method: name, format: format.name, half, path: place, token: learned.words[0]!.token, prompts });
      if (half && format.isModel === 'folder') keep(true, await draw(prompts, [], await loadModel(place)));
    }
  }
}
await writeSafetensors(join(out, 'ours.safetensors'), tensors, { about: JSON.stringify({ cases, samplers, steps, guidance }) });
await engine.close();
