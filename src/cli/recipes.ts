/** Recipes that `sweep` runs beside its tables, told by their `kind`. */
import { basename, extname, join } from 'node:path';
import { UserError } from '../errors.ts';
import { Judges } from '../evaluation/judges.ts';
import { writeAtomically } from '../files/atomic.ts';
import { listImages } from '../files/images.ts';
import { assetPath, versions } from '../package.ts';
import { analysisReport } from '../report/analysis.ts';
import { earlyStoppedReport } from '../report/early-stopped.ts';
import { galleryReport } from '../report/gallery.ts';
import { drawMaps } from '../report/attention.ts';
import { analysisFigures, analysisSchema, runAnalysis } from '../sweep/analysis.ts';
import { benchmarkSchema, runBenchmark } from '../sweep/benchmark.ts';
import { followed } from '../events.ts';
import { expectedBlock } from '../sweep/result.ts';
import { gallerySchema, runGallery } from '../sweep/gallery.ts';
import { earlyStoppedSchema, runEarlyStopped } from '../sweep/early-stopped.ts';
import type { Sweep } from '../sweep/sweep.ts';
import { parseOf } from '../sweep/parse.ts';
import type { CustomizeEvent } from '../trainer/customize.ts';
import { openModel } from './model.ts';
import { toolsFor } from './scorers.ts';
import { subjectsFor } from './subjects.ts';
import { showTable } from './table.ts';
import { interruptible, openEngine, Progress, say } from './terminal.ts';

export interface RecipeRequest {
  /** The recipe's file, and what it holds. */
  path: string;
  value: Record<string, unknown>;
  out: string;
  /** Only these of its subjects. */
  subjects: readonly string[] | undefined;
  device: string;
  quiet: boolean;
  json: boolean;
}

const told = ({ mean, low, high }: { mean: number; low: number; high: number }): string =>
  `${mean.toFixed(4)} [${low.toFixed(4)}, ${high.toFixed(4)}]`;

/** Everything that all kinds need: the recipe's subjects, its model, the engine. */
async function opened<T extends { subjects: string[]; benchmark?: string | undefined; recipe: Sweep['recipe'] }>(
  request: RecipeRequest,
  recipe: T,
) {
  const { subjects: chosen, path, quiet } = request;
  const own = chosen === undefined ? recipe : { ...recipe, subjects: chosenOf(recipe.subjects, chosen, path) };
  const subjects = await subjectsFor(own, path);
  const engine = openEngine(request.device);
  const { model: named = 'tiny', tokenizer, prediction } = recipe.recipe;
  const model = await openModel({ model: named, tokenizer, prediction }, quiet);
  const name = basename(path, extname(path));
  const progress = new Progress(quiet);
  return { own, subjects, engine, model, name, progress, signal: interruptible() };
}

async function analysis(request: RecipeRequest): Promise<void> {
  const { out, path, value, json } = request;
  const { own, subjects, engine, model, name, progress, signal } = await opened(request, parseOf(analysisSchema, value, path));
  const running = runAnalysis(engine, model, own, subjects, {
    out,
    name,
    versions: versions(),
    draw: drawMaps,
    onPrompt: (of, done, all) => {
      progress.update(`${of}: prompt`, done, all);
    },
    signal,
  });
  const result = await followed(running, (event) => {
    if ('event' in event) training(progress, event);
  });
  const { summary } = result;
  const report = join(out, `${name}.html`);
  await writeAtomically(report, await analysisReport(own, result, join(out, name)));
  await engine.close();
  if (json) process.stdout.write(`${JSON.stringify({ ...summary, report })}\n`);
  else {
    for (const [variant, figures] of Object.entries(summary.variants))
      say(`${variant.padEnd(10)} ${analysisFigures.map((key) => `${key} ${told(figures[key])}`).join('  ')}`);
    for (const [variant, figures] of Object.entries(own.paper ?? {}))
      say(
        `${`paper: ${variant}`.padEnd(10)} ${Object.entries(figures)
          .map(([key, x]) => `${key} ${x}`)
          .join('  ')}`,
      );
    say(`difference ${analysisFigures.map((key) => `${key} ${told(summary.difference[key])}`).join('  ')}`);
    say(expectedBlock(summary));
    say(`open ${report}`);
  }
}

async function earlyStopped(request: RecipeRequest): Promise<void> {
  const { out, path, value, json } = request;
  const parsed = parseOf(earlyStoppedSchema, value, path);
  const { model: named = 'tiny' } = parsed.recipe;
  if (named !== 'tiny')
    throw new UserError(
      `${path}: recipe.model is ${named}: the embedded judges score the embedded model's pictures only: tiny is expected`,
    );
  const { own, subjects, engine, model, name, progress, signal } = await opened(request, parsed);
  const judges = await Judges.load(engine, assetPath('judges'));
  const running = runEarlyStopped(engine, model, judges, own, subjects, { out, name, versions: versions(), signal });
  const result = await followed(running, (event) => {
    if ('event' in event) training(progress, event);
    else {
      const { point, done, of } = event;
      tell(
        request,
        `${done}/${of}  ${point.subject} ${point.variant} at ${point.step}: CLIP-T ${point.clipT.toFixed(3)}, DINO-FG ${point.dinoFg.toFixed(3)}`,
      );
    }
  });
  const { summary } = result;
  const report = join(out, `${name}.html`);
  await writeAtomically(report, await earlyStoppedReport(own, result, join(out, name)));
  await engine.close();
  if (json) process.stdout.write(`${JSON.stringify({ ...summary, report })}\n`);
  else {
    for (const [variant, course] of Object.entries(summary.course))
      for (const [step, { clipT, dinoFg }] of Object.entries(course))
        say(`${`${variant}@${step}`.padEnd(12)} CLIP-T ${told(clipT)}  DINO-FG ${told(dinoFg)}`);
    const { outside, outsideShare } = summary.atEqualDinoFg;
    say(
      `CLIP-T at equal DINO-FG: ${told(summary.atEqualDinoFg)}${outside ? ', against the nearest checkpoint' : ''} (${Math.round(100 * outsideShare)} % of resamples leave the course)`,
    );
    say(expectedBlock(summary));
    say(`open ${report}`);
  }
}

