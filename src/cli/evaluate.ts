import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defineCommand } from 'citty';
import { UserError } from '../errors.ts';
import { maskSheet } from '../evaluation/contact-sheet.ts';
import { readBenchmark } from '../evaluation/dreambooth.ts';
import type { EvaluatedSubject } from '../evaluation/evaluate.ts';
import { Judges } from '../evaluation/judges.ts';
import { drawPictures, openRun } from '../evaluation/run.ts';
import { compare, metricNames, summarize, tabulate, toCsv } from '../evaluation/scores.ts';
import type { ScoredPicture } from '../evaluation/scores.ts';
import type { Estimate } from '../evaluation/statistics.ts';
import { writeAtomically } from '../files/atomic.ts';
import { listImages } from '../files/images.ts';
import { pixelSize } from '../models/load.ts';
import { assetPath } from '../package.ts';
import { evaluationReport, metricTitles } from '../report/evaluation.ts';
import { paretoChart, paretoFront } from '../report/pareto.ts';
import type { Candidate } from '../report/pareto.ts';
import { drawsPhotographs } from '../sampler/usual.ts';
import { readPrompts } from '../text/prompts.ts';
import { evaluateTraining } from './evaluate-training.ts';
import { baseFlags, baseOf } from './model.ts';
import { checkSampling, samplingFlags, samplingOf } from './sampling.ts';
import { checkScorers, needScorers, score, scorerFlags, segmenterNamed } from './scorers.ts';
import { promptsFor } from './subjects.ts';
import { interruptible, numberFlag, openEngine, Progress, say, sharedFlags } from './terminal.ts';

/** Pictures of a folder, in the order of their names, as so many for each prompt. */
async function picturesOf(folder: string, prompts: readonly string[]): Promise<{ path: string; prompt: string }[]> {
  if (!existsSync(folder) || !statSync(folder).isDirectory())
    throw new UserError(`--pictures ${folder} is no folder: name one of pictures`);
  const paths = await listImages(folder);
  if (paths.length < 2) throw new UserError(`--pictures ${folder} holds ${paths.length} picture: an interval needs two or more`);
  if (paths.length % prompts.length !== 0)
    throw new UserError(
      `--pictures ${folder} holds ${paths.length} pictures for ${prompts.length} prompts: as many for each are expected, in the order of their names`,
    );
  const each = paths.length / prompts.length;
  return paths.map((path, i) => ({ path, prompt: prompts[Math.floor(i / each)]! }));
}

