/** A component's weights: which files hold them, under which names, and as what they enter a graph. */
import { existsSync, realpathSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { openPickle } from '../files/pickle.ts';
import { openSafetensors } from '../files/safetensors.ts';
import { readEntry } from '../files/tensors.ts';
import type { TensorEntry, TensorTable } from '../files/tensors.ts';
import { constant, fileConstant } from '../graph/ops.ts';
import type { FileSource, Tensor } from '../graph/tensor.ts';
import { Parameters, stateSource } from '../nn/parameters.ts';

/** A table of tensors, and what to call it in an error. */
export interface Weights {
  source: string;
  tensors: TensorTable;
  /** What says which tensors there should be; its config.json where nothing is said. */
  layout?: string;
  /** What the file says of itself. */
  metadata?: Readonly<Record<string, string>>;
}

const layoutOf = (weights: Weights): string => weights.layout ?? 'its config.json';

/** Variants that publishers add to file names, most precise first. */
const variants = ['', '.fp32', '.bf16', '.fp16', '.non_ema'];

/**
 * The weights of a folder as diffusers and transformers lay them out: one .safetensors, shards with an index, or
 * PyTorch's .bin; full precision before a half-precision variant. Throws a UserError where there is none.
 */
export async function openWeights(folder: string, stem: string, binStem = stem): Promise<Weights> {
  for (const [name, ending] of [
    [stem, 'safetensors'],
    [binStem, 'bin'],
  ] as const)
    for (const variant of variants) {
      const single = join(folder, `${name}${variant}.${ending}`);
      if (existsSync(single)) return openFile(single);
      const index = [`${name}${variant}.${ending}.index.json`, `${name}.${ending}.index${variant}.json`]
        .map((file) => join(folder, file))
        .find((path) => existsSync(path));
      if (index !== undefined) return { source: index, tensors: await openShards(folder, index) };
    }
  throw new UserError(`${folder} holds no ${stem}.safetensors (nor shards, a variant or ${binStem}.bin of it): fetch the model again`);
}

/** One file of weights, by what its name ends in. */
export async function openFile(path: string): Promise<Weights> {
  if (/\.(bin|pt|pth|ckpt)$/i.test(path)) return { source: path, tensors: await openPickle(path) };
  const { tensors, metadata } = await openSafetensors(path);
  return { source: path, tensors, metadata };
}

async function openShards(folder: string, index: string): Promise<TensorTable> {
  const bad = (what: string): UserError => new UserError(`${index} ${what}: fetch the model again`);
  let map: unknown;
  try {
    map = (JSON.parse(await readFile(index, 'utf8')) as { weight_map?: unknown }).weight_map;
  } catch {
    throw bad('is not JSON');
  }
  if (typeof map !== 'object' || map === null || !Object.values(map).every((name) => typeof name === 'string'))
    throw bad('has no weight_map');
  const named = Object.entries(map) as [string, string][];
  const shards = new Map<string, TensorTable>();
  for (const name of new Set(Object.values(map) as string[])) {
    if (/[\\/]/.test(name)) throw bad(`names ${name}, which is outside its folder`);
    shards.set(name, (await openFile(join(folder, name))).tensors);
  }
  return new Map(
    named.map(([name, shard]) => {
      const entry = shards.get(shard)!.get(name);
      if (entry === undefined) throw bad(`says that ${shard} holds ${name}, which it does not`);
      return [name, entry];
    }),
  );
}

const stored: Partial<Record<TensorEntry['dtype'], FileSource['stored']>> = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' };

/** Frozen parameters: constants that stay in their files. Throws a UserError for what is missing or has another shape. */
export function frozenParameters(weights: Weights): Parameters {
  const { source, tensors } = weights;
  const made = new Map<string, Tensor>();
  return new Parameters((name, shape) => {
    const known = made.get(name);
    if (known !== undefined) return known;
    const entry = tensors.get(name);
    if (entry === undefined) throw new UserError(`${source} has no tensor ${name}, which ${layoutOf(weights)} asks for`);
    if (entry.shape.join() !== shape.join())
      throw new UserError(`${source}: tensor ${name} is [${entry.shape.join(', ')}], ${layoutOf(weights)} asks for [${shape.join(', ')}]`);
    const kind = stored[entry.dtype];
    const tensor =
      kind === undefined ? constant(readEntry(entry), shape) : fileConstant(realpathSync(entry.path), entry.offset, shape, kind);
    made.set(name, tensor);
    return tensor;
  });
}

/**
 * Compares a table with what a model asks for. Throws a UserError that names a tensor which is missing, has another
 * shape, or which nothing asks for (`ignored` aside).
 */
export function checkWeights(weights: Weights, trace: (p: Parameters) => void, ignored: RegExp = /^$/): void {
  const { source, tensors } = weights;
  const { source: asked, tensors: wanted } = stateSource();
  trace(new Parameters(asked));
  const several = (names: readonly string[]): string => `${names[0]}${names.length > 1 ? ` and ${names.length - 1} more` : ''}`;
  const missing = [...wanted.keys()].filter((name) => !tensors.has(name));
  if (missing.length > 0) throw new UserError(`${source} lacks ${several(missing)}, which ${layoutOf(weights)} asks for`);
  const surplus = [...tensors.keys()].filter((name) => !wanted.has(name) && !ignored.test(name));
  if (surplus.length > 0) throw new UserError(`${source} holds ${several(surplus)}, which ${layoutOf(weights)} does not ask for`);
  for (const [name, { shape }] of wanted) {
    const entry = tensors.get(name)!;
    if (entry.shape.join() !== shape.join())
      throw new UserError(`${source}: tensor ${name} is [${entry.shape.join(', ')}], ${layoutOf(weights)} asks for [${shape.join(', ')}]`);
    if (!/^B?F/.test(entry.dtype))
      throw new UserError(`${source}: tensor ${name} has dtype ${entry.dtype}; floating-point weights are expected`);
  }
}
