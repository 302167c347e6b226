/**
 * The early-stopped control: plain training scored along its course, and training with the MLM objective held against it at
 * equal DINO-FG. One training for each subject and variant; what is scored is not scored again.
 */
import { join } from 'node:path';
import * as z from 'zod';
import type { Recipe } from '../config.ts';
import { UserError } from '../errors.ts';
import { clipTAt, equalFidelity } from '../evaluation/equal-fidelity.ts';
import type { EqualFidelity } from '../evaluation/equal-fidelity.ts';
import type { Judges, Scores } from '../evaluation/judges.ts';
import { learnedAt } from '../evaluation/run.ts';
import { pairedBootstrap } from '../evaluation/statistics.ts';
import type { Interval } from '../evaluation/statistics.ts';
import { writeAtomically } from '../files/atomic.ts';
import { contactSheet, encodePng, toBytes } from '../files/images.ts';
import type { Engine } from '../graph/engine.ts';
import { pixelSize } from '../models/load.ts';
import type { DiffusionModel } from '../models/load.ts';
import { KeptPipeline } from '../sampler/kept.ts';
import { RunFolder } from '../trainer/run-folder.ts';
import type { CustomizeEvent } from '../trainer/customize.ts';
import { drawAndScore, drawnAtOnce } from './comparison.ts';
import { earlierResult } from './earlier.ts';
import { followed, mapped } from '../events.ts';
import { learnedRecipe, sharedKeys } from './shared.ts';
import type { LearnedSubject } from './shared.ts';
import { scoreNames } from './sweep.ts';
import { contentOf, trainedRun } from './trained.ts';

const { benchmark: _, ...keys } = sharedKeys;

export const earlyStoppedSchema = z.strictObject({
  kind: z.literal('early-stopped'),
  ...keys,
  variants: keys.variants.length(2).describe('plain training, then what is held against its course'),
  checkpoints: z
    .array(z.int().min(1))
    .min(2)
    .describe('steps at which both are scored, ascending; those past a variant’s own steps are left to the other'),
  picturesPerPrompt: z.int().min(1).default(2),
  shown: z.int().min(0).default(1).describe('which evaluation prompt’s picture the report shows along training'),
});
export type EarlyStopped = z.infer<typeof earlyStoppedSchema>;

/** One subject, one variant, one checkpoint. */
export interface CoursePoint extends Scores {
  subject: string;
  variant: string;
  step: number;
  settings: unknown;
  /** Sheet of all pictures, a row a prompt, and the one that is shown: paths in the recipe's folder. */
  sheet: string;
  picture: string;
}

export interface EarlyStoppedSummary {
  /** By variant and step: means over subjects with intervals over them. */
  course: Record<string, Record<string, Record<keyof Scores, Interval>>>;
  /** What the second variant's whole training gains in CLIP-T over plain training of the same DINO-FG, on the means. */
  atEqualDinoFg: EqualFidelity;
  /** The same of its other checkpoints. */
  atEqualDinoFgByStep: Record<string, EqualFidelity>;
  /** Against each plain checkpoint as it is, DINO-FG beside: paired by subject. */
  againstEach: Record<string, { clipT: Interval; dinoFg: Interval }>;
  /** Subject by subject: only those whose plain course passes the DINO-FG count in the mean. */
  bySubject: { subjects: Record<string, { clipT: number; outside: boolean }>; inside: Interval | undefined; n: number };
  /** CLIP-T, DINO and DINO-FG by subject, variant and step, from which all else follows. */
  points: Record<string, Record<string, Record<string, number[]>>>;
}

export function summarizeEarlyStopped(
  points: readonly CoursePoint[],
  { subjects, variants, checkpoints }: Pick<EarlyStopped, 'subjects' | 'variants' | 'checkpoints'>,
): EarlyStoppedSummary {
  const [plain, rich] = variants.map(({ name }) => name) as [string, string];
  const at = (subject: string, variant: string, step: number): CoursePoint =>
    points.find((point) => point.subject === subject && point.variant === variant && point.step === step)!;
  const stepsOf = (variant: string): number[] =>
    checkpoints.filter((step) => points.some((one) => one.variant === variant && one.step === step));
  const last = stepsOf(rich).at(-1)!;
  const pairs = (step: number): Parameters<typeof equalFidelity>[0] =>
    subjects.map((subject) => ({ course: stepsOf(plain).map((one) => at(subject, plain, one)), point: at(subject, rich, step) }));
  const own = pairs(last).map(({ course, point }) => {
    const { clipT, outside } = clipTAt(course, point.dinoFg);
    return { clipT: point.clipT - clipT, outside };
  });
  const inside = own.filter(({ outside }) => !outside).map(({ clipT }) => clipT);
  const apart = (step: number, key: 'clipT' | 'dinoFg'): Interval =>
    pairedBootstrap(subjects.map((subject) => at(subject, rich, last)[key] - at(subject, plain, step)[key]));
  return {
    course: Object.fromEntries(
      [plain, rich].map((variant) => [
        variant,
        Object.fromEntries(
          stepsOf(variant).map((step) => [
            step,
            Object.fromEntries(
              scoreNames.map((key) => [key, pairedBootstrap(subjects.map((subject) => at(subject, variant, step)[key]))]),
            ) as Record<keyof Scores, Interval>,
          ]),
        ),
      ]),
    ),
    atEqualDinoFg: equalFidelity(pairs(last)),
    atEqualDinoFgByStep: Object.fromEntries(
      stepsOf(rich)
        .slice(0, -1)
        .map((step) => [step, equalFidelity(pairs(step))]),
    ),
    againstEach: Object.fromEntries(stepsOf(plain).map((step) => [step, { clipT: apart(step, 'clipT'), dinoFg: apart(step, 'dinoFg') }])),
    bySubject: {
      subjects: Object.fromEntries(subjects.map((subject, i) => [subject, own[i]!])),
      inside: inside.length === 0 ? undefined : pairedBootstrap(inside),
      n: inside.length,
    },
    points: Object.fromEntries(
      subjects.map((subject) => [
        subject,
        Object.fromEntries(
          [plain, rich].map((variant) => [
            variant,
            Object.fromEntries(stepsOf(variant).map((step) => [step, scoreNames.map((key) => at(subject, variant, step)[key])])),
          ]),
        ),
      ]),
    ),
  };
}

