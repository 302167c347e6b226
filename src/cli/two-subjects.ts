/** `contextura sweep` on a recipe that names pairs of subjects: the paper's Figure 6. */
import { followed } from '../events.ts';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { Judges } from '../evaluation/judges.ts';
import { encodePng, listImages, readSquare } from '../files/images.ts';
import { writeAtomically } from '../files/atomic.ts';
import { completeRecipe } from '../methods/recipe.ts';
import { loadModel } from '../models/load.ts';
import { assetPath, examplePath, versions } from '../package.ts';
import { twoSubjectsReport } from '../report/two-subjects.ts';
import { expectedBlock } from '../sweep/result.ts';
import type { Figure } from '../report/two-subjects.ts';
import { parseTwoSubjects, picturesOf, runTwoSubjects, twoSubjectsScores } from '../sweep/two-subjects.ts';
import type { NamedOfTwo } from '../sweep/two-subjects.ts';
import { withSubject } from '../text/prompts.ts';
import { sharedPrompts, specificPrompts } from '../world/captions.ts';
import { benchmarkPairs } from '../world/pairs.ts';
import { interruptible, openEngine, Progress, say } from './terminal.ts';

export const isTwoSubjects = (recipe: Readonly<Record<string, unknown>>): boolean => Object.hasOwn(recipe, 'together');

/** A photograph, and the scenes that say nothing of the subject. */
const evaluationPrompts = ['a photo of a {subject}', ...sharedPrompts];

/** Both subjects of a bundled pair, each to be learned without the other. */
export function namedOfPair(name: string, where: string): NamedOfTwo[] {
  const pair = benchmarkPairs.find((one) => one.name === name);
  if (pair === undefined)
    throw new UserError(`${where}: pair ${name} is not bundled: choose from ${benchmarkPairs.map((one) => one.name).join(', ')}`);
  return ([0, 1] as const).map((which) => {
    const [named, other] = [pair.subjects[which], pair.subjects[which === 0 ? 1 : 0]];
    const { className } = named.identity;
    return {
      pair: name,
      named: named.name,
      other: other.name,
      alone: { named: examplePath(`subjects/${named.name}`), other: examplePath(`subjects/${other.name}`) },
      images: examplePath(`pairs/${name}`),
      masks: examplePath(`pairs/${name}/masks/${named.name}`),
      className,
      richPrompts: (count) => specificPrompts(className, other.identity.className, count),
      evaluationPrompts,
      complete: (partial) => completeRecipe(partial, where),
    };
  });
}

const shownSize = 64;

/** A folder's pictures, small, for a page. */
async function thumbnails(folder: string): Promise<string[]> {
  const paths = await listImages(folder);
  return Promise.all(paths.map(async (path) => (await encodePng(await readSquare(path, shownSize), shownSize)).toString('base64')));
}

async function figureOf(one: NamedOfTwo, variants: readonly string[], out: string, perPrompt: number): Promise<Figure> {
  const drawn = variants.map(async (variant) => {
    const paths = await listImages(picturesOf(out, { pair: one.pair, subject: one.named, variant }));
    const first = paths.filter((_, i) => i % perPrompt === 0);
    return { label: variant, pictures: await Promise.all(first.map(async (path) => (await readFile(path)).toString('base64'))) };
  });
  return {
    pair: one.pair,
    subject: one.named,
    className: one.className,
    other: one.other,
    rows: [
      { label: 'learned from', pictures: await thumbnails(one.images) },
      {
        label: 'named; other',
        pictures: [(await thumbnails(one.alone.named))[0]!, (await thumbnails(one.alone.other))[0]!],
      },
      ...(await Promise.all(drawn)),
    ],
  };
}

export async function sweepTwoSubjects(
  recipe: unknown,
  args: { recipe: string; out: string; device: string; quiet?: boolean | undefined; json?: boolean | undefined },
): Promise<void> {
  const sweep = parseTwoSubjects(recipe, args.recipe);
  const both = sweep.together.map((name) => namedOfPair(name, args.recipe));
  // One subject of every pair first: what is interrupted has seen all pairs.
  const subjects = [0, 1].flatMap((which) => both.map((pair) => pair[which]!));
  const signal = interruptible();
  const engine = openEngine(args.device);
  const model = await loadModel(assetPath('tiny'));
  const judges = await Judges.load(engine, assetPath('judges'));
  const progress = new Progress(args.quiet === true);
  const running = runTwoSubjects(engine, model, judges, sweep, subjects, { out: args.out, versions: versions(), signal });
  const summary = await followed(running, (event) => {
    if (!('cell' in event)) return;
    const { cell, done, of } = event;
    const { subject, pair, variant, lead, showsOther } = cell;
    progress.update(
      'run',
      done,
      of,
      `  ${subject} of ${pair}, ${variant}: lead ${lead.toFixed(3)}, shows the other ${showsOther.toFixed(2)}`,
    );
  });
  const variants = sweep.variants.map(({ name }) => name);
  const figures: Figure[] = [];
  for (const one of subjects) figures.push(await figureOf(one, variants, args.out, sweep.picturesPerPrompt));
  const report = join(args.out, 'report.html');
  const prompts = evaluationPrompts.map((prompt) => withSubject(prompt, '<v> …'));
  await writeAtomically(report, twoSubjectsReport({ about: sweep.about, prompts, figures }, summary));
  await engine.close();
  if (args.json === true) {
    process.stdout.write(`${JSON.stringify({ ...summary, report })}\n`);
    return;
  }
  for (const [name, scores] of Object.entries(summary.variants))
    say(`${name.padEnd(20)} ${twoSubjectsScores.map((key) => `${key} ${scores[key].mean.toFixed(4)}`).join('  ')}`);
  for (const { of, against, scores } of summary.differences)
    say(
      `${of} − ${against}: ${twoSubjectsScores.map((key) => `${key} ${scores[key].mean.toFixed(4)} [${scores[key].lo.toFixed(4)}, ${scores[key].hi.toFixed(4)}]`).join('  ')}`,
    );
  const differences = Object.fromEntries(summary.differences.map(({ of, against, scores }) => [`${of} − ${against}`, scores]));
  say(expectedBlock({ variants: summary.variants, differences }));
  say(`open ${report}`);
}
