import { join } from 'node:path';
import { defineCommand } from 'citty';
import { UserError } from '../errors.ts';
import { analyseRun, differencesOf, figuresOf } from '../evaluation/analyse.ts';
import type { Analysed, Differences, Figures } from '../evaluation/analyse.ts';
import { openRun } from '../evaluation/run.ts';
import { drawnTogether } from '../sampler/usual.ts';
import type { CustomizedRun } from '../evaluation/run.ts';
import { toCsv } from '../evaluation/scores.ts';
import { average, pairedBootstrap } from '../evaluation/statistics.ts';
import { writeAtomically } from '../files/atomic.ts';
import { drawMaps } from '../report/attention.ts';
import { theoryNumbers, theoryReport } from '../report/theory.ts';
import { readPrompts, withoutClass } from '../text/prompts.ts';
import { isWorldClass } from './customize.ts';
import { baseFlags, baseOf } from './model.ts';
import { checkSampling, guidanceFlag, guidanceOf, stepsOf } from './sampling.ts';
import { heldOutPrompts } from './subjects.ts';
import { interruptible, numberFlag, openEngine, Progress, say, sharedFlags } from './terminal.ts';

/** Prompts that no bundled prompt set trains on. */
function bundledContexts(className: string): readonly string[] {
  if (!isWorldClass(className))
    throw new UserError(`--prompts is missing: name a file of prompts with {subject} (none are bundled for the class ${className})`);
  return heldOutPrompts(className);
}

type Compared = Figures & { baseline?: Figures; difference?: Differences };

const figureNames = ['sim1', 'sim2', 'skl'] as const;

/** Means over subjects, and paired differences with intervals over subjects. */
function overSubjects(all: readonly Compared[]): Record<string, unknown> {
  const means = (figures: readonly Figures[]): Record<string, number> =>
    Object.fromEntries(
      figureNames.flatMap((name) => {
        const values = figures.flatMap((one) => one[name] ?? []);
        return values.length === figures.length ? [[name, average(values)]] : [];
      }),
    );
  const baselines = all.flatMap(({ baseline }) => baseline ?? []);
  if (baselines.length < all.length) return { ...means(all), n: all.length };
  const difference = Object.fromEntries(
    Object.keys(means(all)).map((key) => {
      const name = key as (typeof figureNames)[number];
      return [name, pairedBootstrap(all.map((one, i) => one[name]! - baselines[i]![name]!))];
    }),
  );
  return { ...means(all), n: all.length, baseline: { ...means(baselines), n: all.length }, difference };
}

/** Everything that one analysis leaves in its folder. */
async function writeAnalysis(
  out: string,
  title: string,
  own: Analysed,
  other: Analysed | undefined,
  result: Compared,
  shown: number,
): Promise<void> {
  const named = { run: own, ...(other !== undefined && { baseline: other }) };
  const columns = Object.entries(named).flatMap(([name, { theory }]) => (theory === undefined ? [] : [{ name, theory }]));
  if (columns.length > 0) {
    await writeAtomically(join(out, 'theory.html'), theoryReport(`${title}: the propositions, measured`, columns));
    const numbers = Object.fromEntries(columns.map((column) => [column.name, theoryNumbers(column)]));
    await writeAtomically(join(out, 'theory.json'), `${JSON.stringify(numbers, undefined, 2)}\n`);
  }
  await writeAtomically(join(out, 'analysis.json'), `${JSON.stringify(result, undefined, 2)}\n`);
  for (const [name, analysed] of Object.entries(named)) {
    await writeAtomically(join(out, `${name}-text.csv`), toCsv(analysed.text, ['prompt', 'sim1', 'sim2']));
    if (analysed.attention === undefined) continue;
    await writeAtomically(join(out, `${name}-attention.csv`), toCsv(analysed.attention.rows, ['prompt', 'word', 'step', 'side', 'skl']));
    if (shown > 0) await drawMaps(analysed, join(out, `${name}-attention`));
  }
}

