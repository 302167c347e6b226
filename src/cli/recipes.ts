/** Recipes that `sweep` runs beside its tables, told by their `kind`. */
import { basename, extname, join } from 'node:path';
import { UserError } from '../errors.ts';
import { writeAtomically } from '../files/atomic.ts';
import { analysisReport } from '../report/analysis.ts';
import { drawMaps } from '../report/attention.ts';
import { analysisFigures, analysisSchema, runAnalysis } from '../sweep/analysis.ts';
import { parseOf } from '../sweep/shared.ts';
import { openModel } from './model.ts';
import { subjectsFor } from './subjects.ts';
import { interruptible, openEngine, Progress, say, versions } from './terminal.ts';

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

/** Numbers to four digits, intervals as [mean, low, high]: a summary as a recipe's `expected` holds it. */
export function compact(value: unknown): unknown {
  if (typeof value === 'number') return Number(value.toFixed(4));
  if (Array.isArray(value)) return value.map(compact);
  if (typeof value !== 'object' || value === null) return value;
  const { mean, low, high, ...rest } = value as Record<string, unknown>;
  if (mean !== undefined && low !== undefined && high !== undefined && Object.keys(rest).length === 0)
    return [mean, low, high].map(compact);
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, compact(one)]));
}

/** What a recipe's file takes over once it has been run. */
export const expectedBlock = (summary: object): string =>
  `"expected": ${JSON.stringify({ measured: `${new Date().toISOString().slice(0, 10)}; mean, and a 95 % bootstrap interval over subjects`, ...(compact(summary) as object) })}`;

const told = ({ mean, low, high }: { mean: number; low: number; high: number }): string =>
  `${mean.toFixed(4)} [${low.toFixed(4)}, ${high.toFixed(4)}]`;

/** Everything that all kinds need: the recipe's subjects, its model, the engine. */
async function opened<T extends { subjects: string[]; benchmark?: string | undefined; recipe: { model?: string | undefined } }>(
  request: RecipeRequest,
  recipe: T,
) {
  const { subjects: chosen, path, quiet } = request;
  const own = chosen === undefined ? recipe : { ...recipe, subjects: chosenOf(recipe.subjects, chosen, path) };
  const subjects = await subjectsFor(own, path);
  const engine = openEngine(request.device);
  const model = await openModel({ model: recipe.recipe.model ?? 'tiny' }, quiet);
  const name = basename(path, extname(path));
  const progress = new Progress(quiet);
  return { own, subjects, engine, model, name, progress, signal: interruptible() };
}

async function analysis(request: RecipeRequest): Promise<void> {
  const { out, path, value, json } = request;
  const { own, subjects, engine, model, name, progress, signal } = await opened(request, parseOf(analysisSchema, value, path));
  let stage = '';
  const running = runAnalysis(engine, model, own, subjects, {
    out,
    name,
    versions: versions(),
    draw: drawMaps,
    onPrompt: (of, done, all) => {
      if (stage !== of) progress.restart();
      stage = of;
      progress.update(`${of}: prompt`, done, all);
    },
    signal,
  });
  let next = await running.next();
  for (; next.done !== true; next = await running.next()) {
    const event = next.value;
    if ('event' in event) {
      const { event: training } = event;
      if (training.kind === 'start') progress.restart();
      if (training.kind === 'step') progress.update(`${event.subject} ${event.variant}: step`, training.event.step, training.steps);
    }
  }
  const { summary } = next.value;
  const report = join(out, `${name}.html`);
  await writeAtomically(report, await analysisReport(own, next.value, join(out, name)));
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

function chosenOf(all: readonly string[], chosen: readonly string[], path: string): string[] {
  const stranger = chosen.find((name) => !all.includes(name));
  if (stranger !== undefined) throw new UserError(`--subjects: ${stranger} is not in ${path}, which has ${all.join(', ')}`);
  return [...chosen];
}

const kinds: Record<string, (request: RecipeRequest) => Promise<void>> = { analysis };

/** Runs a recipe that says its kind. Throws a UserError for one that is not known. */
export async function runKind(request: RecipeRequest): Promise<void> {
  const { kind } = request.value;
  const run = typeof kind === 'string' ? kinds[kind] : undefined;
  if (run === undefined)
    throw new UserError(
      `${request.path} is of the kind ${JSON.stringify(kind)}: ${Object.keys(kinds).join(', ')} are known, and a table has none`,
    );
  await run(request);
}