export type EarlyStoppedEvent =
  | { subject: string; variant: string; event: CustomizeEvent }
  | { point: CoursePoint; done: number; of: number };

const divisor = (steps: readonly number[]): number => steps.reduce((a, b) => (b === 0 ? a : divisor([b, a % b])));

/** The recipe of a training that keeps a checkpoint of every step that is asked for. */
export function keptAlong(recipe: Recipe, checkpoints: readonly number[], where: string): { recipe: Recipe; checkpoints: number[] } {
  const own = checkpoints.filter((step) => step <= recipe.steps);
  if (checkpoints.some((step, i) => i > 0 && step <= checkpoints[i - 1]!) || own.at(-1) !== recipe.steps)
    throw new UserError(
      `${where}: checkpoints is ${checkpoints.join(', ')}: ascending steps are expected, the training's ${recipe.steps} among them`,
    );
  if (recipe.schedule !== 'constant')
    throw new UserError(
      `${where}: a learning rate that falls to the last step makes no shorter training of its checkpoints: schedule is to be constant`,
    );
  const every = divisor(own);
  return { recipe: { ...recipe, checkpointEvery: every, keepCheckpoints: recipe.steps / every }, checkpoints: own };
}

/** Runs what is not done yet. Trainings lie in `out` by subject and variant, scores in `name`/, the summary in `name`.json. */
export async function* runEarlyStopped(
  engine: Engine,
  model: DiffusionModel,
  judges: Judges,
  recipe: EarlyStopped,
  subjects: readonly LearnedSubject[],
  options: { out: string; name: string; versions: Record<string, string>; signal?: AbortSignal },
): AsyncGenerator<EarlyStoppedEvent, { summary: EarlyStoppedSummary; points: CoursePoint[] }> {
  const { out, name, versions, signal } = options;
  const { picturesPerPrompt, sampling, shown } = recipe;
  const size = pixelSize(model);
  const plans = subjects.flatMap((subject) =>
    recipe.variants.map((variant) => {
      const learned = learnedRecipe(recipe, variant, subject);
      return { subject, variant, prompts: learned.prompts, ...keptAlong(learned.recipe, recipe.checkpoints, name) };
    }),
  );
  const of = plans.reduce((sum, plan) => sum + plan.checkpoints.length, 0);
  const points: CoursePoint[] = [];
  const drawing = new KeptPipeline(engine, model, drawnAtOnce);
  for (const own of plans) {
    const { subject, variant } = own;
    const at = { subject: subject.name, variant: variant.name };
    const folder = join(out, subject.name, `${variant.name},checkpoints`);
    const training = trainedRun({
      engine,
      model,
      out: folder,
      versions,
      recipe: own.recipe,
      prompts: own.prompts,
      ...(signal && { signal }),
    });
    yield* mapped(training, (event) => ({ ...at, event }));
    const { run } = await RunFolder.open(folder);
    for (const checkpoint of own.checkpoints) {
      const file = (ending: string): string => join(subject.name, `${variant.name}@${checkpoint}${ending}`);
      const content = await contentOf(run.checkpoint(checkpoint));
      const settings = { content, prompts: subject.evaluationPrompts, picturesPerPrompt, sampling, shown, judges: judges.id };
      const done = join(out, name, file('.json'));
      const earlier = await earlierResult<CoursePoint>(done, settings, join(out, name));
      if (earlier !== undefined) {
        points.push(earlier);
        continue;
      }
      const pipeline = await drawing.of(await learnedAt(folder, checkpoint, own.recipe, model));
      const {
        pictures,
        scores: _,
        ...means
      } = await followed(
        drawAndScore(pipeline, judges, own.recipe, {
          ...recipe,
          evaluationPrompts: subject.evaluationPrompts,
          size,
          ...(signal && { signal }),
        }),
      );
      const bytes = pictures.map((picture) => toBytes(picture, size));
      const sheet = contactSheet(bytes, size, picturesPerPrompt);
      await writeAtomically(join(out, name, file('.png')), await encodePng(sheet.bytes, sheet.width, sheet.height));
      const one = bytes[Math.min(shown * picturesPerPrompt, bytes.length - 1)]!;
      await writeAtomically(join(out, name, file('-shown.png')), await encodePng(one, size, size));
      const point: CoursePoint = { ...at, step: checkpoint, ...means, settings, sheet: file('.png'), picture: file('-shown.png') };
      await writeAtomically(done, `${JSON.stringify(point)}\n`);
      points.push(point);
      yield { point, done: points.length, of };
    }
  }
  await drawing.release();
  const summary = summarizeEarlyStopped(points, recipe);
  await writeAtomically(join(out, `${name}.json`), `${JSON.stringify(summary, undefined, 2)}\n`);
  return { summary, points };
}
