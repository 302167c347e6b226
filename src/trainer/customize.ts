/** Learning a subject: one compiled step in a loop that yields events, checkpoints and samples. */
import { existsSync } from 'node:fs';
import { parseRecipe } from '../config.ts';
import type { Recipe } from '../config.ts';
import { encodePictures, readConcept } from '../dataset/concept.ts';
import { UserError } from '../errors.ts';
import { toBytes, writePng } from '../files/images.ts';
import { openSafetensors, readTensor, writeSafetensors } from '../files/safetensors.ts';
import type { Engine } from '../graph/engine.ts';
import type { DiffusionModel } from '../models/load.ts';
import { Inversion } from '../methods/textual-inversion.ts';
import type { TrainEvent, TrainState } from '../methods/textual-inversion.ts';
import { Pipeline } from '../sampler/pipeline.ts';
import type { LearnedConcept } from '../sampler/pipeline.ts';
import { readPrompts, withSubject } from '../text/prompts.ts';
import { objectTemplates } from '../text/templates.ts';
import type { ClipTokenizer } from '../text/tokenizer.ts';
import { hashOf, RunFolder } from './run-folder.ts';
import type { RunRecord } from './run-folder.ts';

export type CustomizeEvent =
  | { kind: 'start'; step: number; steps: number; pictures: string[] }
  | { kind: 'step'; steps: number; event: TrainEvent }
  | { kind: 'sample'; step: number; path: string }
  | { kind: 'done'; artefact: string };

export interface CustomizeOptions {
  engine: Engine;
  model: DiffusionModel;
  recipe: Recipe;
  /** Rich prompts with {subject}, where the recipe names no file. */
  prompts?: readonly string[];
  out: string;
  resume?: boolean;
  versions: Record<string, string>;
  signal?: AbortSignal;
}

/** The embedding rows of a model's token table. */
async function tokenRows(model: DiffusionModel, ids: readonly number[]): Promise<Float32Array> {
  const file = await openSafetensors(`${model.folder}/text_encoder/model.safetensors`);
  const table = await readTensor(file, 'text_model.embeddings.token_embedding.weight');
  const width = model.textEncoder.config.hidden_size;
  const out = new Float32Array(ids.length * width);
  ids.forEach((id, i) => out.set(table.subarray(id * width, (id + 1) * width), i * width));
  return out;
}

/** First vectors [n, D]: the mean of the initializer's tokens, the same for each. */
async function initialVectors(model: DiffusionModel, recipe: Recipe): Promise<Float32Array> {
  const word = recipe.initializer ?? recipe.class;
  const ids = model.tokenizer.encode(word);
  if (ids.length === 0) throw new UserError(`initializer "${word}" has no tokens: name a word such as ${recipe.class}`);
  const rows = await tokenRows(model, ids);
  const width = model.textEncoder.config.hidden_size;
  return Float32Array.from(
    { length: recipe.vectors * width },
    (_, i) => ids.reduce((sum, _id, row) => sum + rows[row * width + (i % width)]!, 0) / ids.length,
  );
}

export const placeholderTokenizer = (model: DiffusionModel, token: string, vectors: number): ClipTokenizer => {
  if (/\s/.test(token)) throw new UserError(`--token "${token}" holds a space: choose one word, such as <v>`);
  if (model.tokenizer.encode(token).length === 1)
    throw new UserError(`--token ${token} is a word that the model knows: choose another, such as <v>`);
  return model.tokenizer.withPlaceholder(token, vectors);
};

/** A run to go on with. Throws a UserError where its recipe, its number of steps aside, or its pictures are not what they were. */
async function reopen(path: string, record: RunRecord & { recipe: Recipe }): Promise<RunFolder> {
  const { run, record: earlier } = await RunFolder.open(path);
  const before: Record<string, unknown> = { ...parseRecipe(earlier.recipe, run.in('run.json')) };
  const other = Object.entries(record.recipe).find(([key, value]) => key !== 'steps' && before[key] !== value);
  if (other !== undefined)
    throw new UserError(
      `the run in ${path} has ${other[0]} ${String(before[other[0]])}, not ${String(other[1])}: go on with its own recipe, or start a new run`,
    );
  const names = new Set([...Object.keys(earlier.inputs), ...Object.keys(record.inputs)]);
  const changed = [...names].find((name) => earlier.inputs[name] !== record.inputs[name]);
  if (changed !== undefined)
    throw new UserError(`${changed} is not what it was when the run in ${path} began: put it back as it was, or start a new run`);
  const saved = (await run.checkpoints()).at(-1) ?? 0;
  if (record.recipe.steps < saved)
    throw new UserError(
      `--steps ${record.recipe.steps}: the run in ${path} is at step ${saved} already: name a later one, or start a new run`,
    );
  await run.write('run.json', `${JSON.stringify({ ...earlier, recipe: record.recipe }, undefined, 2)}\n`);
  return run;
}

