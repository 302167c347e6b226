/** Reading what was learned, by this project or by other tools. */
import { existsSync, statSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { parseRecipe, subjectsOf } from '../config.ts';
import type { Recipe } from '../config.ts';
import { UserError } from '../errors.ts';
import { openPickle } from '../files/pickle.ts';
import { openSafetensors } from '../files/safetensors.ts';
import { readEntry } from '../files/tensors.ts';
import type { TensorTable } from '../files/tensors.ts';
import { methodNames, methodOf } from '../methods/index.ts';
import type { Learned } from '../methods/learned.ts';
import type { Method, Weights } from '../methods/method.ts';
import type { DiffusionModel } from '../models/load.ts';
import { fingerprint } from './fingerprint.ts';
import { formatsOf } from './write.ts';

interface Found {
  /** To be named in errors. */
  where: string;
  weights: Weights;
  metadata: Readonly<Record<string, string>>;
}

const endings = new Set(['.safetensors', '.pt', '.bin']);

/** Floating-point tensors of a file; A1111's .pt files keep the one that matters under string_to_param. */
async function tensorsOf(path: string): Promise<{ weights: Weights; metadata: Readonly<Record<string, string>> }> {
  let table: TensorTable;
  let metadata: Readonly<Record<string, string>> = {};
  if (extname(path) === '.safetensors') ({ tensors: table, metadata } = await openSafetensors(path));
  else table = await openPickle(path);
  const entries = [...table.values()].filter(({ dtype }) => /^B?F/.test(dtype));
  return { weights: Object.fromEntries(entries.map((entry) => [entry.name, { data: readEntry(entry), shape: entry.shape }])), metadata };
}

/** The files of a run, a folder or a single file. */
async function find(path: string): Promise<Found> {
  if (!existsSync(path)) throw new UserError(`--artefact ${path} does not exist: name a run's folder or a file of learned weights`);
  if (!statSync(path).isDirectory()) return { where: path, ...(await tensorsOf(path)) };
  const own = join(path, 'artefact');
  const folder = existsSync(join(path, 'run.json')) ? own : path;
  if (!existsSync(folder)) throw new UserError(`--artefact ${path}: this run has learned nothing yet: go on with --resume ${path}`);
  const names = (await readdir(folder)).filter((name) => endings.has(extname(name))).toSorted();
  if (names.length === 0)
    throw new UserError(`--artefact ${folder} holds no .safetensors file: name a run's folder or a file of learned weights`);
  const files = await Promise.all(names.map((name) => tensorsOf(join(folder, name))));
  return {
    where: folder,
    weights: Object.assign({}, ...files.map(({ weights }) => weights)) as Weights,
    metadata: Object.assign({}, ...files.map(({ metadata }) => metadata)) as Record<string, string>,
  };
}

/** The folder of the model that a run has left, where it has left a whole one, or `path` where that is one. */
export const wholeModelOf = (path: string): string | undefined =>
  [join(path, 'artefact'), path].find((folder) => existsSync(join(folder, 'model_index.json')));

/**
 * A whole model that DreamBooth has made, as something that was learned: to be written in another layout. Throws a
 * UserError where nothing says that DreamBooth made it.
 */
export async function readWholeModel(folder: string, model: DiffusionModel): Promise<Learned> {
  const path = join(folder, 'unet', 'diffusion_pytorch_model.safetensors');
  const { metadata } = existsSync(path) ? await openSafetensors(path) : { metadata: {} as Record<string, string> };
  const { method: name, base, tokens, recipe: text } = metadata;
  if (name === undefined)
    throw new UserError(`${folder} is a model that no run of Contextura has made: there is nothing learned in it to export`);
  const method = methodOf(name);
  const recipe = text === undefined ? undefined : recipeIn(text, path);
  const { rank = 4, loraText = false, vectors = 1 } = recipe ?? {};
  const settings = { vectors, rank, loraText };
  const words = (tokensIn(tokens) ?? []).map((token) => ({
    token,
    className: recipe && subjectsOf(recipe).find((one) => one.token === token)?.class,
  }));
  const weights = method.initial(model, settings, { rows: { data: new Float32Array(0), shape: [0, 0] }, seed: 0 });
  return { method, settings, words, weights, recipe, ...(base !== undefined && { base }) };
}

/** The recipe of what lies at a path: the run's, or the one in its files' headers; undefined where neither is there. */
export async function recipeAt(path: string): Promise<Recipe | undefined> {
  const record = join(path, 'run.json');
  if (existsSync(record)) {
    const text = await readFile(record, 'utf8');
    let value: { recipe?: unknown };
    try {
      value = JSON.parse(text) as { recipe?: unknown };
    } catch {
      throw new UserError(`${record} is not JSON: name the base model with --model`);
    }
    return parseRecipe(value.recipe, record);
  }
  const { where, metadata } = await find(path);
  return metadata.recipe === undefined ? undefined : recipeIn(metadata.recipe, where);
}

/**
 * What was learned, for a model. Throws a UserError where the two do not fit: by shape, or because it was learned on
 * another base model.
 */
export async function readArtefact(path: string, model: DiffusionModel): Promise<Learned> {
  const whole = wholeModelOf(path);
  if (whole !== undefined)
    throw new UserError(`--artefact ${path} is a whole model, as DreamBooth makes them: give it as --model ${whole}`);
  const { where, weights, metadata } = await find(path);
  if (metadata.base !== undefined && metadata.base !== fingerprint(model))
    throw new UserError(`${where} was learned on another base model than ${model.folder}: use the model that it was learned on`);
  const candidates = metadata.method === undefined ? methodNames() : [metadata.method];
  for (const method of candidates.map(methodOf))
    for (const format of formatsOf({ method })) {
      const held = format.read(weights, model);
      if (held === undefined) continue;
      const recipe = metadata.recipe === undefined ? undefined : recipeIn(metadata.recipe, where);
      const { vectors = 1, rank = 4, loraText = false } = { ...recipe, ...held.settings };
      const named = recipe === undefined ? [] : subjectsOf(recipe);
      const words = (held.tokens ?? tokensIn(metadata.tokens) ?? [basename(path, extname(path))]).map((token) => ({
        token,
        className: named.find((one) => one.token === token)?.class,
      }));
      return { method, settings: { vectors, rank, loraText }, words, weights: held.weights, recipe };
    }
  throw misfit(where, weights, model, metadata.method === undefined ? undefined : methodOf(metadata.method));
}

/** Tokens as `provenance` writes them. */
function tokensIn(text: string | undefined): string[] | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '');
    return Array.isArray(value) && value.length > 0 && value.every((token) => typeof token === 'string') ? value : undefined;
  } catch {
    return undefined;
  }
}

