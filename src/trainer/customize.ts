/** Learning a subject: one compiled step in a loop that yields events, checkpoints and samples. */
import { fingerprint } from '../artefacts/fingerprint.ts';
import { writeArtefact } from '../artefacts/write.ts';
import { subjectsOf } from '../config.ts';
import type { Recipe } from '../config.ts';
import { countUnencoded } from '../dataset/latents.ts';
import { UserError } from '../errors.ts';
import { mapped } from '../events.ts';
import { writeSafetensors } from '../files/safetensors.ts';
import type { Engine } from '../graph/engine.ts';
import { freeMemory } from '../graph/free-memory.ts';
import { methodOf } from '../methods/index.ts';
import type { Learned } from '../methods/learned.ts';
import type { Method, Weights } from '../methods/method.ts';
import { withContextualizer } from '../models/load.ts';
import type { DiffusionModel } from '../models/load.ts';
import type { Forecast } from './forecast.ts';
import { balancedLambda } from './lambda.ts';
import { forecast } from './forecast.ts';
import {
  checkMethod,
  initialWeights,
  prepare,
  readSubjects,
  refuseCutSubjects,
  richPrompts,
  settingsOf,
  subjectTokens,
} from './prepare.ts';
import type { Preparing, ReadSubject } from './prepare.ts';
import { Preview } from './preview.ts';
import { givenPrior, missingPrior } from './prior.ts';
import { reopen, statesOf } from './reopen.ts';
import { hashesOf, promptsRecord, RunFolder } from './run-folder.ts';
import type { RunRecord } from './run-folder.ts';
import { resultPrefix, TrainingStep } from './step.ts';
import type { TrainEvent } from './step.ts';

export type CustomizeEvent =
  | ({ kind: 'forecast' } & Forecast)
  | Preparing
  | { kind: 'lambda'; lambda: number }
  | { kind: 'start'; step: number; steps: number; pictures: string[] }
  | { kind: 'step'; steps: number; event: TrainEvent }
  | { kind: 'sample'; step: number; path: string }
  | { kind: 'done'; artefact: string };

export interface CustomizeOptions {
  engine: Engine;
  model: DiffusionModel;
  recipe: Recipe;
  /** The method, where it is not the one that the recipe names. */
  method?: Method;
  /** Rich prompts with {subject}, where the recipe names no file. */
  prompts?: readonly string[] | ((className: string) => readonly string[]);
  out: string;
  resume?: boolean;
  versions: Record<string, string>;
  signal?: AbortSignal;
  /** Bytes of memory that the run may take; what is free, where nothing is said. */
  memory?: number;
  /** Forecast how long it will take, too, which costs some seconds of measuring. */
  timed?: boolean;
}

/** Engines that a run trains on: its states have the engine to themselves. */
const busy = new WeakSet<Engine>();

/**
 * Trains as the recipe says and leaves a whole run folder. Aborting keeps a checkpoint and rejects with the signal's
 * reason; so does leaving the loop over its events, which rejects nothing. The weights that it returns are read from the
 * last checkpoint whenever they are asked for. Throws a UserError where another run trains on the engine.
 */
export async function* customize(options: CustomizeOptions): AsyncGenerator<CustomizeEvent, Learned> {
  const { engine } = options;
  if (busy.has(engine)) throw new UserError('another run trains on this engine: wait until it ends, or give each an engine of its own', 1);
  busy.add(engine);
  try {
    return yield* run(options);
  } finally {
    busy.delete(engine);
  }
}

async function* run(options: CustomizeOptions): AsyncGenerator<CustomizeEvent, Learned> {
  const { engine, out, signal } = options;
  let { recipe } = options;
  const model = recipe.contextualizer === undefined ? options.model : await withContextualizer(options.model, recipe.contextualizer);
  const method = options.method ?? methodOf(recipe.method);
  checkMethod(model, method, recipe);
  const rich = await richPrompts(recipe, options.prompts ?? []);
  const initial = initialWeights(model, method, recipe);
  const tokens = subjectTokens(model, method, recipe, initial.concept?.shape[0] ?? 0);
  refuseCutSubjects(model, recipe, rich, tokens.tokenizer);
  const subjects = await readSubjects(model, method, recipe);
  const paths = subjects.flatMap((subject) => subject.paths);
  const others = [
    ...subjects.flatMap((subject) => subject.masks),
    ...(recipe.priorImages === undefined || recipe.priorCount === 0 ? [] : await givenPrior(recipe.priorImages, recipe.priorCount)),
  ];
  let record: RunRecord & { recipe: Recipe } = {
    recipe,
    versions: options.versions,
    inputs: await hashesOf(paths),
    others: await hashesOf(others),
    base: fingerprint(model),
    ...promptsRecord(rich),
  };
  let earlier: RunFolder | undefined;
  if (options.resume === true) {
    ({ run: earlier, record } = await reopen(out, record));
    recipe = record.recipe;
  } else await RunFolder.refuseTaken(out);
  let unlock = await earlier?.lock();
  try {
    const views = subjects.flatMap((subject) => subject.views);
    const pixels = views.map((view) => view.pixels);
    const missing = await missingPrior(engine, model, earlier, recipe);
    const saved = (await earlier?.checkpoints())?.at(-1);
    const plan = {
      model,
      method,
      recipe,
      initial,
      tokens,
      rich,
      views: (await countUnencoded(engine, model, pixels)) + missing.encoded,
      masked: views.some(({ region }) => region !== undefined),
      missing: missing.drawn,
      done: saved ?? 0,
      changeable: earlier === undefined,
    };
    const { memory = freeMemory(), timed = false } = options;
    yield { kind: 'forecast', ...(await forecast(engine, plan, { free: memory, timed, signal })) };
    signal?.throwIfAborted();
    const folder = earlier ?? (await RunFolder.create(out, record));
    unlock ??= await folder.lock();
    if (earlier !== undefined) await folder.writeRecord(record);
    return yield* trained(options, {
      model,
      method,
      recipe,
      record,
      folder,
      saved,
      resumed: earlier !== undefined,
      initial,
      subjects,
      rich,
      tokens,
    });
  } finally {
    await unlock?.();
  }
}

