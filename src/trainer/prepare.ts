/** What a run learns from: a subject's views as latents, pictures of its class, prompts, first values. */
import { subjectsOf } from '../config.ts';
import type { Recipe, SubjectRecipe } from '../config.ts';
import { readConcept } from '../dataset/concept.ts';
import { encodePictures } from '../dataset/latents.ts';
import { regionOfLatents } from '../dataset/views.ts';
import type { View } from '../dataset/views.ts';
import { UserError, internal } from '../errors.ts';
import { mapped } from '../events.ts';
import { valuesBetween } from '../files/constants.ts';
import type { Engine } from '../graph/engine.ts';
import type { Tensor } from '../graph/tensor.ts';
import { joined, repeated } from '../methods/concept.ts';
import { nameOf, withNewWords } from '../methods/learned.ts';
import type { Method, MethodSettings, Weight, Weights } from '../methods/method.ts';
import { pixelSize } from '../models/load.ts';
import type { DiffusionModel } from '../models/load.ts';
import { quoted, readPrompts, withSubject } from '../text/prompts.ts';
import { about } from '../text/templates.ts';
import type { ClipTokenizer } from '../text/tokenizer.ts';
import { classPictures, priorClasses } from './prior.ts';
import type { RunFolder } from './run-folder.ts';
import type { Example, TrainingData } from './step.ts';

/** What a method needs to know of a recipe. */
export const settingsOf = (recipe: Recipe): MethodSettings => ({
  vectors: recipe.vectors * subjectsOf(recipe).length,
  rank: recipe.rank,
  loraText: recipe.loraText,
});

/** Refuses combinations that could not do what they say. */
export function checkMethod(model: DiffusionModel, method: Method, recipe: Recipe): void {
  if (recipe.lambda > 0 && !method.trainsText(settingsOf(recipe)))
    throw new UserError(
      `--lambda ${recipe.lambda}: ${method.name} trains nothing on the text side, so the MLM objective has nothing to act on: give --lambda 0${method.name === 'lora' ? ' or --lora-text' : ''}`,
    );
  if (recipe.lambda > 0 && model.contextualizer === undefined)
    throw new UserError(
      `${model.folder} has no contextualizer: run contextura pretrain contextualizer --model ${model.folder} first, or give --lambda 0`,
    );
  if (recipe.also.length > 0 && method.oneSubject !== undefined)
    throw new UserError(`${method.name} learns one subject in a run (${method.oneSubject}): learn the others in runs of their own`);
}

/** Rich prompts about every subject, its name in them: those of its file, or those at hand for its class. */
export async function richPrompts(
  recipe: Recipe,
  bundled: readonly string[] | ((className: string) => readonly string[]),
): Promise<readonly string[]> {
  if (recipe.lambda === 0) return [];
  const out: string[] = [];
  for (const subject of subjectsOf(recipe)) {
    const atHand = typeof bundled === 'function' ? bundled(subject.class) : subject === recipe ? bundled : [];
    const prompts = subject.prompts === undefined ? atHand : await readPrompts(subject.prompts, subject.token);
    if (prompts.length === 0)
      throw new UserError(
        `no prompt set is bundled for the class "${subject.class}": give --prompts FILE, or --lambda 0 to leave the MLM objective out`,
      );
    out.push(...prompts.map((prompt) => withSubject(prompt, nameOf({ token: subject.token, className: subject.class }))));
  }
  return out;
}

/** Throws a UserError where the text encoder would not read a subject's name in a rich prompt, or not all of it. */
export function refuseCutSubjects(model: DiffusionModel, recipe: Recipe, rich: readonly string[], tokenizer: ClipTokenizer): void {
  const read = model.textEncoder.config.max_position_embeddings - 2;
  const names = subjectsOf(recipe).map(({ token }) => token);
  /** Tokens of a prompt up to the end of the last name in it. */
  const reaches = (prompt: string): number => {
    const ends = names.map((name) => prompt.lastIndexOf(name)).map((at, i) => (at < 0 ? 0 : at + names[i]!.length));
    return tokenizer.encode(prompt.slice(0, Math.max(...ends))).length;
  };
  const cut = rich.filter((prompt) => reaches(prompt) > read);
  if (cut.length > 0)
    throw new UserError(
      `${cut.length} of ${rich.length} rich prompts name the subject past the ${read} tokens that the text encoder reads, such as ${quoted(cut[0]!)}: shorten them, or name it earlier`,
    );
}

