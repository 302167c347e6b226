import { followed } from '../events.ts';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { defineCommand } from 'citty';
import { UserError } from '../errors.ts';
import { Judges } from '../evaluation/judges.ts';
import { listImages, readSquare } from '../files/images.ts';
import { writeAtomically } from '../files/atomic.ts';
import { completeRecipe } from '../methods/recipe.ts';
import { loadModel, pixelSize } from '../models/load.ts';
import { assetPath, versions } from '../package.ts';
import { comparisonReport } from '../report/comparison.ts';
import { compare } from '../sweep/comparison.ts';
import { withSubject } from '../text/prompts.ts';
import { RunFolder } from '../trainer/run-folder.ts';
import { bundledSubject } from '../world/bundled.ts';
import { interruptible, numberFlag, openEngine, Progress, say, sharedFlags } from './terminal.ts';

/** The first of runs/quickstart, runs/quickstart-2, … that is free. */
function freeFolder(): string {
  for (let i = 1; ; i++) {
    const path = join('runs', i === 1 ? 'quickstart' : `quickstart-${i}`);
    if (!existsSync(path)) return path;
  }
}

export const quickstart = defineCommand({
  meta: { name: 'quickstart', description: 'learn a bundled subject twice, without and with the MLM objective, and compare' },
  args: {
    subject: { type: 'string', description: 'a folder of examples/subjects', default: 'candle' },
    out: { type: 'string', description: 'folder of the results; runs/quickstart where nothing is said' },
    quick: { type: 'boolean', description: 'a few steps and pictures, to see that it works' },
    ...sharedFlags,
  },
  async run({ args }) {
    const started = performance.now();
    const subject = bundledSubject(args.subject);
    const seed = numberFlag('seed', args.seed, { min: 0, integer: true });
    const out = args.out ?? freeFolder();
    if (existsSync(out) && readdirSync(out).length > 0) throw new UserError(`--out ${out} holds another run: choose another folder`);
    const engine = openEngine(args.device);
    const signal = interruptible();
    const model = await loadModel(assetPath('tiny'));
    const judges = await Judges.load(engine, assetPath('judges'));
    const { className } = subject;
    const quick = args.quick === true;
    const shared = { images: subject.images, class: className, seed, ...(quick && { steps: 20, sampleEvery: 0 }) };
    const recipe = completeRecipe(shared);
    const variants = [
      { name: 'ti', recipe: completeRecipe({ ...shared, lambda: 0 }) },
      { name: 'ti+mlm', recipe },
    ];
    const prompts = subject.evaluationPrompts.slice(0, quick ? 4 : 25);
    const picturesPerPrompt = quick ? 1 : 2;
    const comparison = compare({
      engine,
      model,
      judges,
      variants,
      richPrompts: subject.richPrompts,
      evaluationPrompts: prompts,
      picturesPerPrompt,
      sampling: { steps: quick ? 6 : 20, guidance: 4 },
      out,
      versions: versions(),
      signal,
    });
    const progress = new Progress(args.quiet === true);
    if (args.quiet !== true) say(`learning ${subject.name} from ${recipe.images}, twice, ${recipe.steps} steps each`);
    const results = await followed(comparison, (value) => {
      if ('pictures' in value) progress.update(`${value.variant}: picture`, value.pictures, value.of);
      else if (value.event.kind === 'step') {
        const { diffusion, mlm, step } = value.event.event;
        progress.update(
          `${value.variant}: step`,
          step,
          value.event.steps,
          `  loss ${diffusion.toFixed(3)}${mlm === undefined ? '' : ` mlm ${mlm.toFixed(2)}`}`,
        );
      }
    });
    const size = pixelSize(model);
    const metrics = Object.fromEntries(
      await Promise.all(results.map(async ({ name, folder }) => [name, await (await RunFolder.open(folder)).run.metrics()] as const)),
    );
    const seconds = (performance.now() - started) / 1000;
    const photographs = await Promise.all((await listImages(recipe.images)).map((path) => readSquare(path, size)));
    const { steps, learningRate, lambda, maskRate, vectors } = recipe;
    const report = join(out, 'report.html');
    const settings = { steps, 'learning rate': learningRate, λ: lambda, ρ: maskRate, vectors, seed };
    await writeAtomically(
      report,
      await comparisonReport({
        subject: subject.name,
        className,
        photographs,
        size,
        prompts: prompts.map((prompt) => withSubject(prompt, className)),
        picturesPerPrompt,
        results,
        metrics,
        settings,
        seconds,
      }),
    );
    const runs = results.map(({ name, clipT, dino, dinoFg }) => ({ name, clipT, dino, dinoFg }));
    if (args.json === true) process.stdout.write(`${JSON.stringify({ runs, seconds: Math.round(seconds * 10) / 10, report })}\n`);
    else {
      for (const { name, clipT, dino, dinoFg } of runs)
        say(`${name.padEnd(8)} CLIP-T ${clipT.toFixed(3)}  DINO ${dino.toFixed(3)}  DINO-FG ${dinoFg.toFixed(3)}`);
      say(`${seconds.toFixed(0)} s; open ${report}`);
    }
    await engine.close();
  },
});
