/** What a run learns from: a subject's views as latents, pictures of its class, prompts, first values. */
import { existsSync } from 'node:fs';
import type { Recipe } from '../config.ts';
import { encodePictures, readConcept } from '../dataset/concept.ts';
import { regionOfLatents } from '../dataset/views.ts';
import type { View } from '../dataset/views.ts';
import { UserError } from '../errors.ts';
import { valuesOf } from '../files/constants.ts';
import { listImages, readSquare, toBytes, writePng } from '../files/images.ts';
import type { Engine } from '../graph/engine.ts';
import { withNewWord } from '../methods/learned.ts';
import type { Method, Weights } from '../methods/method.ts';
import { pixelSize } from '../models/load.ts';
import type { DiffusionModel } from '../models/load.ts';
import { Pipeline } from '../sampler/pipeline.ts';
import { readPrompts, withSubject } from '../text/prompts.ts';
import type { ClipTokenizer } from '../text/tokenizer.ts';
import type { RunFolder } from './run-folder.ts';
import type { Example, TrainingData } from './step.ts';

/** Refuses combinations that could not do what they say. */
export function checkMethod(model: DiffusionModel, method: Method, recipe: Recipe): void {
  if (recipe.lambda > 0 && !method.trainsText(recipe))
    throw new UserError(
      `--lambda ${recipe.lambda}: ${method.name} trains nothing on the text side, so the MLM objective has nothing to act on: give --lambda 0${method.name === 'lora' ? ' or --lora-text' : ''}`,
    );
  if (recipe.lambda > 0 && model.contextualizer === undefined)
    throw new UserError(
      `${model.folder} has no contextualizer: run contextura pretrain contextualizer --model ${model.folder} first, or give --lambda 0`,
    );
}

/** Rich prompts with {subject}: the recipe's file, or those at hand. */
export async function richPrompts(recipe: Recipe, bundled: readonly string[]): Promise<readonly string[]> {
  if (recipe.lambda === 0) return [];
  const prompts = recipe.prompts === undefined ? bundled : await readPrompts(recipe.prompts, recipe.token);
  if (prompts.length === 0)
    throw new UserError(
      `no prompt set is bundled for the class "${recipe.class}": give --prompts FILE, or --lambda 0 to leave the MLM objective out`,
    );
  return prompts;
}

/** The tokenizer that knows the subject's name, and the ids of the name. */
export function subjectTokens(
  model: DiffusionModel,
  method: Method,
  recipe: Recipe,
  rows: number,
): { tokenizer: ClipTokenizer; kept: Set<number> } {
  if (!method.learnsToken) {
    const ids = model.tokenizer.encode(recipe.token);
    if (ids.length === 0) throw new UserError(`--token ${recipe.token} has no tokens: name a rare word, such as sks`);
    return { tokenizer: model.tokenizer, kept: new Set(ids) };
  }
  return { tokenizer: withNewWord(model.tokenizer, recipe.token, recipe.vectors, rows), kept: new Set() };
}

/** First values of what a method trains: the placeholder starts from the mean of the initializer's tokens. */
export function initialWeights(model: DiffusionModel, method: Method, recipe: Recipe): Weights {
  const word = recipe.initializer ?? recipe.class;
  const ids = model.tokenizer.encode(word);
  if (ids.length === 0) throw new UserError(`initializer "${word}" has no tokens: name a word such as ${recipe.class}`);
  const { vocab_size: rows, hidden_size: width } = model.textEncoder.config;
  const table = valuesOf(model.textEncoder.parameters.get('text_model.embeddings.token_embedding.weight', [rows, width]));
  const initializer = Float32Array.from(
    { length: width },
    (_, i) => ids.reduce((total, id) => total + table[id * width + i]!, 0) / ids.length,
  );
  return method.initial(model, recipe, { initializer, seed: recipe.seed });
}

const article = (noun: string): string => (/^[aeiou]/i.test(noun) ? 'an' : 'a');

