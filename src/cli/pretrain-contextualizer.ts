/** `pretrain contextualizer`: ψ and p_mask for a text encoder. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { writeAtomically } from '../files/atomic.ts';
import { writeSafetensors } from '../files/safetensors.ts';
import { loadModel } from '../models/load.ts';
import { contextualizerFor, trainContextualizer } from '../pretrain/contextualizer.ts';
import { assetPath, numberFlag, openEngine, say } from './terminal.ts';
import type { Progress } from './terminal.ts';

export const contextualizerFlags = {
  model: { type: 'string', description: 'contextualizer: a folder in diffusers’ layout, or tiny', default: 'tiny' },
  corpus: { type: 'string', description: 'contextualizer: captions, one a line' },
  steps: { type: 'string', description: 'contextualizer: training steps', default: '2000' },
  batch: { type: 'string', description: 'contextualizer: captions per step', default: '48' },
  'mask-rate': { type: 'string', description: 'contextualizer: ρ', default: '0.15' },
  'learning-rate': { type: 'string', description: 'contextualizer: AdamW’s learning rate', default: '1e-3' },
} as const;

type FlagTable = typeof contextualizerFlags;
type Flags = { [K in keyof FlagTable]: FlagTable[K] extends { default: string } ? string : string | undefined } & {
  out?: string | undefined;
  seed: string;
  device: string;
  json?: boolean | undefined;
};

export async function pretrainContextualizerVerb(args: Flags, progress: Progress, signal: AbortSignal): Promise<void> {
  if (args.corpus === undefined) throw new UserError('--corpus is missing: name a text file with one caption a line');
  const text = await readFile(args.corpus, 'utf8').catch(() => {
    throw new UserError(`--corpus ${args.corpus} cannot be read: name a text file with one caption a line`);
  });
  const corpus = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (corpus.length === 0) throw new UserError(`--corpus ${args.corpus} holds no captions: one a line is expected`);
  const folder = args.model === 'tiny' ? assetPath('tiny') : args.model;
  const model = await loadModel(folder);
  const engine = openEngine(args.device);
  const steps = numberFlag('steps', args.steps, { min: 1, integer: true });
  const training = trainContextualizer(
    engine,
    { textEncoder: model.textEncoder.parameters, text: model.textEncoder.config, tokenizer: model.tokenizer },
    corpus,
    {
      steps,
      batchSize: numberFlag('batch', args.batch, { min: 1, max: 4096, integer: true }),
      maskRate: numberFlag('mask-rate', args['mask-rate'], { min: 0.01, max: 0.99 }),
      learningRate: numberFlag('learning-rate', args['learning-rate'], { min: 0, max: 10 }),
      seed: numberFlag('seed', args.seed, { min: 0, integer: true }),
    },
  );
  let next = await training.next();
  let last = {};
  for (; next.done !== true; next = await training.next()) {
    signal.throwIfAborted();
    const { step, loss, metrics } = next.value;
    last = { step, loss, ...metrics };
    progress.update('contextualizer', step, steps, `  loss ${loss.toFixed(3)} accuracy ${metrics.accuracy!.toFixed(3)}`);
  }
  const out = args.out ?? join(folder, 'contextualizer');
  await writeSafetensors(join(out, 'model.safetensors'), next.value, { format: 'pt' });
  await writeAtomically(join(out, 'config.json'), `${JSON.stringify(contextualizerFor(model.textEncoder.config), undefined, 2)}\n`);
  if (args.json === true) process.stdout.write(`${JSON.stringify({ out, ...last })}\n`);
  else say(`contextualizer in ${out}`);
  await engine.close();
}