/** The tokenizer that knows the subjects' names, and the ids of names that are not new. */
export function subjectTokens(
  model: DiffusionModel,
  method: Method,
  recipe: Recipe,
  rows: number,
): { tokenizer: ClipTokenizer; kept: Set<number> } {
  const tokens = subjectsOf(recipe).map(({ token }) => token);
  if (method.learnsToken) return { tokenizer: withNewWords(model.tokenizer, tokens, settingsOf(recipe).vectors, rows), kept: new Set() };
  const twice = tokens.find((token, i) => tokens.indexOf(token) !== i);
  if (twice !== undefined) throw new UserError(`two subjects are called ${twice}: give them different tokens`);
  const ids = tokens.flatMap((token) => model.tokenizer.encode(token));
  if (ids.length === 0) throw new UserError(`--token ${recipe.token} has no tokens: name a rare word, such as sks`);
  return { tokenizer: model.tokenizer, kept: new Set(ids) };
}

/** Vectors that a subject's word starts from: the mean of the initializer's tokens, [vectors, D]. */
function firstRows(model: DiffusionModel, table: Tensor, subject: SubjectRecipe, vectors: number): Weight {
  const width = table.shape[1]!;
  const word = subject.initializer ?? subject.class;
  const rows = model.tokenizer.idsOf(word).map((id) => valuesBetween(table, id * width, (id + 1) * width));
  if (rows.length === 0) throw new UserError(`initializer "${word}" has no tokens: name a word such as ${subject.class}`);
  const mean = Float32Array.from({ length: width }, (_, i) => rows.reduce((total, row) => total + row[i]!, 0) / rows.length);
  return repeated({ data: mean, shape: [1, width] }, vectors);
}

/** First values of what a method trains. */
export function initialWeights(model: DiffusionModel, method: Method, recipe: Recipe): Weights {
  const { vocab_size: count, hidden_size: width } = model.textEncoder.config;
  const table = model.textEncoder.parameters.get('text_model.embeddings.token_embedding.weight', [count, width]);
  const words = subjectsOf(recipe).map((subject) => firstRows(model, table, subject, recipe.vectors));
  const initial = method.initial(model, settingsOf(recipe), { rows: joined(words), seed: recipe.seed });
  if (method.learnsToken && initial.concept === undefined)
    throw internal(`${method.name} learns a token, and trains nothing called concept`);
  return initial;
}

/** Views and their prompts as examples. */
async function* examplesOf(
  engine: Engine,
  model: DiffusionModel,
  views: readonly View[],
  templates: readonly string[],
  subject: string,
): AsyncGenerator<Preparing, Example[]> {
  const encoding = encodePictures(
    engine,
    model,
    views.map(({ pixels }) => pixels),
  );
  const latents = yield* mapped(encoding, (event): Preparing => ({ kind: 'encoded', ...event }));
  const plain = templates.map((template) => about(template, subject));
  return views.map(({ region, prefix = [''] }, i) => ({
    latents: latents[i]!,
    prompts: prefix.flatMap((words) => plain.map((prompt) => words + prompt)),
    ...(region && { region: regionOfLatents(region, pixelSize(model), model.unet.config.sample_size) }),
  }));
}

/** A subject with its pictures, read and checked before anything is written. */
export interface ReadSubject {
  recipe: SubjectRecipe;
  paths: string[];
  masks: string[];
  views: View[];
}

export async function readSubjects(model: DiffusionModel, method: Method, recipe: Recipe): Promise<ReadSubject[]> {
  const { flip, crop, seed, scaledViews = method.defaults.scaledViews ?? false } = recipe;
  const shared = { size: pixelSize(model), cells: model.unet.config.sample_size, flip, crop, seed, scaled: scaledViews };
  const out: ReadSubject[] = [];
  for (const subject of subjectsOf(recipe)) {
    const { images, masks } = subject;
    out.push({ recipe: subject, ...(await readConcept(images, { ...shared, ...(masks !== undefined && { masks }) })) });
  }
  return out;
}

/** A picture of the class is drawn, or a picture is encoded. */
export interface Preparing {
  kind: 'prior' | 'encoded';
  done: number;
  of: number;
}

/** All that a run learns from. */
export async function* prepare(
  engine: Engine,
  model: DiffusionModel,
  method: Method,
  recipe: Recipe,
  given: {
    subjects: readonly ReadSubject[];
    rich: readonly string[];
    tokens: ReturnType<typeof subjectTokens>;
    run: RunFolder;
    signal?: AbortSignal | undefined;
  },
): AsyncGenerator<Preparing, TrainingData> {
  const [own, prior]: [Example[], Example[]] = [[], []];
  for (const { recipe: subject, views } of given.subjects) {
    const name = nameOf({ token: subject.token, className: subject.class });
    own.push(...(yield* examplesOf(engine, model, views, method.templates, name)));
  }
  for (const className of priorClasses(recipe)) {
    const pictures = classPictures(engine, model, recipe, className, given.run, given.signal);
    const drawn = yield* mapped(pictures, (event): Preparing => ({ kind: 'prior', ...event }));
    prior.push(...(yield* examplesOf(engine, model, drawn, ['a photo of a {}'], className)));
  }
  return { own, prior, richPrompts: given.rich, ...given.tokens };
}