function recipeIn(text: string, where: string): Recipe {
  try {
    return parseRecipe(JSON.parse(text), where);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${where} has a recipe in its header that is not JSON: it was changed or damaged`);
  }
}

/** Why nothing fits, as well as that can be told. */
function misfit(where: string, weights: Weights, model: DiffusionModel, method: Method | undefined): UserError {
  const width = model.textEncoder.config.hidden_size;
  const entries = Object.entries(weights);
  const [only] = entries;
  if (entries.length === 1 && only![1].shape.length <= 2)
    return new UserError(
      `${where} holds vectors of width ${only![1].shape.at(-1)}; this model's text encoder takes ${width}: use the model that it was learned on`,
    );
  const what =
    method === undefined ? 'is nothing that a method of Contextura has learned' : `does not fit ${model.folder} as ${method.name}`;
  return new UserError(`${where} (${entries.length} tensors) ${what}: contextura inspect says what it is`);
}

/** A share of what was learned: 1 is all of it, 0 the base model. Vectors of a new word have no share. */
export function scaled(learned: Learned, share: number, model: DiffusionModel): Learned {
  if (share === 1) return learned;
  const { method, settings } = learned;
  const base = method.initial(model, settings, { rows: learned.weights.concept ?? { data: new Float32Array(0), shape: [0, 0] }, seed: 0 });
  const weights = Object.fromEntries(
    Object.entries(learned.weights).map(([name, { data, shape }]) => {
      if (name === 'concept' || method.unscaled?.(name) === true) return [name, { data, shape }];
      const from = base[name]!.data;
      return [name, { data: data.map((x, i) => from[i]! + share * (x - from[i]!)), shape }];
    }),
  );
  return { ...learned, weights };
}