export const evaluate = defineCommand({
  meta: { name: 'evaluate', description: 'CLIP-T, CLIP-I, DINO and DINO-FG of a run, or of pictures, with intervals' },
  args: {
    run: { type: 'positional', required: false, description: 'a run’s folder, or with --benchmark a folder of runs named as subjects' },
    pictures: { type: 'string', description: 'pictures that exist, instead of a run; with --benchmark a folder for each subject' },
    prompts: { type: 'string', description: 'prompts, one a line, with {subject}; live or object: DreamBooth’s 25' },
    images: { type: 'string', description: 'the subject’s own pictures; by default the run’s' },
    class: { type: 'string', description: 'with --pictures: the subject’s class' },
    token: { type: 'string', description: 'with --pictures: the placeholder, to score prompts with it too' },
    benchmark: { type: 'string', description: 'the folder of google/dreambooth’s dataset, or of CustomConcept101' },
    subjects: { type: 'string', description: 'with --benchmark: some of its subjects, with commas' },
    n: { type: 'string', description: 'pictures for each prompt', default: '4' },
    ...scorerFlags,
    'skip-empty-masks': {
      type: 'boolean',
      description: 'leave pictures without a mask out of DINO-FG instead of refusing',
      default: false,
    },
    against: { type: 'string', description: 'an evaluation of the same prompts, or its run: paired differences to it' },
    leakage: { type: 'string', description: 'prompts that a run trained on: how often a picture fits one better than its own' },
    checkpoints: { type: 'boolean', description: 'score every checkpoint that the run keeps, along its training', default: false },
    pareto: { type: 'string', description: 'only draw evaluations that exist, folders with commas: CLIP-T against DINO-FG' },
    'contact-sheet': { type: 'string', description: 'with --benchmark: only draw its subjects’ masks into this PNG file' },
    ...baseFlags,
    ...samplingFlags,
    out: { type: 'string', description: 'folder of what comes out; by default evaluation/ in the run' },
    ...sharedFlags,
  },
  async run({ args }) {
    if (args.pareto !== undefined) return pareto(args.pareto.split(','), args.out, args.json === true);
    if (args['contact-sheet'] !== undefined) return contactSheet(args, args['contact-sheet']);
    if ((args.run === undefined) === (args.pictures === undefined))
      throw new UserError('name the folder of a run, or give --pictures: one of the two is expected');
    checkSampling(args);
    checkScorers(args);
    const perPrompt = numberFlag('n', args.n, { min: 1, max: 1000, integer: true });
    const seed = numberFlag('seed', args.seed, { min: 0, integer: true });
    const out = args.out ?? (args.run === undefined ? undefined : join(args.run, 'evaluation'));
    if (out === undefined) throw new UserError('--out is missing: name a folder for what comes out');
    const foreign = args.leakage === undefined ? undefined : await readPrompts(args.leakage, args.token ?? '<v>');
    const other = args.against === undefined ? undefined : await earlier(args.against, '--against');
    if (args.checkpoints) {
      if (args.run === undefined || args.benchmark !== undefined || other !== undefined)
        throw new UserError(
          '--checkpoints scores one run along its training: name its folder, and leave --benchmark, --pictures and --against out',
        );
      return evaluateTraining({ ...args, run: args.run, perPrompt, seedNumber: seed, foreign });
    }
    const signal = interruptible();
    const engine = openEngine(args.device);
    const progress = new Progress(args.quiet === true);
    const benchmark = args.benchmark === undefined ? undefined : await readBenchmark(args.benchmark, args.subjects?.split(','));
    const subjects: EvaluatedSubject[] = [];

    const drawn = async (
      folder: string,
      own: { name: string; prompts?: readonly string[]; images?: string; several: boolean },
    ): Promise<void> => {
      const run = await openRun(folder, baseOf(args, args.quiet));
      const { recipe, model } = run;
      if (drawsPhotographs(model)) needScorers(args, `${folder} draws pictures of ${pixelSize(model)} pixels`);
      const prompts = own.prompts ?? (await promptsFor(args.prompts, recipe.class, recipe.token));
      const drawing = drawPictures(engine, run, {
        prompts,
        perPrompt,
        out: own.several ? join(out, 'pictures', own.name) : join(out, 'pictures'),
        seed,
        ...samplingOf(args, model),
        signal,
      });
      const pictures = await progress.follow(`${own.name}: picture`, drawing);
      const references = await listImages(args.images ?? own.images ?? recipe.images);
      subjects.push({ name: own.name, className: recipe.class, token: recipe.token, references, pictures });
    };

    if (benchmark !== undefined)
      for (const { name, className, images, prompts } of benchmark) {
        if (args.run !== undefined) await drawn(join(args.run, name), { name, prompts, images, several: true });
        else
          subjects.push({
            name,
            className,
            token: args.token,
            references: await listImages(images),
            pictures: await picturesOf(join(args.pictures!, name), prompts),
          });
      }
    else if (args.run !== undefined) await drawn(args.run, { name: 'subject', several: false });
    else {
      if (args.class === undefined) throw new UserError('--class is missing: say what the subject is, in a word or two');
      if (args.images === undefined) throw new UserError('--images is missing: name the folder of the subject’s own pictures');
      const prompts = await promptsFor(args.prompts, args.class, args.token ?? '<v>');
      const pictures = await picturesOf(args.pictures!, prompts);
      subjects.push({ name: 'subject', className: args.class, token: args.token, references: await listImages(args.images), pictures });
    }

    const { tools, pictures, withoutMask } = await score(engine, subjects, args, { out, signal, foreign, progress });
    const summary = summarize(pictures);
    const settings = { clip: tools.clip.name, dino: tools.dino.name, segmenter: args.segmenter ?? 'default', pictures: pictures.length };
    const title = args.run ?? args.pictures!;
    const difference = other === undefined ? undefined : compare(pictures, other, args.against!);
    const result = { ...summary, ...(difference !== undefined && { difference }), withoutMask, settings };
    const tables = { prompts: tabulate(pictures, 'prompt'), subjects: tabulate(pictures, 'subject') };
    await writeAtomically(join(out, 'evaluation.json'), `${JSON.stringify({ ...result, ...tables, pictures }, undefined, 2)}\n`);
    await writeAtomically(join(out, 'pictures.csv'), toCsv(pictures, ['subject', 'prompt', 'path', ...metricNames]));
    for (const by of ['prompts', 'subjects'] as const)
      await writeAtomically(join(out, `${by}.csv`), toCsv(tables[by], ['name', 'n', ...metricNames]));
    await writeAtomically(join(out, 'report.html'), await evaluationReport({ title, pictures, withoutMask, settings }));
    await engine.close();
    if (args.json === true) process.stdout.write(`${JSON.stringify({ ...result, out })}\n`);
    else {
      const told = ({ mean, lo, hi }: Estimate): string => `${mean.toFixed(4)} [${lo.toFixed(4)}, ${hi.toFixed(4)}]`;
      for (const name of metricNames) {
        const found = summary[name];
        const apart = difference?.[name];
        if (found !== undefined)
          say(`${metricTitles[name].padEnd(20)} ${told(found)}  n ${found.n}${apart === undefined ? '' : `  difference ${told(apart)}`}`);
      }
      if (withoutMask.length > 0) say(`${withoutMask.length} pictures had an empty mask and are not in DINO-FG: ${withoutMask[0]} …`);
      say(`${join(out, 'report.html')} shows them`);
    }
  },
});

