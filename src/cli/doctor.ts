import { createRequire } from 'node:module';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { defineCommand } from 'citty';
import { devices } from '../graph/device.ts';
import type { Device } from '../graph/device.ts';
import { listGpus, probe } from '../graph/probe.ts';
import type { Probe } from '../graph/probe.ts';
import { freeMemory } from '../graph/free-memory.ts';
import { filesKept, latentsIn, programsIn } from '../kept.ts';
import { version } from '../package.ts';
import { measurePrimitives } from '../sweep/bench.ts';
import { estimate } from '../sweep/estimate.ts';
import type { Cost, Estimate } from '../sweep/estimate.ts';
import { modelDescription, modelFlags, openModel } from './model.ts';
import { counted, keptFolder, openEngine, say, sharedFlags } from './terminal.ts';

const two = (x: number): number => Number(x.toPrecision(2));
const gibibytes = (bytes: number): number => Math.round(bytes / 2 ** 27) / 8;

/** A cost to the two digits that it is good for. */
const rounded = ({ flops, seconds, memory }: Cost): { gflop: number; seconds: number; memoryGB: number } => ({
  gflop: two(flops / 1e9),
  seconds: two(seconds),
  memoryGB: two(memory / 1e9),
});

function modelFacts(name: string, { pixels, parameters, bytes, trainingStep, pictures, samplerSteps, timed }: Estimate, free: number) {
  return {
    name,
    pixels,
    parameters,
    weightsGB: two(bytes / 1e9),
    trainingStep: rounded(trainingStep),
    picture: { samplerSteps, ...rounded(pictures) },
    fits: { trainingStep: trainingStep.memory < free, picture: pictures.memory < free },
    timedShare: two(timed),
  };
}

/** What is said of a model on a terminal. */
function modelLines({
  name,
  pixels,
  parameters,
  weightsGB,
  trainingStep,
  picture,
  fits,
  timedShare,
}: ReturnType<typeof modelFacts>): string[] {
  const line = (what: string, { seconds, memoryGB }: typeof trainingStep, enough: boolean): string =>
    `${what.padEnd(34)} about ${seconds} s and ${memoryGB} GB of memory${enough ? '' : ': more than is free here'}`;
  return [
    `${name}: ${parameters.toLocaleString('en')} parameters in ${weightsGB} GB, pictures of ${pixels} × ${pixels} pixels`,
    line('a step of textual inversion', trainingStep, fits.trainingStep),
    line(`a picture in ${picture.samplerSteps} steps`, picture, fits.picture),
    `estimates, not runs: ${Math.round(100 * timedShare)} % of the arithmetic was timed at its own size, the rest goes by rates`,
  ];
}

/** The folder of what is kept for other runs, and what lies in it. */
async function whatIsKept(): Promise<{ folder: string; programs: number; pictures: number; megabytes: number } | null> {
  const folder = keptFolder();
  if (folder === undefined) return null;
  const [programs, latents] = [await filesKept(programsIn(folder)), await filesKept(latentsIn(folder))];
  const bytes = [...programs, ...latents].reduce((sum, file) => sum + file.bytes, 0);
  return { folder, programs: programs.length, pictures: latents.length, megabytes: Math.round(bytes / 1e6) };
}

/** What trying a device out has shown. */
function finding(device: Device): Probe {
  const found = probe(device);
  return 'why' in found ? found : { gflops: two(found.gflops) };
}

export const doctor = defineCommand({
  meta: { name: 'doctor', description: 'what this machine has and how fast it is; what a model would take here' },
  args: {
    model: { type: 'string', description: `estimate a training step and a picture of this model: ${modelDescription}` },
    ...modelFlags,
    ...sharedFlags,
  },
  async run({ args }) {
    const engine = openEngine(args.device);
    const ort = (createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string }).version;
    const free = freeMemory();
    const model = args.model === undefined ? undefined : await openModel({ ...args, model: args.model }, args.quiet);
    const speeds = await measurePrimitives(engine, 300);
    const facts = model === undefined ? undefined : modelFacts(args.model!, await estimate(engine, model), free);
    await engine.close();
    const machine = {
      contextura: version,
      node: process.versions.node,
      onnxruntime: ort,
      device: engine.device,
      devices: Object.fromEntries(devices.filter((device) => device !== 'cpu').map((device) => [device, finding(device)])),
      gpus: listGpus(),
      cpu: cpus()[0]?.model ?? 'unknown',
      threads: availableParallelism(),
      memoryGiB: gibibytes(totalmem()),
      freeGiB: gibibytes(free),
      kept: await whatIsKept(),
      gflops: Object.fromEntries(speeds.map(({ name, gflops }) => [name, two(gflops)])),
    };
    if (args.json === true) {
      process.stdout.write(`${JSON.stringify({ ...machine, ...(facts !== undefined && { model: facts }) })}\n`);
      return;
    }
    const { gflops, devices: others, gpus, kept, ...plain } = machine;
    for (const [key, value] of Object.entries(plain)) say(`${key.padEnd(12)} ${value}`);
    say(`${'gpus'.padEnd(12)} ${gpus.length > 0 ? gpus.join(', ') : 'none that the system names'}`);
    const slower = (rate: number): string => (rate < gflops.matmul! ? ', slower than the processor: auto leaves it alone' : '');
    for (const [name, found] of Object.entries(others)) {
      say(`${name.padEnd(12)} ${'why' in found ? found.why : `works, ${found.gflops} GFLOP/s in a matrix product${slower(found.gflops)}`}`);
    }
    const found =
      kept &&
      `${counted(kept.programs, 'program')}, latents of ${counted(kept.pictures, 'picture')}, ${kept.megabytes} MB, in ${kept.folder}`;
    say(`${'kept'.padEnd(12)} ${found ?? 'nothing: $CONTEXTURA_CACHE is off'}`);
    const rates = Object.entries(gflops).map(([name, rate]) => `${name} ${rate} GFLOP/s`);
    say(`${'speed'.padEnd(12)} ${rates.join(', ')}`);
    if (facts !== undefined) for (const line of modelLines(facts)) say(line);
  },
});
