import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { defineCommand } from 'citty';
import { UserError } from '../errors.ts';
import { toBytes, writePng } from '../files/images.ts';
import { freeMemory } from '../graph/free-memory.ts';
import { pixelSize } from '../models/load.ts';
import type { DiffusionModel } from '../models/load.ts';
import { refuseLargePictures } from '../sampler/forecast.ts';
import { Pipeline } from '../sampler/pipeline.ts';
import type { PictureSize } from '../sampler/pipeline.ts';
import { escapeEmphasis } from '../text/emphasis.ts';
import { subjectMark, withSubject } from '../text/prompts.ts';
import { readArtefact, scaled } from '../artefacts/read.ts';
import { subjectOf, tokenizerFor } from '../methods/learned.ts';
import type { Learned } from '../methods/learned.ts';
import { modelDescription, modelFlags, openModel } from './model.ts';
import { checkSampling, samplingFlags, samplingOf } from './sampling.ts';
import {
  counted,
  interruptible,
  lowMemoryFlag,
  numberFlag,
  openEngine,
  precisionFlag,
  Progress,
  say,
  sharedFlags,
  valuesOf,
} from './terminal.ts';

/** `a,b:0.7`: artefacts, each whole or with a share of its weights. */
async function readAll(list: string | undefined, model: DiffusionModel): Promise<Learned[]> {
  const out: Learned[] = [];
  for (const part of list?.split(',') ?? []) {
    const colon = existsSync(part) ? -1 : part.lastIndexOf(':');
    const learned = await readArtefact(colon === -1 ? part : part.slice(0, colon), model);
    out.push(colon === -1 ? learned : scaled(learned, numberFlag('artefact', part.slice(colon + 1), { min: -2, max: 2 }), model));
  }
  return out;
}

/** `768`, or `768x512`. */
function parseSize(text: string): PictureSize {
  const [, width, height = width] = /^(\d{1,5})(?:[x×](\d{1,5}))?$/.exec(text) ?? [];
  if (width === undefined) throw new UserError(`--size ${text}: pixels are expected, as 768 or 768x512 (width x height)`);
  return { width: Number(width), height: Number(height) };
}

export const generate = defineCommand({
  meta: { name: 'generate', description: 'pictures from a prompt, with or without a learned subject' },
  args: {
    prompt: { type: 'string', description: 'what to show; {subject} stands for the learned subject' },
    negative: { type: 'string', description: 'what not to show', default: '' },
    artefact: {
      type: 'string',
      description: 'a run’s folder, or a file of learned weights; several with commas, each with a share: a,b:0.7',
    },
    model: { type: 'string', description: modelDescription, default: 'tiny' },
    ...modelFlags,
    emphasis: {
      type: 'boolean',
      description: 'brackets in prompts weight words: (more), [less], (exactly:1.3); \\( is a bracket',
      default: false,
    },
    size: { type: 'string', description: 'pixels, as 768 or 768x512 (width x height); the model’s own where it is left out' },
    batch: { type: 'string', description: 'pictures drawn at once; 8, or 1 of large ones' },
    n: { type: 'string', description: 'pictures', default: '8' },
    ...samplingFlags,
    karras: { type: 'boolean', description: 'Karras’ noise levels, with euler and dpm++', default: false },
    out: { type: 'string', description: 'folder of the pictures' },
    ...precisionFlag,
    ...lowMemoryFlag,
    ...sharedFlags,
  },
  async run({ args, rawArgs }) {
    if (valuesOf('prompt', rawArgs).length > 1) throw new UserError('--prompt is given more than once: draw one prompt after another');
    if (valuesOf('artefact', rawArgs).length > 1)
      throw new UserError('--artefact is given more than once: name several in one, with commas');
    if (args.prompt === undefined || args.prompt.trim() === '')
      throw new UserError('--prompt is missing: say what the pictures should show');
    if (args.out === undefined) throw new UserError('--out is missing: name a folder for the pictures');
    checkSampling(args);
    const count = numberFlag('n', args.n, { min: 1, max: 10_000, integer: true });
    const seed = numberFlag('seed', args.seed, { min: 0, integer: true });
    const paths = Array.from({ length: count }, (_, i) => join(args.out!, `${String(i).padStart(4, '0')}.png`));
    const taken = paths.find((path) => existsSync(path));
    if (taken !== undefined) throw new UserError(`${taken} exists already: choose another --out`);
    const asked = args.size === undefined ? undefined : parseSize(args.size);
    const batch = args.batch === undefined ? undefined : numberFlag('batch', args.batch, { min: 1, max: 256, integer: true });
    const engine = openEngine(args.device, args.precision, args['low-memory']);
    const model = await openModel(args, args.quiet);
    const learned = await readAll(args.artefact, model);
    if (args.prompt.includes(subjectMark) && learned.length === 0)
      throw new UserError(`--prompt names ${subjectMark}, and there is no --artefact to take it from`);
    if (args.prompt.includes(subjectMark) && learned.length > 1)
      throw new UserError(`--prompt names ${subjectMark}, and --artefact several: write ${learned.map(subjectOf).join(' or ')} instead`);
    const prompt =
      learned.length === 0
        ? args.prompt
        : withSubject(args.prompt, args.emphasis ? escapeEmphasis(subjectOf(learned[0]!)) : subjectOf(learned[0]!));
    const [length, read] = [tokenizerFor(model, learned).encode(prompt).length, model.textEncoder.config.max_position_embeddings - 2];
    if (length > read && args.emphasis !== true)
      say(`the prompt is ${length} tokens long, of which the text encoder reads the first ${read}: what comes later changes nothing`);
    const size = asked ?? { width: pixelSize(model), height: pixelSize(model) };
    const signal = interruptible();
    const together = Math.min(count, batch ?? (size.width * size.height > 128 * 128 ? 1 : 8));
    if (engine.device === 'cpu') await refuseLargePictures(engine, model, together, learned, size, freeMemory());
    const pipeline = await Pipeline.create(engine, model, together, learned, size);
    const progress = new Progress(args.quiet === true);
    const pictures = pipeline.generate({
      prompts: paths.map(() => prompt),
      negative: args.negative,
      emphasis: args.emphasis,
      seed,
      ...samplingOf(args, model),
      karras: args.karras,
      signal,
    });
    for await (const { index, pixels } of pictures) {
      await writePng(paths[index]!, toBytes(pixels, size.width, size.height), size.width, size.height);
      progress.update('picture', index + 1, count);
    }
    if (args.json === true) process.stdout.write(`${JSON.stringify({ prompt, seed, pictures: paths })}\n`);
    else say(`${counted(count, 'picture')} in ${args.out}`);
    await engine.close();
  },
});
