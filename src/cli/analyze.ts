import { join } from 'node:path';
import { defineCommand } from 'citty';
import { UserError } from '../errors.ts';
import { headlineSide, heatMap, measureAttention, meanSklBy, sklByPrompt, tokenMap } from '../evaluation/attention.ts';
import type { AttentionPicture, AttentionRow } from '../evaluation/attention.ts';
import { Probe } from '../evaluation/probe.ts';
import type { ReadPrompt } from '../evaluation/probe.ts';
import { openRun } from '../evaluation/run.ts';
import type { CustomizedRun } from '../evaluation/run.ts';
import { toCsv } from '../evaluation/scores.ts';
import { clusterBootstrap, pairedBootstrap } from '../evaluation/statistics.ts';
import { textSimilarities } from '../evaluation/text-space.ts';
import type { TextSimilarity } from '../evaluation/text-space.ts';
import { measureTheory } from '../evaluation/theory.ts';
import type { Theory } from '../evaluation/theory.ts';
import { writeAtomically } from '../files/atomic.ts';
import { contactSheet, encodePng, toBytes, writePng } from '../files/images.ts';
import type { Engine } from '../graph/engine.ts';
import { pixelSize } from '../models/load.ts';
import { theoryNumbers, theoryReport } from '../report/theory.ts';
import { readPrompts } from '../text/prompts.ts';
import { promptSet } from '../world/captions.ts';
import { classNames } from '../world/identity.ts';
import type { ClassName } from '../world/identity.ts';
import { modelFolder } from './scorers.ts';
import { interruptible, numberFlag, openEngine, Progress, say, sharedFlags } from './terminal.ts';

/** Prompts of the embedded world that no bundled prompt set trains on. */
function heldOutPrompts(className: string, count: number): readonly string[] {
  if (!(classNames as readonly string[]).includes(className))
    throw new UserError(`--prompts is missing: name a file of prompts with {subject} (none are bundled for the class ${className})`);
  const all = promptSet(className as ClassName, Infinity);
  const trained = new Set(promptSet(className as ClassName, 200));
  return all.filter((prompt) => !trained.has(prompt)).slice(0, count);
}

interface Analysed {
  run: CustomizedRun;
  read: ReadPrompt[];
  text: TextSimilarity[];
  attention: { rows: AttentionRow[]; pictures: AttentionPicture[] } | undefined;
  theory: Theory | undefined;
}

interface Figures {
  sim1: number;
  sim2: number;
  skl?: number;
  n: number;
  intervals: Record<string, { lo: number; hi: number }>;
  sklBySide?: Record<string, number>;
  sklByStep?: Record<string, number>;
}

type Columns = { sim1: number[]; sim2: number[]; skl?: number[] };

function columnsOf({ read, text, attention }: Analysed): Columns {
  const skl = attention === undefined ? undefined : sklByPrompt(attention.rows, headlineSide(attention.rows));
  return {
    sim1: text.map((one) => one.sim1),
    sim2: text.map((one) => one.sim2),
    ...(skl !== undefined && { skl: read.flatMap(({ prompt }) => skl.get(prompt) ?? []) }),
  };
}

function figuresOf(analysed: Analysed): Figures {
  const estimates = Object.entries(columnsOf(analysed)).map(
    ([name, values]) => [name, clusterBootstrap((values as number[]).map((x) => [x]))] as const,
  );
  const { attention } = analysed;
  const headline = attention === undefined ? [] : attention.rows.filter(({ side }) => side === headlineSide(attention.rows));
  return {
    ...(Object.fromEntries(estimates.map(([name, { mean }]) => [name, mean])) as { sim1: number; sim2: number; skl?: number }),
    n: analysed.read.length,
    intervals: Object.fromEntries(estimates.map(([name, { lo, hi }]) => [name, { lo, hi }])),
    ...(attention !== undefined && { sklBySide: meanSklBy(attention.rows, 'side'), sklByStep: meanSklBy(headline, 'step') }),
  };
}

