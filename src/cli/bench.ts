import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { defineCommand } from 'citty';
import { UserError } from '../errors.ts';
import { measureContextualizer } from '../pretrain/bench-contextualizer.ts';
import { measureModel, measurePrimitives } from '../sweep/bench.ts';
import { measureFeatures } from '../sweep/bench-features.ts';
import { measureCustomize, measureUnet, writeSd15 } from '../sweep/sd15.ts';
import { methodNames } from '../methods/index.ts';
import { promptSet } from '../world/captions.ts';
import { modelDescription, modelFlags, openModel } from './model.ts';
import { numberFlag, openEngine, say, sharedFlags, versions } from './terminal.ts';

/** CLIP's vocabulary: as asked, or where a checkout beside this one keeps it. */
function vocabularyFolder(given: string | undefined): string {
  const folder = given ?? process.env.CONTEXTURA_CLIP_VOCABULARY ?? resolve('../shared/clip-bpe');
  if (!existsSync(folder))
    throw new UserError(`${folder} does not exist: give --vocabulary the tokenizer folder of a Stable Diffusion 1 checkpoint`);
  return folder;
}

async function sd15(args: Record<string, string | boolean | undefined>): Promise<void> {
  const steps = numberFlag('steps', args.steps as string, { min: 1, integer: true });
  const promptBatch = numberFlag('prompt-batch', args['prompt-batch'] as string, { min: 1, integer: true });
  const lambda = numberFlag('lambda', args.lambda as string, { min: 0 });
  const folder = (args.dir as string | undefined) ?? join(tmpdir(), 'contextura-sd15');
  const images = (args.images as string | undefined) ?? resolve('../shared/dreambooth/dataset/dog');
  if (!existsSync(images)) throw new UserError(`${images} does not exist: give --images a folder of photographs`);
  const out = `${folder}-run-${process.pid}`;
  if (!existsSync(join(folder, 'model_index.json'))) {
    say(`writing random weights of Stable Diffusion 1.5's shape to ${folder} (4.7 GB, once)`);
    await writeSd15(folder, vocabularyFolder(args.vocabulary as string | undefined));
  }
  const engine = openEngine(args.device as string);
  const listed = (seconds: readonly number[]): string => seconds.map((s) => s.toFixed(2)).join(', ');
  try {
    if (args.unet === true) {
      const figures = await measureUnet(engine, folder, steps, args.profile as string | undefined);
      if (args.json === true) process.stdout.write(`${JSON.stringify({ threads: engine.threads, ...figures })}\n`);
      else {
        say(`compiling    ${figures.compileSeconds.toFixed(1)} s`);
        say(`steps        ${listed(figures.stepSeconds)} s, of ${figures.teraflops.toFixed(2)} TFLOP`);
        say(`processor    ${listed(figures.cpuSeconds)} s, ${engine.threads} threads together`);
        say(`peak memory  ${figures.peakGB.toFixed(2)} GB, predicted ${figures.predictedGB.toFixed(2)}`);
      }
      return;
    }
    const figures = await measureCustomize({
      engine,
      folder,
      images,
      subject: 'dog',
      richPrompts: promptSet('dog', 200),
      method: args.method as string,
      promptBatch,
      lambda,
      steps,
      out,
      versions: versions(),
    });
    if (args.json === true) process.stdout.write(`${JSON.stringify({ threads: engine.threads, ...figures })}\n`);
    else {
      say(`until the first step ${figures.prepareSeconds.toFixed(1)} s`);
      say(`steps                ${listed(figures.stepSeconds)} s`);
      say(`processor            ${listed(figures.cpuSeconds)} s, ${engine.threads} threads together`);
      say(`peak memory          ${figures.peakGB.toFixed(2)} GB`);
    }
  } finally {
    await engine.close();
    await rm(out, { recursive: true, force: true });
  }
}

export const bench = defineCommand({
  meta: { name: 'bench', description: 'steps per second and GFLOP/s on this machine' },
  args: {
    model: { type: 'string', description: modelDescription, default: 'tiny' },
    ...modelFlags,
    sd15: { type: 'boolean', description: 'customize at Stable Diffusion 1.5’s size, on random weights' },
    method: { type: 'string', description: `with --sd15: ${methodNames().join(', ')}`, default: 'ti' },
    unet: { type: 'boolean', description: 'with --sd15: the U-Net alone, forwards and backwards to the prompt' },
    profile: { type: 'string', description: 'with --unet: prefix of a file for the time of each operator' },
    dir: { type: 'string', description: 'with --sd15: folder of the random checkpoint; contextura-sd15 in the system’s temporary folder' },
    vocabulary: { type: 'string', description: 'with --sd15: folder with CLIP’s vocab.json and merges.txt' },
    images: { type: 'string', description: 'with --sd15: folder of photographs' },
    steps: { type: 'string', description: 'with --sd15: training steps', default: '3' },
    'prompt-batch': { type: 'string', description: 'with --sd15: rich prompts per step', default: '4' },
    lambda: { type: 'string', description: 'with --sd15: weight λ of the MLM objective', default: '1e-4' },
    ...sharedFlags,
  },
  async run({ args }) {
    if (args.sd15 === true) return sd15(args as Record<string, string | boolean | undefined>);
    const engine = openEngine(args.device);
    const primitives = await measurePrimitives(engine);
    const model = await openModel(args, args.quiet);
    const steps = await measureModel(engine, model);
    steps.push(await measureContextualizer(engine));
    const features = await measureFeatures(engine);
    await engine.close();
    if (args.json === true) process.stdout.write(`${JSON.stringify({ primitives, steps, features })}\n`);
    else {
      for (const { name, perSecond, gflops } of [...primitives, ...steps, ...features])
        say(`${name.padEnd(34)} ${perSecond.toFixed(1).padStart(8)}/s  ${gflops.toFixed(0).padStart(5)} GFLOP/s`);
    }
  },
});
