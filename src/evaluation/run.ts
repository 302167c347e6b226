/** Finished runs, as evaluations and analyses use them. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readArtefact } from '../artefacts/read.ts';
import { parseRecipe, subjectsOf } from '../config.ts';
import type { Recipe } from '../config.ts';
import { UserError } from '../errors.ts';
import { toBytes, writePng } from '../files/images.ts';
import { writeAtomically } from '../files/atomic.ts';
import { openSafetensors, tensorOnDemand } from '../files/safetensors.ts';
import type { Engine } from '../graph/engine.ts';
import { methodOf } from '../methods/index.ts';
import type { Learned } from '../methods/learned.ts';
import type { Weights } from '../methods/method.ts';
import { loadModel, pixelSize } from '../models/load.ts';
import type { DiffusionModel } from '../models/load.ts';
import { Pipeline } from '../sampler/pipeline.ts';
import { checkSampling } from '../sampler/request.ts';
import type { SamplerName } from '../sampler/samplers.ts';
import { drawnTogether } from '../sampler/usual.ts';
import { withSubject } from '../text/prompts.ts';
import { initialWeights, settingsOf } from '../trainer/prepare.ts';
import { RunFolder } from '../trainer/run-folder.ts';
import { resultPrefix } from '../trainer/step.ts';

export interface CustomizedRun {
  folder: string;
  recipe: Recipe;
  model: DiffusionModel;
  /** Empty where the run's artefact is a whole model. */
  learned: readonly Learned[];
}

/** Opens a run's folder. `baseOf` loads the model that its recipe names, with the tokenizer and the prediction that it names. */
export async function openRun(
  folder: string,
  baseOf: (recipe: Recipe) => DiffusionModel | Promise<DiffusionModel>,
): Promise<CustomizedRun> {
  const path = join(folder, 'run.json');
  const text = await readFile(path, 'utf8').catch(() => {
    throw new UserError(`${folder} holds no run.json: name the folder of a run, as contextura customize --out makes it`);
  });
  let record: { recipe?: unknown };
  try {
    record = JSON.parse(text) as { recipe?: unknown };
  } catch {
    throw new UserError(`${path} is not JSON: the run cannot be read`);
  }
  const recipe = parseRecipe(record.recipe, path);
  return readRun(folder, recipe, () => baseOf(recipe));
}

/** What a finished run has learned; its base model is asked for only where the artefact is no whole model. */
export async function readRun(
  folder: string,
  recipe: Recipe,
  base: () => DiffusionModel | Promise<DiffusionModel>,
): Promise<CustomizedRun> {
  const whole = join(folder, 'artefact');
  if (existsSync(join(whole, 'model_index.json'))) return { folder, recipe, model: await loadModel(whole), learned: [] };
  const model = await base();
  return { folder, recipe, model, learned: [await readArtefact(folder, model)] };
}

/** What a run had learned at a step that it kept a checkpoint of: the moving averages where it keeps them. */
export async function learnedAt(folder: string, step: number, recipe: Recipe, model: DiffusionModel): Promise<Learned> {
  const { run } = await RunFolder.open(folder);
  const kept = await run.checkpoints();
  if (!kept.includes(step))
    throw new UserError(
      `${folder} keeps no checkpoint of step ${step} (it has ${kept.length === 0 ? 'none' : kept.join(', ')}): learn it with keepCheckpoints`,
    );
  const method = methodOf(recipe.method);
  const file = await openSafetensors(run.checkpoint(step));
  const weights: Weights = {};
  for (const name of Object.keys(initialWeights(model, method, recipe))) weights[name] = tensorOnDemand(file, resultPrefix(recipe) + name);
  const words = subjectsOf(recipe).map((subject) => ({ token: subject.token, className: subject.class }));
  return { method, settings: settingsOf(recipe), words, weights, recipe };
}

export interface DrawOptions {
  /** With {subject}. */
  prompts: readonly string[];
  perPrompt: number;
  out: string;
  seed: number;
  sampler: SamplerName;
  steps: number;
  guidance: number;
  signal?: AbortSignal;
}

/** Draws a run's pictures, `perPrompt` for each prompt. What is in `out` already is not drawn again. Yields after each new one. */
export async function* drawPictures(
  engine: Engine,
  run: CustomizedRun,
  options: DrawOptions,
): AsyncGenerator<{ done: number; of: number }, { path: string; prompt: string }[]> {
  const { prompts, perPrompt, out, signal, ...sampling } = options;
  const { model, learned, recipe } = run;
  checkSampling(sampling, model.scheduler);
  const record = JSON.stringify({ prompts, ...sampling, recipe });
  const kept = join(out, 'drawing.json');
  const before = await readFile(kept, 'utf8').catch(() => undefined);
  if (before !== undefined && before !== record)
    throw new UserError(`${out} holds pictures of other prompts or settings: choose another --out, or remove that folder`);
  await writeAtomically(kept, record);
  const wanted = prompts.flatMap((prompt, p) =>
    Array.from({ length: perPrompt }, (_, k) => ({
      prompt,
      path: join(out, `${String(p).padStart(3, '0')}-${k}.png`),
      index: 100_000 * k + p, // the noise of a picture stays when more are asked for
    })),
  );
  const missing = wanted.filter(({ path }) => !existsSync(path));
  if (missing.length > 0) {
    const size = pixelSize(model);
    const pipeline = await Pipeline.create(engine, model, drawnTogether(model, missing.length), learned);
    const subject = `${recipe.token} ${recipe.class}`;
    let done = wanted.length - missing.length;
    const pictures = pipeline.generate({
      ...sampling,
      prompts: missing.map(({ prompt }) => withSubject(prompt, subject)),
      indices: missing.map(({ index }) => index),
      signal,
    });
    try {
      for await (const { index, pixels } of pictures) {
        await writePng(missing[index]!.path, toBytes(pixels, size), size);
        yield { done: ++done, of: wanted.length };
        signal?.throwIfAborted();
      }
    } finally {
      await pipeline.release();
    }
  }
  return wanted.map(({ path, prompt }) => ({ path, prompt }));
}
