import { basename, extname, join } from 'node:path';
import { defineCommand } from 'citty';
import { readRecipe } from '../config.ts';
import { UserError } from '../errors.ts';
import { Judges } from '../evaluation/judges.ts';
import { writeAtomically } from '../files/atomic.ts';
import { sweepReport } from '../report/sweep.ts';
import { loadModel } from '../models/load.ts';
import { followed } from '../events.ts';
import { parseSweep, runSweep, scoreNames } from '../sweep/sweep.ts';
import { isTwoSubjects, sweepTwoSubjects } from './two-subjects.ts';
import { chosenOf, runKind } from './recipes.ts';
import { subjectsFor } from './subjects.ts';
import { assetPath, interruptible, openEngine, Progress, say, sharedFlags, versions } from './terminal.ts';

const signed = (x: number): string => `${x >= 0 ? '+' : ''}${x.toFixed(4)}`;

export const sweep = defineCommand({
  meta: { name: 'sweep', description: 'run a recipe over many subjects: the paper’s tables' },
  args: {
    recipe: { type: 'positional', required: true, description: 'a recipe file that names subjects, such as recipes/comparison.json' },
    out: {
      type: 'string',
      description: 'folder of the runs; what is finished in it is kept, and shared with recipes of the same variants',
    },
    subjects: { type: 'string', description: 'only these of the recipe’s, parted by commas: a part for each of several processes' },
    ...sharedFlags,
  },
  async run({ args }) {
    const value = await readRecipe(args.recipe);
    if (args.out === undefined) throw new UserError('--out is missing: name a folder for the runs');
    if (isTwoSubjects(value)) return sweepTwoSubjects(value, { ...args, out: args.out });
    const chosen = args.subjects?.split(',').map((name) => name.trim());
    if ('kind' in value)
      return runKind({
        path: args.recipe,
        value,
        out: args.out,
        subjects: chosen,
        device: args.device,
        quiet: args.quiet === true,
        json: args.json === true,
      });
    const sweep = parseSweep(value, args.recipe);
    const own = chosen === undefined ? sweep : { ...sweep, subjects: chosenOf(sweep.subjects, chosen, args.recipe) };
    const subjects = await subjectsFor(own, args.recipe);
    const name = basename(args.recipe, extname(args.recipe));
    const signal = interruptible();
    const engine = openEngine(args.device);
    const model = await loadModel(assetPath('tiny'));
    const judges = await Judges.load(engine, assetPath('judges'));
    const progress = new Progress(args.quiet === true);
    const running = runSweep(engine, model, judges, own, subjects, {
      out: args.out,
      name,
      versions: versions(),
      signal,
    });
    const summary = await followed(running, (event) => {
      if (!('cell' in event)) return;
      const { cell, done, of } = event;
      progress.update(
        'run',
        done,
        of,
        `  ${cell.subject} ${cell.variant}: CLIP-T ${cell.clipT.toFixed(3)}, DINO ${cell.dino.toFixed(3)}, DINO-FG ${cell.dinoFg.toFixed(3)}`,
      );
    });
    const report = join(args.out, `${name}.html`);
    await writeAtomically(report, sweepReport(own, summary));
    if (args.json === true) process.stdout.write(`${JSON.stringify(summary)}\n`);
    else {
      for (const [name, scores] of Object.entries(summary.variants))
        say(`${name.padEnd(24)} ${scoreNames.map((key) => `${key} ${scores[key].mean.toFixed(4)}`).join('  ')}`);
      for (const [name, scores] of Object.entries(sweep.paper ?? {}))
        say(
          `${`paper: ${name}`.padEnd(24)} ${Object.entries(scores)
            .map(([key, value]) => `${key} ${value.toFixed(3)}`)
            .join('  ')}`,
        );
      for (const { of, against, scores } of summary.differences)
        say(
          `${of} − ${against}: ${scoreNames.map((key) => `${key} ${signed(scores[key].mean)} [${signed(scores[key].low)}, ${signed(scores[key].high)}]`).join('  ')}`,
        );
    }
    if (args.json !== true) say(`open ${report}`);
    await engine.close();
  },
});
