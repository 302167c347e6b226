/** Our half of oracle/pictures.py: pictures of the embedded model, the noise that they began with, a learned concept's vectors. */
import { parseArgs } from 'node:util';
import { writeSafetensors } from '../src/files/safetensors.ts';
import { Engine } from '../src/graph/engine.ts';
import { Random } from '../src/graph/random.ts';
import { loadModel } from '../src/models/load.ts';
import { Pipeline } from '../src/sampler/pipeline.ts';
import type { SamplerName } from '../src/sampler/samplers.ts';
import { readArtefact } from '../src/artefacts/read.ts';
import { subjectOf } from '../src/methods/learned.ts';

const { values } = parseArgs({
  options: {
    out: { type: 'string' },
    artefact: { type: 'string' },
    model: { type: 'string', default: 'assets/tiny' },
    subject: { type: 'string', default: 'dog' },
    sampler: { type: 'string', default: 'ddim' },
    steps: { type: 'string', default: '20' },
  },
});
const engine = new Engine();
const model = await loadModel(values.model);
const learned = values.artefact === undefined ? undefined : await readArtefact(values.artefact, model);
const subject = learned?.recipe === undefined ? values.subject : subjectOf(learned);
const prompts = [`a ${subject} in the snow`, `a ${subject} on the beach`, `a photo of a ${subject}`, `a purple ${subject}`];
const steps = Number(values.steps);
const pipeline = await Pipeline.create(engine, model, prompts.length, learned === undefined ? [] : [learned]);
const { in_channels: channels, sample_size: side } = model.unet.config;
const noise = new Float32Array(prompts.length * channels * side * side);
prompts.forEach((_, i) => noise.set(new Random(7).fork('picture', i).normals(channels * side * side), i * channels * side * side));
const size = 64;
const pixels = new Float32Array(prompts.length * 3 * size * size);
const pictures = pipeline.generate({ prompts, seed: 7, sampler: values.sampler as SamplerName, steps, guidance: 4 });
for await (const { index, pixels: picture } of pictures) pixels.set(picture, index * picture.length);
await writeSafetensors(
  values.out!,
  {
    noise: { data: noise, shape: [prompts.length, channels, side, side] },
    pixels: { data: pixels, shape: [prompts.length, 3, size, size] },
  },
  { prompts: JSON.stringify(prompts), steps: String(steps), sampler: values.sampler, token: learned?.words[0]!.token ?? '' },
);
await engine.close();