/** Trains as the recipe says and leaves a whole run folder. Aborting keeps a checkpoint and rejects with the signal's reason. */
export async function* customize(options: CustomizeOptions): AsyncGenerator<CustomizeEvent, LearnedConcept> {
  const { engine, model, recipe, out } = options;
  const size = pixelSize(model);
  const tokenizer = placeholderTokenizer(model, recipe.token, recipe.vectors);
  const concept = await readConcept(recipe.images, { size, flip: recipe.flip, crop: recipe.crop, seed: recipe.seed });
  const rich =
    recipe.lambda === 0 ? [] : recipe.prompts === undefined ? (options.prompts ?? []) : await readPrompts(recipe.prompts, recipe.token);
  if (recipe.lambda > 0 && rich.length === 0)
    throw new UserError(
      `no prompt set is bundled for the class "${recipe.class}": give --prompts FILE, or --lambda 0 for plain textual inversion`,
    );
  if (recipe.lambda > 0 && model.contextualizer === undefined)
    throw new UserError(
      `${model.folder} has no contextualizer: run contextura pretrain contextualizer --model ${model.folder} first, or give --lambda 0`,
    );
  const initial = await initialVectors(model, recipe);
  const inputs = Object.fromEntries(await Promise.all(concept.paths.map(async (path) => [path, await hashOf(path)] as const)));
  const record = { recipe, versions: options.versions, inputs };
  const run = options.resume === true ? await reopen(out, record) : await RunFolder.create(out, record);

  const subject = `${recipe.token} ${recipe.class}`;
  const data = {
    latents: await encodePictures(engine, model, concept.views, size),
    simplePrompts: objectTemplates.map((template) => template.replace('{}', subject)),
    richPrompts: rich.map((prompt) => withSubject(prompt, subject)),
  };
  const training = await Inversion.create(engine, model, tokenizer, initial, data, recipe);
  let begin = 0;
  const saved = (await run.checkpoints()).at(-1);
  if (options.resume === true && saved !== undefined) {
    begin = saved;
    const file = await openSafetensors(run.checkpoint(saved));
    const state: TrainState = {};
    for (const { name, shape } of file.tensors.values()) state[name] = { data: await readTensor(file, name), shape };
    await training.restore(state);
    await run.truncateLog(saved);
  }
  const save = async (step: number): Promise<void> => {
    await writeSafetensors(run.checkpoint(step), await training.state(), { step: String(step) });
    await run.dropCheckpoints(2);
  };
  let pipeline: Pipeline | undefined;
  const learned = async (): Promise<LearnedConcept> => ({ tokenizer, vectors: await training.vectors() });
  yield { kind: 'start', step: begin, steps: recipe.steps, pictures: concept.paths };
  for (let step = begin; step < recipe.steps; step++) {
    if (options.signal?.aborted === true) {
      await save(step);
      throw options.signal.reason;
    }
    const event = await training.step(step);
    if (!Number.isFinite(event.diffusion + (event.mlm ?? 0)))
      throw new UserError(
        `the loss is not a number at step ${event.step}: lower --learning-rate (it was ${recipe.learningRate}) and resume from ${out}`,
        1,
      );
    await run.log({
      step: event.step,
      diffusion: event.diffusion,
      ...(event.mlm !== undefined && { mlm: event.mlm }),
      gradientNorm: event.gradientNorm,
    });
    yield { kind: 'step', steps: recipe.steps, event };
    if (event.step % recipe.checkpointEvery === 0 && event.step < recipe.steps) await save(event.step);
    if (recipe.sampleEvery > 0 && event.step % recipe.sampleEvery === 0) {
      pipeline ??= await Pipeline.create(engine, model, 1, recipe.vectors);
      const path = run.in('samples', `step-${event.step}.png`);
      const prompt = `a photo of a ${subject}`;
      for await (const { pixels } of pipeline.generate(
        { prompts: [prompt], seed: recipe.seed, sampler: 'dpm++', steps: 12, guidance: 4 },
        await learned(),
      ))
        await writePng(path, toBytes(pixels, size), size);
      yield { kind: 'sample', step: event.step, path };
    }
  }
  await save(recipe.steps);
  const result = await learned();
  const artefact = run.in('artefact', 'learned_embeds.safetensors');
  const shape = [recipe.vectors, model.textEncoder.config.hidden_size];
  await writeSafetensors(artefact, { [recipe.token]: { data: result.vectors, shape } }, { format: 'pt', recipe: JSON.stringify(recipe) });
  await pipeline?.release();
  await training.release();
  yield { kind: 'done', artefact };
  return result;
}

/** Side of a model's pictures, in pixels. */
export const pixelSize = (model: DiffusionModel): number =>
  model.unet.config.sample_size * 2 ** (model.vae.config.block_out_channels.length - 1);

/** What an artefact holds, for a model. Throws a UserError where the two do not fit. */
export async function readArtefact(
  path: string,
  model: DiffusionModel,
): Promise<{ concept: LearnedConcept; token: string; recipe: Recipe | undefined }> {
  const whole = existsSync(`${path}/artefact/learned_embeds.safetensors`) ? `${path}/artefact/learned_embeds.safetensors` : path;
  const file = await openSafetensors(whole);
  const entry = [...file.tensors.values()][0];
  if (entry === undefined || file.tensors.size !== 1)
    throw new UserError(`${whole} holds ${file.tensors.size} tensors; an artefact of textual inversion holds one`);
  const width = model.textEncoder.config.hidden_size;
  if (entry.shape.at(-1) !== width)
    throw new UserError(
      `${whole} holds vectors of width ${entry.shape.at(-1)}; this model's text encoder takes ${width}: use the model that it was trained with`,
    );
  const vectors = await readTensor(file, entry.name);
  const recipe = file.metadata.recipe === undefined ? undefined : parseRecipe(JSON.parse(file.metadata.recipe), whole);
  return {
    concept: { tokenizer: model.tokenizer.withPlaceholder(entry.name, vectors.length / width), vectors },
    token: entry.name,
    recipe,
  };
}
