/** Which files of a repository in diffusers' layout a model needs: its configs, its tokenizer, one set of weights a component. */
import { UserError } from '../errors.ts';

/** A file as a hub or a cache lists it. */
export interface Listed {
  path: string;
  size: number;
  /** Git's hash of the file. */
  oid: string;
  /** Of files in large-file storage. */
  sha256?: string;
}

export interface Plan<F> {
  /** What is needed, small files first. */
  files: F[];
  /** What a whole model has and this listing does not, in words. */
  lacking: string[];
}

/** Components with weights, and the stems that diffusers and transformers give them. */
const weighty: Record<string, RegExp> = {
  text_encoder: /^(model|pytorch_model)$/,
  unet: /^diffusion_pytorch_model$/,
  vae: /^diffusion_pytorch_model$/,
  contextualizer: /^model$/,
};
const optional = new Set(['contextualizer']);
const configs: Record<string, RegExp> = {
  tokenizer: /^(vocab|tokenizer|tokenizer_config|special_tokens_map|added_tokens)\.json$|^merges\.txt$/,
  scheduler: /^scheduler_config\.json$/,
};

/** stem, variant, shard, count, variant (as older tools place it), format, index. */
const weightName = /^(\w+?)(?:\.(\w+))?(?:-(\d{5})-of-(\d{5}))?(?:\.(\w+))?\.(safetensors|bin)$/;
const indexName = /^(\w+?)(?:\.(\w+))?\.(safetensors|bin)\.index(?:\.(\w+))?\.json$/;

/** Variants that publishers add to file names, most precise first; the same order in which weights are looked for. */
const preference = ['', 'fp32', 'bf16', 'fp16', 'non_ema'];

interface WeightSet<F> {
  format: string;
  variant: string;
  single: F | undefined;
  shards: F[];
  count: number;
  index: F | undefined;
}

/** Sets of weights in one component's folder, whole or not. */
function weightSets<F extends { path: string }>(files: readonly F[], stem: RegExp): WeightSet<F>[] {
  const sets = new Map<string, WeightSet<F>>();
  const setOf = (format: string, variant: string): WeightSet<F> => {
    const key = `${format} ${variant}`;
    const known = sets.get(key) ?? { format, variant, single: undefined, shards: [], count: 0, index: undefined };
    sets.set(key, known);
    return known;
  };
  for (const file of files) {
    const name = file.path.slice(file.path.lastIndexOf('/') + 1);
    const index = indexName.exec(name);
    if (index !== null && stem.test(index[1]!)) setOf(index[3]!, index[2] ?? index[4] ?? '').index = file;
    const weights = weightName.exec(name);
    if (weights === null || !stem.test(weights[1]!)) continue;
    const set = setOf(weights[6]!, weights[2] ?? weights[5] ?? '');
    if (weights[3] === undefined) set.single = file;
    else {
      set.shards.push(file);
      set.count = Number(weights[4]);
    }
  }
  return [...sets.values()];
}

const wholeFiles = <F>({ single, shards, count, index, format }: WeightSet<F>): F[] | undefined => {
  if (single !== undefined) return [single];
  // Shards of .bin are not read.
  return index !== undefined && count > 0 && shards.length === count && format === 'safetensors' ? [index, ...shards] : undefined;
};

/** The set to use: .safetensors before .bin, the variant asked for before full precision, full before half. */
function chooseSet<F>(sets: readonly WeightSet<F>[], variant: string | undefined): { files: F[]; variant: string } | undefined {
  const order = variant === undefined ? preference : [variant, ...preference];
  for (const format of ['safetensors', 'bin'])
    for (const wanted of order) {
      const set = sets.find((s) => s.format === format && s.variant === wanted);
      const files = set && wholeFiles(set);
      if (files !== undefined) return { files, variant: wanted };
    }
  return undefined;
}

/**
 * Chooses from a listing. No ONNX, msgpack, safety checker or second copy of weights; a component that lacks the
 * variant falls back on full precision. Throws a UserError where no component has the variant.
 */
export function planFiles<F extends { path: string }>(listing: readonly F[], variant?: string): Plan<F> {
  const within = (folder: string): F[] =>
    listing.filter(({ path }) => path.startsWith(`${folder}/`) && !path.slice(folder.length + 1).includes('/'));
  const has = (path: string): boolean => listing.some((file) => file.path === path);
  const small = listing.filter(({ path }) => path === 'model_index.json');
  const lacking = small.length === 0 ? ['model_index.json'] : [];
  const large: F[] = [];
  const found = new Set<string>();
  for (const [folder, names] of Object.entries(configs))
    small.push(...within(folder).filter(({ path }) => names.test(path.slice(folder.length + 1))));
  for (const [folder, stem] of Object.entries(weighty)) {
    const files = within(folder);
    if (files.length === 0 && optional.has(folder)) continue;
    const config = files.find(({ path }) => path === `${folder}/config.json`);
    if (config === undefined) lacking.push(`${folder}/config.json`);
    else small.push(config);
    const sets = weightSets(files, stem);
    const chosen = chooseSet(sets, variant);
    if (chosen === undefined) lacking.push(`weights of ${folder}`);
    else large.push(...chosen.files);
    if (chosen !== undefined) found.add(chosen.variant);
  }
  if (!has('scheduler/scheduler_config.json')) lacking.push('scheduler/scheduler_config.json');
  if (!has('tokenizer/tokenizer.json') && !(has('tokenizer/vocab.json') && has('tokenizer/merges.txt')))
    lacking.push('tokenizer/vocab.json and merges.txt');
  if (variant !== undefined && found.size > 0 && !found.has(variant)) {
    const names = [...found].map((name) => (name === '' ? 'full precision' : name)).join(', ');
    throw new UserError(`--variant ${variant}: the model has no such weights, it has ${names}: leave --variant out`);
  }
  return { files: [...small, ...large], lacking };
}

/**
 * The same for one network as transformers writes it, at the top of its repository: configuration, tokenizer where there
 * is one, one set of weights.
 */
export function planNetwork<F extends { path: string }>(listing: readonly F[]): Plan<F> {
  const top = listing.filter(({ path }) => !path.includes('/'));
  const small = top.filter(({ path }) => path === 'config.json' || configs.tokenizer!.test(path));
  const weights = chooseSet(weightSets(top, weighty.text_encoder!), undefined);
  const lacking = top.some(({ path }) => path === 'config.json') ? [] : ['config.json'];
  if (weights === undefined) lacking.push('weights');
  return { files: [...small, ...(weights?.files ?? [])], lacking };
}

/** Whether a path from a server stays inside the folder that it is joined to, on any system. */
export const isInside = (path: string): boolean =>
  path !== '' &&
  !/[\\:]/.test(path) &&
  Array.from(path).every((character) => character >= ' ') &&
  path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