/** The scored pictures of an evaluation, by its folder or its run's. */
async function earlier(folder: string, flag: string): Promise<ScoredPicture[]> {
  const path = [join(folder, 'evaluation.json'), join(folder, 'evaluation', 'evaluation.json')].find((one) => existsSync(one));
  if (path === undefined) throw new UserError(`${flag} ${folder} holds no evaluation.json: evaluate it first`);
  try {
    const { pictures } = JSON.parse(await readFile(path, 'utf8')) as { pictures?: ScoredPicture[] };
    if (Array.isArray(pictures)) return pictures;
  } catch {
    // told below
  }
  throw new UserError(`${path} is not an evaluation: evaluate it again`);
}

async function pareto(folders: readonly string[], out: string | undefined, json: boolean): Promise<void> {
  if (out === undefined) throw new UserError('--out is missing: name a folder for pareto.svg');
  const candidates: Candidate[] = [];
  for (const folder of folders) {
    const { clipT, dinoFg } = summarize(await earlier(folder, '--pareto'));
    if (clipT === undefined || dinoFg === undefined) throw new UserError(`--pareto ${folder} has no DINO-FG: evaluate it with a segmenter`);
    candidates.push({ name: folder, clipT, dinoFg });
  }
  const path = join(out, 'pareto.svg');
  await writeAtomically(path, paretoChart(candidates));
  const front = paretoFront(candidates).map(({ name }) => name);
  if (json) process.stdout.write(`${JSON.stringify({ candidates, front, picture: path })}\n`);
  else say(`no other beats ${front.join(', ')} on both; ${path} shows all ${folders.length}`);
}

async function contactSheet(
  args: Partial<Record<'benchmark' | 'subjects' | 'segmenter', string | undefined>> & {
    device: string;
    quiet?: boolean | undefined;
    json?: boolean | undefined;
  },
  path: string,
): Promise<void> {
  if (args.benchmark === undefined) throw new UserError('--benchmark is missing: --contact-sheet draws the masks of its subjects');
  const subjects = await readBenchmark(args.benchmark, args.subjects?.split(','));
  const engine = openEngine(args.device);
  const segmenterOf = await segmenterNamed(args.segmenter ?? 'u2net', () => Judges.load(engine, assetPath('judges')));
  if (segmenterOf === undefined) throw new UserError('--segmenter none: a contact sheet of masks needs a segmenter');
  const sheet = maskSheet(subjects, await segmenterOf(subjects[0]!));
  const { png, shares } = await new Progress(args.quiet === true).follow('subject', sheet);
  await writeAtomically(path, png);
  await engine.close();
  if (args.json === true) process.stdout.write(`${JSON.stringify({ sheet: path, masks: shares })}\n`);
  else say(`${path}: ${subjects.length} subjects, two a row, each picture beside its subject on magenta`);
}
