import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { defineCommand } from 'citty';
import { UserError } from '../errors.ts';
import { writeAtomically } from '../files/atomic.ts';
import type { Engine } from '../graph/engine.ts';
import { examplePath, versions } from '../package.ts';
import { scalingReport } from '../report/scaling.ts';
import { measureContextualizer } from '../pretrain/bench-contextualizer.ts';
import { measureModel, measurePrimitives } from '../sweep/bench.ts';
import { measureFeatures } from '../sweep/bench-features.ts';
import { axes, growthOf, measureScaling } from '../sweep/scaling.ts';
import type { ScalingPoint } from '../sweep/scaling.ts';
import { measureCompiling, measureCustomize, measureUnet, writeSd15 } from '../sweep/sd15.ts';
import { methodNames } from '../methods/index.ts';
import { promptSet } from '../world/captions.ts';
import { modelDescription, modelFlags, openModel } from './model.ts';
import type { ModelRequest } from './model.ts';
import { lowMemoryFlag, numberFlag, openEngine, precisionFlag, say, sharedFlags } from './terminal.ts';

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
  const images = (args.images as string | undefined) ?? examplePath('subjects/dog');
  if (!existsSync(images)) throw new UserError(`${images} does not exist: give --images a folder of photographs`);
  const out = `${folder}-run-${process.pid}`;
  if (!existsSync(join(folder, 'model_index.json'))) {
    say(`writing random weights of Stable Diffusion 1.5's shape to ${folder} (4.7 GB, once)`);
    await writeSd15(folder, vocabularyFolder(args.vocabulary as string | undefined));
  }
  const engine = openEngine(args.device as string, args.precision as string, args['low-memory'] === true);
  const about = { device: engine.device, precision: engine.precision, threads: engine.threads };
  const listed = (seconds: readonly number[]): string => seconds.map((s) => s.toFixed(2)).join(', ');
  try {
    if (args.compiling === true) {
      const figures = await measureCompiling(engine, folder, promptBatch, steps);
      if (args.json === true) process.stdout.write(`${JSON.stringify({ ...about, ...figures })}\n`);
      else {
        say(`until a step could run ${listed(figures.compileSeconds)} s`);
        say(`processor              ${listed(figures.cpuSeconds)} s, ${engine.threads} threads together`);
      }
      return;
    }
    if (args.unet === true) {
      const figures = await measureUnet(engine, folder, steps, args.profile as string | undefined);
      if (args.json === true) process.stdout.write(`${JSON.stringify({ ...about, ...figures })}\n`);
      else {
        say(`tracing      ${figures.traceSeconds.toFixed(1)} s, session ${figures.sessionSeconds.toFixed(1)} s`);
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
    if (args.json === true) process.stdout.write(`${JSON.stringify({ ...about, ...figures })}\n`);
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

async function scaling(
  args: ModelRequest & { out?: string | undefined; json?: boolean | undefined; quiet?: boolean | undefined },
  engine: Engine,
): Promise<void> {
  const model = await openModel(args, args.quiet);
  const points: ScalingPoint[] = [];
  for await (const point of measureScaling(engine, model)) {
    points.push(point);
    const { axis, value, seconds, gflop } = point;
    if (args.quiet !== true)
      say(
        `${axis.padEnd(8)} ${String(value).padStart(4)}  ${(1000 * seconds).toFixed(1).padStart(8)} ms  ${(gflop / seconds).toFixed(0)} GFLOP/s`,
      );
  }
  await engine.close();
  const growth = Object.fromEntries(axes.map((axis) => [axis, growthOf(points, axis)]));
  const about = `${args.model}, textual inversion without the MLM objective, ${engine.threads} threads of ${cpus()[0]?.model ?? 'a processor'}, ${new Date().toISOString().slice(0, 10)}`;
  if (args.out !== undefined) await writeAtomically(args.out, scalingReport(about, points));
  if (args.json === true) process.stdout.write(`${JSON.stringify({ about, points, growth })}\n`);
  else {
    say(`power of growth: ${axes.map((axis) => `${axis} ${growth[axis]!.toFixed(2)}`).join(', ')} (1 is in proportion)`);
    if (args.out !== undefined) say(`${args.out} shows it`);
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
    compiling: { type: 'boolean', description: 'with --sd15: only how long a training step takes to compile, --steps times' },
    scaling: { type: 'boolean', description: 'a training step’s seconds against batch, picture size and vectors' },
    out: { type: 'string', description: 'with --scaling: an HTML file of the plots' },
    profile: { type: 'string', description: 'with --unet: prefix of a file for the time of each operator' },
    dir: { type: 'string', description: 'with --sd15: folder of the random checkpoint; contextura-sd15 in the system’s temporary folder' },
    vocabulary: { type: 'string', description: 'with --sd15: folder with CLIP’s vocab.json and merges.txt' },
    images: { type: 'string', description: 'with --sd15: folder of photographs; a bundled subject’s' },
    steps: { type: 'string', description: 'with --sd15: training steps', default: '3' },
    'prompt-batch': { type: 'string', description: 'with --sd15: rich prompts per step', default: '4' },
    lambda: { type: 'string', description: 'with --sd15: weight λ of the MLM objective', default: '1e-4' },
    ...precisionFlag,
    ...lowMemoryFlag,
    ...sharedFlags,
  },
  async run({ args }) {
    for (const flag of ['unet', 'compiling'] as const)
      if (args[flag] === true && args.sd15 !== true) throw new UserError(`--${flag} is of --sd15: give both`);
    if (args.scaling === true && args.sd15 === true) throw new UserError('--scaling is of the model that --model names: leave --sd15 out');
    if (args.out !== undefined && args.scaling !== true) throw new UserError(`--out ${args.out} is for the plots of --scaling: give both`);
    numberFlag('steps', args.steps, { min: 1, max: 1000, integer: true });
    if (args.sd15 === true) return sd15(args as Record<string, string | boolean | undefined>);
    const engine = openEngine(args.device, args.precision);
    if (args.scaling === true) return scaling(args, engine);
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
