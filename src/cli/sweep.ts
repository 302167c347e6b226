import { basename, extname } from 'node:path';
import { defineCommand } from 'citty';
import { readKeys } from '../config.ts';
import { UserError } from '../errors.ts';
import { Judges } from '../evaluation/judges.ts';
import { loadModel } from '../models/load.ts';
import { followed } from '../events.ts';
import { assetPath, versions } from '../package.ts';
import { parseSweep, runSweep } from '../sweep/sweep.ts';
import { isTwoSubjects, sweepTwoSubjects } from './two-subjects.ts';
import { chosenOf, runKind } from './recipes.ts';
import { subjectsFor } from './subjects.ts';
import { showTable } from './table.ts';
import { interruptible, openEngine, Progress, sharedFlags } from './terminal.ts';

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
    const value = await readKeys(args.recipe);
    if (args.out === undefined) throw new UserError('--out is missing: name a folder for the runs');
    if (isTwoSubjects(value) && args.subjects !== undefined)
      throw new UserError(`--subjects ${args.subjects}: ${args.recipe} is about pairs, which are all run: leave it out`);
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
    await showTable(own, summary, { out: args.out, name, whole: chosen === undefined, json: args.json === true });
    await engine.close();
  },
});