interface Begun {
  model: DiffusionModel;
  method: Method;
  recipe: Recipe;
  record: RunRecord;
  folder: RunFolder;
  /** The step of the last checkpoint, if there is one. */
  saved: number | undefined;
  resumed: boolean;
  initial: Weights;
  subjects: readonly ReadSubject[];
  rich: readonly string[];
  tokens: ReturnType<typeof subjectTokens>;
}

/** A run that has begun and has its folder, to its end. */
async function* trained(options: CustomizeOptions, begun: Begun): AsyncGenerator<CustomizeEvent, Learned> {
  const { engine, signal } = options;
  const { model, method, record, folder, saved, resumed, initial, subjects, rich, tokens } = begun;
  let { recipe } = begun;
  const settings = settingsOf(recipe);
  const paths = subjects.flatMap((subject) => subject.paths);
  const preparing = prepare(engine, model, method, recipe, { subjects, rich, tokens, run: folder, signal });
  const data = yield* mapped(preparing, (event) => {
    signal?.throwIfAborted();
    return event;
  });
  if (recipe.lambda > 0 && recipe.lambdaBalance > 0 && saved === undefined) {
    recipe = {
      ...recipe,
      lambda: await balancedLambda(engine, model, method, initial, data, { ...recipe, ...settings }, recipe.lambdaBalance),
    };
    await folder.writeRecord({ ...record, recipe });
    yield { kind: 'lambda', lambda: recipe.lambda };
  }
  const training = await TrainingStep.create(engine, model, method, initial, data, { ...recipe, ...settings });
  const preview = new Preview(engine, model, method, recipe, tokens.tokenizer);
  try {
    if (saved !== undefined) await training.restore(await statesOf(folder, saved));
    if (resumed) await folder.truncateLog(saved ?? 0);
    yield { kind: 'start', step: saved ?? 0, steps: recipe.steps, pictures: paths };
    yield* steps(training, preview, folder, recipe, saved, signal);
    const words = subjectsOf(recipe).map((subject) => ({ token: subject.token, className: subject.class }));
    const states = await statesOf(folder, recipe.steps);
    const weights = Object.fromEntries(training.trained.map((name) => [name, states[resultPrefix(recipe) + name]!]));
    const learned: Learned = { method, settings, words, weights, recipe };
    const artefact = await writeArtefact(folder.in('artefact'), learned, model);
    yield { kind: 'done', artefact };
    return learned;
  } finally {
    await preview.release();
    await training.release();
  }
}

/**
 * The steps of a run that are left, `saved` being that of its last checkpoint, with checkpoints and sample pictures. A stop,
 * and the end, leave a checkpoint; a failure none.
 */
async function* steps(
  training: TrainingStep,
  preview: Preview,
  folder: RunFolder,
  recipe: Recipe,
  saved: number | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<CustomizeEvent, void> {
  let [at, kept, failed] = [saved ?? 0, saved, false];
  const save = async (): Promise<void> => {
    await writeSafetensors(folder.checkpoint(at), training.state(), { step: String(at) });
    await folder.dropCheckpoints(recipe.keepCheckpoints ?? 2);
    kept = at;
  };
  try {
    while (at < recipe.steps) {
      signal?.throwIfAborted();
      const event = await training.step(at);
      if (!Number.isFinite(event.diffusion + (event.mlm ?? 0)))
        throw new UserError(
          `the loss is not a number at step ${event.step}: start a new run with a lower --learning-rate (it was ${recipe.learningRate})`,
          1,
        );
      await folder.log({
        step: event.step,
        diffusion: event.diffusion,
        ...(event.mlm !== undefined && { mlm: event.mlm }),
        gradientNorm: event.gradientNorm,
      });
      at = event.step;
      yield { kind: 'step', steps: recipe.steps, event };
      if (at % recipe.checkpointEvery === 0) await save();
      if (recipe.sampleEvery > 0 && at % recipe.sampleEvery === 0) {
        const path = folder.in('samples', `step-${at}.png`);
        await preview.draw(path, training, signal);
        yield { kind: 'sample', step: at, path };
      }
    }
  } catch (error) {
    failed = error !== signal?.reason;
    throw error;
  } finally {
    if (!failed && at !== kept) await save();
  }
}