async function benchmark(request: RecipeRequest): Promise<void> {
  const { out, path, value, json } = request;
  const { own, subjects, engine, model, name, progress, signal } = await opened(request, parseOf(benchmarkSchema, value, path));
  const scorers = { clip: own.clip, dino: own.dino, segmenter: own.segmenter, quiet: request.quiet };
  const running = runBenchmark(engine, model, own, subjects, {
    out,
    name,
    versions: versions(),
    toolsFor: (picture) => toolsFor(engine, picture, scorers),
    signal,
  });
  const summary = await followed(running, (event) => {
    if ('event' in event) training(progress, event);
    else if ('pictures' in event) progress.update(`${event.subject} ${event.variant}: picture`, event.pictures, event.of);
    else {
      const { cell, done, of } = event;
      tell(request, `${done}/${of}  ${cell.subject} ${cell.variant}: CLIP-T ${cell.clipT.toFixed(3)}, DINO-FG ${cell.dinoFg.toFixed(3)}`);
    }
  });
  await engine.close();
  const expected = typeof own.expected === 'string' ? undefined : own.expected;
  await showTable({ ...own, expected }, summary, { out, name, whole: request.subjects === undefined, json });
}

async function pictures(request: RecipeRequest): Promise<void> {
  const { out, path, value, json } = request;
  const { own, subjects, engine, model, name, progress, signal } = await opened(request, parseOf(gallerySchema, value, path));
  const running = runGallery(engine, model, own, subjects, { out, name, versions: versions(), signal });
  const rows = await followed(running, (event) => {
    if ('event' in event) training(progress, event);
    else progress.update(`${event.subject} ${event.variant}: picture`, event.pictures, event.of);
  });
  const photographs: Record<string, string[]> = {};
  for (const subject of subjects) photographs[subject.name] = await listImages(subject.complete(own.variants[0]!.recipe).images);
  const report = join(out, `${name}.html`);
  await writeAtomically(report, await galleryReport(own, rows, photographs));
  await engine.close();
  if (json) process.stdout.write(`${JSON.stringify({ rows, report })}\n`);
  else say(`open ${report}`);
}

const tell = ({ quiet }: RecipeRequest, line: string): void => {
  if (!quiet) say(line);
};

/** Tells of a training within a recipe. */
function training(progress: Progress, { subject, variant, event }: { subject: string; variant: string; event: CustomizeEvent }): void {
  if (event.kind === 'start') progress.restart();
  if (event.kind === 'encoded') progress.update(`${subject} ${variant}: picture encoded`, event.done, event.of);
  if (event.kind === 'prior') progress.update(`${subject} ${variant}: picture of the class`, event.done, event.of);
  if (event.kind === 'step') progress.update(`${subject} ${variant}: step`, event.event.step, event.steps);
}

/** Some of a recipe's subjects. Throws a UserError for one that it has not. */
export function chosenOf(all: readonly string[], chosen: readonly string[], path: string): string[] {
  const stranger = chosen.find((name) => !all.includes(name));
  if (stranger !== undefined) throw new UserError(`--subjects: ${stranger} is not in ${path}, which has ${all.join(', ')}`);
  return [...chosen];
}

const kinds = {
  analysis: { schema: analysisSchema, run: analysis },
  'early-stopped': { schema: earlyStoppedSchema, run: earlyStopped },
  benchmark: { schema: benchmarkSchema, run: benchmark },
  pictures: { schema: gallerySchema, run: pictures },
} as const;

function known(kind: unknown, where: string): (typeof kinds)[keyof typeof kinds] {
  if (typeof kind === 'string' && Object.hasOwn(kinds, kind)) return kinds[kind as keyof typeof kinds];
  throw new UserError(`${where}: kind is ${JSON.stringify(kind)}: ${Object.keys(kinds).join(', ')} are known, and a table has none`);
}

/** What recipes of all kinds have. */
export type KindRecipe = Pick<Sweep, 'about' | 'subjects' | 'recipe' | 'variants'> & { benchmark?: string | undefined };

/** A checked recipe of the kind that it says. Throws a UserError for one that is wrong, or of a kind that is not known. */
export const parseKind = (value: Record<string, unknown>, where: string): KindRecipe =>
  parseOf<KindRecipe>(known(value.kind, where).schema, value, where);

/** Runs a recipe that says its kind. */
export const runKind = (request: RecipeRequest): Promise<void> => known(request.value.kind, request.path).run(request);