/** Heat maps of the concept and of each context word over the picture, a row a prompt; one file each, and a sheet. */
async function drawMaps({ run, attention }: Analysed, folder: string): Promise<void> {
  const size = pixelSize(run.model);
  const tiles: Uint8Array[] = [];
  const columns = 2 + Math.max(...attention!.pictures.map(({ read }) => new Set(read.words).size));
  for (const [p, { read, pixels, maps }] of attention!.pictures.entries()) {
    const sides = [...maps.keys()].toSorted((a, b) => b - a);
    const side = sides.find((one) => one <= 16) ?? sides.at(-1)!;
    const values = maps.get(side)!;
    const length = values.length / side ** 2;
    const mean = (tokens: readonly number[]): Float64Array => {
      const own = tokens.map((token) => tokenMap(values, side, length, 0, token));
      return own[0]!.map((_, i) => own.reduce((sum, map) => sum + map[i]!, 0) / own.length);
    };
    const words = new Map<string, number[]>();
    read.words.forEach((word, i) => words.set(word, [...(words.get(word) ?? []), read.context.with[i]!]));
    const row = [toBytes(pixels, size), heatMap(pixels, size, mean(read.concept))];
    const name = String(p).padStart(3, '0');
    await writePng(join(folder, `${name}.png`), row[0]!, size);
    await writePng(join(folder, `${name}-concept.png`), row[1]!, size);
    for (const [word, tokens] of words) {
      row.push(heatMap(pixels, size, mean(tokens)));
      await writePng(join(folder, `${name}-${word}.png`), row.at(-1)!, size);
    }
    while (row.length < columns) row.push(new Uint8Array(3 * size * size).fill(255));
    tiles.push(...row);
  }
  const sheet = contactSheet(tiles, size, columns);
  await writeAtomically(join(folder, 'sheet.png'), await encodePng(sheet.bytes, sheet.width, sheet.height));
}