/** A template about something: "a photo of a {}" → "a photo of an otter". */
const about = (template: string, subject: string): string =>
  template.replace(/\ba \{\}/, `${article(subject)} ${subject}`).replace('{}', subject);

/** Views and their prompts as examples. */
async function examplesOf(
  engine: Engine,
  model: DiffusionModel,
  views: readonly View[],
  templates: readonly string[],
  subject: string,
): Promise<Example[]> {
  const size = pixelSize(model);
  const latents = await encodePictures(
    engine,
    model,
    views.map(({ pixels }) => pixels),
    size,
  );
  const plain = templates.map((template) => about(template, subject));
  return views.map(({ region, prefix = [''] }, i) => ({
    latents: latents[i]!,
    prompts: prefix.flatMap((words) => plain.map((prompt) => words + prompt)),
    ...(region && { region: regionOfLatents(region, size, model.unet.config.sample_size) }),
  }));
}

/** The subject's pictures as examples, and where they came from. Reading checks them before anything is written. */
export async function readSubject(model: DiffusionModel, method: Method, recipe: Recipe): Promise<{ paths: string[]; views: View[] }> {
  const { flip, crop, seed, masks } = recipe;
  const scaled = method.views === 'scaled';
  return readConcept(recipe.images, { size: pixelSize(model), flip, crop, seed, scaled, ...(masks !== undefined && { masks }) });
}

/** Pictures of the class: those of a folder, or drawn by the model as it is, into the run's folder, those there already aside. */
async function* classPictures(
  engine: Engine,
  model: DiffusionModel,
  recipe: Recipe,
  run: RunFolder,
): AsyncGenerator<{ done: number; of: number }, View[]> {
  const size = pixelSize(model);
  const { priorCount: count, priorImages } = recipe;
  if (count === 0) return [];
  const read = async (paths: readonly string[]): Promise<View[]> => {
    const views: View[] = [];
    for (const path of paths) views.push({ pixels: await readSquare(path, size) });
    return views;
  };
  if (priorImages !== undefined) {
    const paths = await listImages(priorImages);
    if (paths.length < count)
      throw new UserError(
        `--prior-images ${priorImages} holds ${paths.length} pictures, --prior-count asks for ${count}: add some, or ask for fewer`,
      );
    return read(paths.slice(0, count));
  }
  const paths = Array.from({ length: count }, (_, i) => run.in('prior', `${String(i).padStart(4, '0')}.png`));
  const missing = [...paths.keys()].filter((i) => !existsSync(paths[i]!));
  if (missing.length > 0) {
    const pipeline = await Pipeline.create(engine, model, size > 128 ? 1 : Math.min(8, missing.length));
    const prompt = about('a photo of a {}', recipe.class);
    const options = { prompts: missing.map(() => prompt), indices: missing, seed: recipe.seed + 1, sampler: 'dpm++', steps: 20 } as const;
    let drawn = 0;
    for await (const { index, pixels } of pipeline.generate({ ...options, guidance: size > 128 ? 7.5 : 4 })) {
      await writePng(paths[missing[index]!]!, toBytes(pixels, size), size);
      yield { done: ++drawn, of: missing.length };
    }
    await pipeline.release();
  }
  return read(paths);
}

/** All that a run learns from. */
export async function* prepare(
  engine: Engine,
  model: DiffusionModel,
  method: Method,
  recipe: Recipe,
  given: { views: readonly View[]; rich: readonly string[]; tokens: ReturnType<typeof subjectTokens>; run: RunFolder },
): AsyncGenerator<{ done: number; of: number }, TrainingData> {
  const subject = `${recipe.token} ${recipe.class}`;
  const prior = yield* classPictures(engine, model, recipe, given.run);
  return {
    own: await examplesOf(engine, model, given.views, method.templates, subject),
    prior: prior.length === 0 ? [] : await examplesOf(engine, model, prior, ['a photo of a {}'], recipe.class),
    richPrompts: given.rich.map((prompt) => withSubject(prompt, subject)),
    ...given.tokens,
  };
}
