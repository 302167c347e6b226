/** `pretrain contextualizer`: ψ and p_mask for a text encoder. */
import { followed } from '../events.ts';
import { UserError } from '../errors.ts';
import { textEncoderHash, writeContextualizer } from '../models/contextualizer-file.ts';
import { contextualizerFolder, loadModel } from '../models/load.ts';
import { contextualizerFor } from '../pretrain/contextualizer.ts';
import { clearWork, runContextualizer } from '../pretrain/contextualizer-run.ts';
import type { ContextualizerResult } from '../pretrain/contextualizer-run.ts';
import { readCorpora } from '../pretrain/corpora.ts';
import { locateModel, modelDescription, modelFlags } from './model.ts';
import { numberFlag, openEngine, say, valuesOf } from './terminal.ts';
import type { Progress } from './terminal.ts';

export const contextualizerFlags = {
  model: { type: 'string', description: `contextualizer: ${modelDescription}`, default: 'tiny' },
  variant: { ...modelFlags.variant, description: `contextualizer: ${modelFlags.variant.description}` },
  offline: { ...modelFlags.offline, description: `contextualizer: ${modelFlags.offline.description}` },
  corpus: {
    type: 'string',
    description:
      'contextualizer: grammar, world (captions of the embedded model’s pictures), a text file with one caption a line, COCO captions (.json); several parted by commas, or the flag again',
    default: 'grammar',
  },
  epochs: { type: 'string', description: 'contextualizer: passes over the corpus at most', default: '20' },
  steps: { type: 'string', description: 'contextualizer: training steps at most', default: '20000' },
  patience: { type: 'string', description: 'contextualizer: epochs without a better held-out loss before it ends', default: '2' },
  'held-out': { type: 'string', description: 'contextualizer: share of the captions held out', default: '0.05' },
  depth: { type: 'string', description: 'contextualizer: self-attention layers', default: '2' },
  heads: { type: 'string', description: 'contextualizer: attention heads; the text encoder’s' },
  width: { type: 'string', description: 'contextualizer: width; the text encoder’s' },
  head: { type: 'string', description: 'contextualizer: free, or tied to the text encoder’s token embeddings', default: 'free' },
  batch: { type: 'string', description: 'contextualizer: captions per step', default: '48' },
  'mask-rate': { type: 'string', description: 'contextualizer: ρ', default: '0.15' },
  'learning-rate': { type: 'string', description: 'contextualizer: AdamW’s learning rate', default: '1e-3' },
  token: { type: 'string', description: 'contextualizer: the concept’s token, which no caption may hold', default: '<v>' },
} as const;

type FlagTable = typeof contextualizerFlags;
type Flags = { [K in Exclude<keyof FlagTable, 'offline'>]: FlagTable[K] extends { default: string } ? string : string | undefined } & {
  offline?: boolean | undefined;
  out?: string | undefined;
  seed: string;
  device: string;
  json?: boolean | undefined;
  quiet?: boolean | undefined;
};

/** Every value of a flag that may be given several times, each perhaps a list. */
export function repeated(name: string, rawArgs: readonly string[], otherwise: string): string[] {
  const given = valuesOf(name, rawArgs);
  const all = (given.length === 0 ? [otherwise] : given).flatMap((value) => value.split(',')).map((value) => value.trim());
  return [...new Set(all.filter((value) => value !== ''))];
}