export const analyze = defineCommand({
  meta: { name: 'analyze', description: 'sim1, sim2 and SKL of a run, against a baseline, with attention maps' },
  args: {
    run: { type: 'positional', required: true, description: 'a run’s folder' },
    against: { type: 'string', description: 'the run to compare with: the same subject without the MLM objective, say' },
    prompts: { type: 'string', description: 'prompts, one a line, with {subject}; by default 200 that bundled sets do not train on' },
    n: { type: 'string', description: 'prompts at most', default: '200' },
    'text-only': { type: 'boolean', description: 'only the text encoder: no pictures, no attention', default: false },
    'attention-prompts': { type: 'string', description: 'how many prompts are sampled; by default all' },
    steps: { type: 'string', description: 'sampling steps', default: '10' },
    guidance: { type: 'string', description: 'classifier-free guidance; by default 4 for the embedded model, else 7.5' },
    theory: { type: 'boolean', description: 'measure what the paper’s propositions 1, 2 and 4 say, too', default: false },
    shown: { type: 'string', description: 'prompts whose attention is drawn', default: '8' },
    out: { type: 'string', description: 'folder of what comes out; by default analysis/ in the run' },
    ...sharedFlags,
  },
  async run({ args }) {
    const count = numberFlag('n', args.n, { min: 1, max: 100_000, integer: true });
    const steps = numberFlag('steps', args.steps, { min: 1, max: 1000, integer: true });
    const shown = numberFlag('shown', args.shown, { min: 0, max: 1000, integer: true });
    const seed = numberFlag('seed', args.seed, { min: 0, integer: true });
    const out = args.out ?? join(args.run, 'analysis');
    const signal = interruptible();
    const run = await openRun(args.run, modelFolder);
    const baseline = args.against === undefined ? undefined : await openRun(args.against, modelFolder);
    if (baseline !== undefined && baseline.recipe.class !== run.recipe.class)
      throw new UserError(
        `--against ${args.against} learned a ${baseline.recipe.class} and ${args.run} a ${run.recipe.class}: compare runs of one subject`,
      );
    const { class: className, token } = run.recipe;
    const prompts = (args.prompts === undefined ? heldOutPrompts(className, count) : await readPrompts(args.prompts, token)).slice(
      0,
      count,
    );
    const photographs = pixelSize(run.model) > 128;
    const guidance = numberFlag('guidance', args.guidance ?? (photographs ? '7.5' : '4'), { min: 0, max: 100 });
    const sampled = numberFlag('attention-prompts', args['attention-prompts'] ?? String(count), { min: 1, integer: true });
    const engine = openEngine(args.device);
    const progress = new Progress(args.quiet === true);
    const analyse = async (one: CustomizedRun, name: string): Promise<Analysed> =>
      analyseRun(engine, one, {
        prompts,
        name,
        sampled: args['text-only'] ? 0 : sampled,
        theory: args.theory,
        sampling: { batch: photographs ? 1 : 8, steps, guidance, seed, shown, signal },
        onPrompt: (done, of) => progress.update(`${name}: prompt`, done, of),
      });
    const own = await analyse(run, 'run');
    const other = baseline === undefined ? undefined : await analyse(baseline, 'baseline');
    if (other !== undefined && other.read.length !== own.read.length)
      throw new UserError(`--against ${args.against}: its placeholder is so long that other prompts fit: give shorter prompts`);
    const result: Figures & { baseline?: Figures; difference?: Record<string, { mean: number; low: number; high: number }> } =
      figuresOf(own);
    if (other !== undefined) {
      result.baseline = figuresOf(other);
      const [a, b] = [columnsOf(own), columnsOf(other)];
      result.difference = Object.fromEntries(
        Object.entries(a).map(([name, values]) => [
          name,
          pairedBootstrap((values as number[]).map((x, i) => x - b[name as keyof Columns]![i]!)),
        ]),
      );
    }
    const columns = [own, ...(other === undefined ? [] : [other])].flatMap(({ theory }, i) =>
      theory === undefined ? [] : [{ name: i === 0 ? 'run' : 'baseline', theory }],
    );
    if (columns.length > 0) {
      await writeAtomically(join(out, 'theory.html'), theoryReport(`${args.run}: the propositions, measured`, columns));
      const numbers = Object.fromEntries(columns.map((column) => [column.name, theoryNumbers(column)]));
      await writeAtomically(join(out, 'theory.json'), `${JSON.stringify(numbers, undefined, 2)}\n`);
    }
    await writeAtomically(join(out, 'analysis.json'), `${JSON.stringify(result, undefined, 2)}\n`);
    const named = { run: own, ...(other !== undefined && { baseline: other }) };
    for (const [name, analysed] of Object.entries(named)) {
      await writeAtomically(join(out, `${name}-text.csv`), toCsv(analysed.text, ['prompt', 'sim1', 'sim2']));
      if (analysed.attention === undefined) continue;
      await writeAtomically(join(out, `${name}-attention.csv`), toCsv(analysed.attention.rows, ['prompt', 'word', 'step', 'side', 'skl']));
      if (shown > 0) await drawMaps(analysed, join(out, `${name}-attention`));
    }
    await engine.close();
    if (args.json === true) process.stdout.write(`${JSON.stringify({ ...result, out })}\n`);
    else {
      for (const name of ['sim1', 'sim2', 'skl'] as const) {
        const told = ({ [name]: value, intervals }: Figures): string =>
          value === undefined ? '–' : `${value.toFixed(4)} [${intervals[name]!.lo.toFixed(4)}, ${intervals[name]!.hi.toFixed(4)}]`;
        say(`${name}  ${told(result)}${result.baseline === undefined ? '' : `   baseline ${told(result.baseline)}`}`);
      }
      say(`${result.n} prompts; ${out} holds tables and maps`);
    }
  },
});

async function analyseRun(
  engine: Engine,
  run: CustomizedRun,
  options: {
    prompts: readonly string[];
    name: string;
    sampled: number;
    theory: boolean;
    sampling: Parameters<typeof measureAttention>[2];
    onPrompt: (done: number, of: number) => void;
  },
): Promise<Analysed> {
  const probe = await Probe.create(engine, run, `${options.name}.`);
  const read = probe.read(options.prompts);
  const text = await textSimilarities(probe, read);
  let attention: Analysed['attention'];
  const wanted = read.slice(0, options.sampled);
  if (wanted.length > 0) {
    const measuring = measureAttention(probe, wanted, options.sampling);
    let step = await measuring.next();
    for (; step.done !== true; step = await measuring.next()) options.onPrompt(step.value, wanted.length);
    attention = step.value;
  }
  const { batch, seed } = options.sampling;
  const theory = options.theory ? await measureTheory(probe, read, { batch, seed }) : undefined;
  await probe.release();
  return { run, read, text, attention, theory };
}