export const analyze = defineCommand({
  meta: { name: 'analyze', description: 'sim1, sim2 and SKL of a run, against a baseline, with attention maps' },
  args: {
    run: { type: 'positional', required: true, description: 'a run’s folder' },
    against: { type: 'string', description: 'the run to compare with: the same subject without the MLM objective, say' },
    subjects: { type: 'string', description: 'names with commas: RUN and --against are folders that hold a run for each' },
    prompts: { type: 'string', description: 'prompts, one a line, with {subject}; by default 200 that bundled sets do not train on' },
    n: { type: 'string', description: 'prompts at most', default: '200' },
    'text-only': { type: 'boolean', description: 'only the text encoder: no pictures, no attention', default: false },
    'attention-prompts': { type: 'string', description: 'how many prompts are sampled; by default all' },
    steps: { type: 'string', description: 'sampling steps', default: '10' },
    ...guidanceFlag,
    ...baseFlags,
    theory: { type: 'boolean', description: 'measure what the paper’s propositions 1, 2 and 4 say, too', default: false },
    shown: { type: 'string', description: 'prompts whose attention is drawn', default: '8' },
    out: { type: 'string', description: 'folder of what comes out; by default analysis/ in the run' },
    ...sharedFlags,
  },
  async run({ args }) {
    const count = numberFlag('n', args.n, { min: 1, max: 100_000, integer: true });
    checkSampling(args);
    const steps = stepsOf(args.steps);
    const shown = numberFlag('shown', args.shown, { min: 0, max: 1000, integer: true });
    const seed = numberFlag('seed', args.seed, { min: 0, integer: true });
    const names = args.subjects?.split(',');
    const out = args.out ?? join(args.run, 'analysis');
    const signal = interruptible();
    const engine = openEngine(args.device);
    const progress = new Progress(args.quiet === true);
    const sampled = numberFlag('attention-prompts', args['attention-prompts'] ?? String(count), { min: 1, integer: true });

    const analysePair = async (folder: string, against: string | undefined, to: string): Promise<Compared> => {
      const run = await openRun(folder, baseOf(args, args.quiet));
      const baseline = against === undefined ? undefined : await openRun(against, baseOf(args, args.quiet));
      const { class: className, token } = run.recipe;
      if (baseline !== undefined && baseline.recipe.class !== className)
        throw new UserError(
          `--against ${against} learned a ${baseline.recipe.class} and ${folder} a ${className}: compare runs of one subject`,
        );
      const all = args.prompts === undefined ? bundledContexts(className) : withoutClass(await readPrompts(args.prompts, token), className);
      const guidance = guidanceOf(args, run.model);
      const analyse = async (one: CustomizedRun, name: string): Promise<Analysed> =>
        analyseRun(engine, one, {
          prompts: all.slice(0, count),
          name,
          sampled: args['text-only'] ? 0 : sampled,
          theory: args.theory,
          sampling: { batch: drawnTogether(run.model, 8), steps, guidance, seed, shown, signal },
          onPrompt: (done, of) => progress.update(`${one.folder}: prompt`, done, of),
        });
      const own = await analyse(run, 'run');
      const other = baseline === undefined ? undefined : await analyse(baseline, 'baseline');
      if (other !== undefined && other.read.length !== own.read.length)
        throw new UserError(`--against ${against}: its placeholder is so long that other prompts fit: give shorter prompts`);
      const result: Compared = {
        ...figuresOf(own),
        ...(other !== undefined && { baseline: figuresOf(other), difference: differencesOf(own, other) }),
      };
      await writeAnalysis(to, folder, own, other, result, shown);
      return result;
    };

    let result: Compared | Record<string, unknown>;
    if (names === undefined) result = await analysePair(args.run, args.against, out);
    else {
      const subjects: Record<string, Compared> = {};
      for (const name of names)
        subjects[name] = await analysePair(
          join(args.run, name),
          args.against === undefined ? undefined : join(args.against, name),
          join(out, name),
        );
      result = { ...overSubjects(Object.values(subjects)), subjects };
      await writeAtomically(join(out, 'analysis.json'), `${JSON.stringify(result, undefined, 2)}\n`);
    }
    await engine.close();
    if (args.json === true) process.stdout.write(`${JSON.stringify({ ...result, out })}\n`);
    else {
      const { n, baseline, difference, ...figures } = result as Compared;
      for (const name of ['sim1', 'sim2', 'skl'] as const) {
        if (figures[name] === undefined) continue;
        const told = ({ [name]: value }: Partial<Figures>): string => value?.toFixed(4) ?? '–';
        const apart = difference?.[name];
        const more = apart === undefined ? '' : `${apart.mean.toFixed(4)} [${apart.low.toFixed(4)}, ${apart.high.toFixed(4)}]`;
        say(`${name}  ${told(figures)}${baseline === undefined ? '' : `   baseline ${told(baseline)}   difference ${more}`}`);
      }
      say(`${n} ${names === undefined ? 'prompts' : 'subjects'}; ${out} holds tables and maps`);
    }
  },
});