export async function pretrainContextualizerVerb(
  args: Flags,
  rawArgs: readonly string[],
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const natural = (name: keyof Flags, min: number, max: number): number =>
    numberFlag(name, args[name] as string, { min, max, integer: true });
  const folder = await locateModel(args, args.quiet);
  if (args.model === 'tiny' && args.out === undefined)
    throw new UserError('--out is missing: the embedded model has a contextualizer of its own, so name a .safetensors file for another');
  const out = args.out ?? `${contextualizerFolder(folder)}.safetensors`;
  if (!out.endsWith('.safetensors')) throw new UserError(`--out ${out}: the name of a .safetensors file is expected`);
  if (args.head !== 'free' && args.head !== 'tied') throw new UserError(`--head ${args.head}: free or tied is expected`);
  const sources = repeated('corpus', rawArgs, args.corpus);
  if (sources.length === 0)
    throw new UserError('--corpus is empty: name text files with one caption a line, COCO captions, grammar or world');
  const model = await loadModel(folder);
  const text = model.textEncoder.config;
  const width = args.width === undefined ? text.hidden_size : natural('width', 1, 8192);
  const heads = args.heads === undefined ? text.num_attention_heads : natural('heads', 1, 256);
  if (width % heads !== 0) throw new UserError(`--heads ${heads}: ψ’s width ${width} must be a multiple of it`);
  const config = contextualizerFor(text, { depth: natural('depth', 0, 24), heads, width, head: args.head });
  const seed = numberFlag('seed', args.seed, { min: 0, integer: true });
  const run = {
    config,
    batchSize: natural('batch', 1, 4096),
    maskRate: numberFlag('mask-rate', args['mask-rate'], { min: 0.01, max: 0.99 }),
    learningRate: numberFlag('learning-rate', args['learning-rate'], { min: 0, max: 10 }),
    epochs: natural('epochs', 1, 10_000),
    steps: natural('steps', 1, 10_000_000),
    patience: natural('patience', 1, 1000),
    heldOut: numberFlag('held-out', args['held-out'], { min: 0.001, max: 0.5 }),
    seed,
    work: `${out}.partial`,
    signal,
  };
  const corpus = await readCorpora(sources, { token: args.token, seed });
  const hash = textEncoderHash(model.textEncoder.tensors!);
  const engine = openEngine(args.device);
  const training = runContextualizer(
    engine,
    { textEncoder: model.textEncoder.parameters, text, tokenizer: model.tokenizer },
    corpus.captions,
    run,
  );
  const tell = args.quiet === true ? (): void => undefined : say;
  signal.addEventListener('abort', () => tell(`stopping after this step; the same command goes on from ${run.work}`), { once: true });
  let unigram = 0;
  const { weights, best, evaluations, stoppedEarly }: ContextualizerResult = await followed(training, (event) => {
    if (event.kind === 'start') {
      unigram = event.unigram;
      tell(
        `${event.training} captions to learn from, ${event.heldOut} held out, ${event.length} tokens, ${event.stepsPerEpoch} steps an epoch; always guessing one word gets ${(100 * unigram).toFixed(1)} %`,
      );
    } else if (event.kind === 'step')
      progress.update('contextualizer', event.step, event.steps, `  loss ${event.loss.toFixed(3)} accuracy ${event.accuracy.toFixed(3)}`);
    else {
      const { epoch, accuracy, perplexity } = event.evaluation;
      tell(
        `epoch ${Number(epoch.toFixed(2))}: held-out accuracy ${(100 * accuracy).toFixed(1)} %, perplexity ${perplexity.toFixed(2)}${event.best ? '' : ' (not better)'}`,
      );
    }
  });
  const provenance = { sources: corpus.sources, batch: run.batchSize, maskRate: run.maskRate, learningRate: run.learningRate, seed };
  await writeContextualizer(out, weights, config, hash, {
    training: JSON.stringify(provenance),
    held_out: JSON.stringify({ ...best, unigram }),
  });
  await clearWork(run.work);
  await engine.close();
  if (args.json === true)
    process.stdout.write(
      `${JSON.stringify({ out, best, unigram, evaluations, stoppedEarly, sources: corpus.sources, textEncoder: hash })}\n`,
    );
  else say(`contextualizer in ${out}: held-out accuracy ${(100 * best.accuracy).toFixed(1)} %, perplexity ${best.perplexity.toFixed(2)}`);
}
