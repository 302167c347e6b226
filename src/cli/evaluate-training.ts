/** `evaluate RUN --checkpoints`: CLIP-T, DINO-FG and the others along training. */
import { join } from 'node:path';
import { parseRecipe } from '../config.ts';
import { UserError } from '../errors.ts';
import type { EvaluatedSubject } from '../evaluation/evaluate.ts';
import { drawPictures, learnedAt } from '../evaluation/run.ts';
import { summarize } from '../evaluation/scores.ts';
import { writeAtomically } from '../files/atomic.ts';
import { listImages } from '../files/images.ts';
import { pixelSize } from '../models/load.ts';
import { metricTitles } from '../report/evaluation.ts';
import { trainingCsv, trainingReport } from '../report/training.ts';
import { drawsPhotographs } from '../sampler/usual.ts';
import { RunFolder } from '../trainer/run-folder.ts';
import { baseOf } from './model.ts';
import type { BaseRequest } from './model.ts';
import { samplingOf } from './sampling.ts';
import type { SamplingRequest } from './sampling.ts';
import { needScorers, score } from './scorers.ts';
import type { ScorerRequest } from './scorers.ts';
import { promptsFor } from './subjects.ts';
import { interruptible, openEngine, Progress, say } from './terminal.ts';

/** Flags of `evaluate` that it takes over. */
export interface TrainingRequest extends ScorerRequest, SamplingRequest, BaseRequest {
  run: string;
  perPrompt: number;
  seedNumber: number;
  foreign: readonly string[] | undefined;
  prompts?: string | undefined;
  images?: string | undefined;
  'skip-empty-masks'?: boolean | undefined;
  out?: string | undefined;
  device: string;
  json?: boolean | undefined;
}

const nameOf = (step: number): string => `step-${step}`;

export async function evaluateTraining(args: TrainingRequest): Promise<void> {
  const { run: folder, foreign } = args;
  const { run, record } = await RunFolder.open(folder).catch(() => {
    throw new UserError(`${folder} holds no run.json: name the folder of a run, as contextura customize --out makes it`);
  });
  const recipe = parseRecipe(record.recipe, run.in('run.json'));
  const steps = await run.checkpoints();
  if (steps.length === 0)
    throw new UserError(`${folder} keeps no checkpoints: learn it with --checkpoint-every 50 --keep-checkpoints 20, say`);
  const out = args.out ?? join(folder, 'training');
  const signal = interruptible();
  const engine = openEngine(args.device);
  const progress = new Progress(args.quiet === true);
  const model = await baseOf(args, args.quiet)(recipe);
  if (drawsPhotographs(model)) needScorers(args, `${folder} draws pictures of ${pixelSize(model)} pixels`);
  const prompts = await promptsFor(args.prompts, recipe.class, recipe.token);
  const references = await listImages(args.images ?? recipe.images);
  const subjects: EvaluatedSubject[] = [];
  for (const step of steps) {
    const learned = [await learnedAt(folder, step, recipe, model)];
    const drawing = drawPictures(
      engine,
      { folder, recipe, model, learned },
      {
        prompts,
        perPrompt: args.perPrompt,
        out: join(out, 'pictures', nameOf(step)),
        seed: args.seedNumber,
        ...samplingOf(args, model),
        signal,
      },
    );
    const pictures = await progress.follow(`step ${step}: picture`, drawing);
    subjects.push({ name: nameOf(step), className: recipe.class, token: recipe.token, references, pictures });
  }
  const { pictures, withoutMask } = await score(engine, subjects, args, { out, signal, foreign, progress });
  const checkpoints = steps.map((step) => {
    const own = pictures.filter(({ subject }) => subject === nameOf(step));
    return { step, summary: summarize(own, 'prompt'), pictures: own };
  });
  const result = { checkpoints: Object.fromEntries(checkpoints.map(({ step, summary }) => [step, summary])), withoutMask };
  await writeAtomically(join(out, 'training.json'), `${JSON.stringify({ ...result, pictures }, undefined, 2)}\n`);
  await writeAtomically(join(out, 'training.csv'), trainingCsv(checkpoints));
  await writeAtomically(join(out, 'training.html'), await trainingReport(folder, checkpoints));
  await engine.close();
  if (args.json === true) process.stdout.write(`${JSON.stringify({ ...result, out })}\n`);
  else {
    for (const { step, summary } of checkpoints)
      say(
        `${String(step).padStart(6)}  ${(['clipT', 'dino', 'dinoFg', 'leakage'] as const)
          .flatMap((name) => (summary[name] === undefined ? [] : [`${metricTitles[name]} ${summary[name].mean.toFixed(4)}`]))
          .join('  ')}`,
      );
    say(`${join(out, 'training.html')} shows them`);
  }
}
