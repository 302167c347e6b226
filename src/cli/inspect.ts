import { existsSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { defineCommand } from 'citty';
import { UserError } from '../errors.ts';
import type { TensorTable } from '../files/tensors.ts';
import { readIndex } from '../models/configs.ts';
import { familyOf, pipelineFamily } from '../models/family.ts';
import type { Family } from '../models/family.ts';
import { contextualizerFolder, loadModel } from '../models/load.ts';
import { choosePrediction, layouts } from '../models/stable-diffusion.ts';
import { openFile, openWeights } from '../models/weights.ts';
import { RunFolder } from '../trainer/run-folder.ts';
import { locateModel, modelFlags } from './model.ts';
import { sharedFlags } from './terminal.ts';

type Facts = Record<string, unknown>;

const counted = (numbers: readonly string[]): Record<string, number> => {
  const out: Record<string, number> = {};
  for (const one of numbers) out[one] = (out[one] ?? 0) + 1;
  return out;
};

function sizes(tensors: TensorTable): { tensors: number; parameters: number; bytes: number; dtypes: Record<string, number> } {
  const entries = [...tensors.values()];
  return {
    tensors: entries.length,
    parameters: entries.reduce((sum, { dtype, shape }) => sum + (/^B?F/.test(dtype) ? shape.reduce((a, b) => a * b, 1) : 0), 0),
    bytes: entries.reduce((sum, { length }) => sum + length, 0),
    dtypes: counted(entries.map(({ dtype }) => dtype)),
  };
}

/** What to do with it, as a sentence. */
function useOf(path: string, family: Family, tensors: TensorTable): string {
  if (family.use === 'model') return `contextura customize --model ${path}, contextura generate --model ${path}`;
  if (family.use === 'none') return `nothing by itself: ${family.why}`;
  const generate = `contextura generate --artefact ${path}`;
  const entries = [...tensors.values()].filter(({ dtype }) => /^B?F/.test(dtype));
  if (entries.length > 1) return `${generate}, with the model that it was learned on`;
  const width = entries[0]!.shape.at(-1)!;
  const models: Record<number, string> = { 768: 'Stable Diffusion 1', 1024: 'Stable Diffusion 2', 128: 'the embedded model' };
  return `${generate}, with a model whose text encoder is ${width} wide${width in models ? ` (${models[width]})` : ''}`;
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};

async function inspectFile(path: string): Promise<Facts> {
  const { tensors, metadata = {} } = await openFile(path);
  const family = familyOf(tensors);
  if (family === undefined)
    throw new UserError(
      `${path} holds ${tensors.size} tensors of no known kind${tensors.size === 0 ? '' : ` (${[...tensors.keys()][0]}, …)`}`,
    );
  const layout = family.version === undefined ? undefined : layouts[family.version];
  const choice = layout === undefined ? undefined : choosePrediction(layout, { metadata });
  const { recipe, ...rest } = metadata;
  return {
    path,
    family: family.name,
    use: useOf(path, family, tensors),
    ...(choice !== undefined && {
      predicts: `${choice.prediction}${choice.guessed ? ' (not said in the file; most of its kind do)' : ''}`,
    }),
    ...(family.use === 'artefact' &&
      tensors.size <= 16 && {
        vectors: Object.fromEntries([...tensors.values()].map(({ name, shape }) => [name, shape.join(' × ')])),
      }),
    ...sizes(tensors),
    ...(recipe !== undefined && { recipe: parsed(recipe) }),
    ...(Object.keys(rest).length > 0 && { metadata: rest }),
  };
}

/** A folder in diffusers' layout: loaded as a run would load it, so that what is wrong with it is told. */
async function inspectModel(path: string): Promise<Facts> {
  const { _class_name: name, _diffusers_version: version, _name_or_path: origin } = await readIndex(path);
  const family = pipelineFamily(name);
  const common = {
    path,
    family: family.name,
    class: name,
    ...(version !== undefined && { diffusers: version }),
    ...(origin !== undefined && { origin }),
  };
  if (family.use === 'none') return { ...common, use: useOf(path, family, new Map()) };
  const { unet, vae, scheduler, textEncoder, contextualizer } = await loadModel(path);
  const generation: Record<number, string> = { 768: 'Stable Diffusion 1', 1024: 'Stable Diffusion 2' };
  const kind = generation[unet.config.cross_attention_dim];
  const parts = [
    ['text_encoder', 'model', 'pytorch_model'],
    ['unet', 'diffusion_pytorch_model'],
    ['vae', 'diffusion_pytorch_model'],
  ] as const;
  const weights = await Promise.all(
    parts.map(async ([part, stem, bin]) => [part, sizes((await openWeights(join(path, part), stem, bin)).tensors)] as const),
  );
  return {
    ...common,
    family:
      kind === undefined
        ? `a latent diffusion model like Stable Diffusion (folder), text states ${unet.config.cross_attention_dim} wide`
        : `${kind} (folder)`,
    use: useOf(path, family, new Map()),
    predicts: scheduler.prediction_type,
    pixels: unet.config.sample_size * 2 ** (vae.config.block_out_channels.length - 1),
    tokens: textEncoder.config.max_position_embeddings,
    contextualizer: contextualizer === undefined ? 'none: contextura pretrain contextualizer makes one' : contextualizerFolder(path),
    parameters: weights.reduce((sum, [, { parameters }]) => sum + parameters, 0),
    components: Object.fromEntries(weights),
  };
}

async function inspectRun(path: string): Promise<Facts> {
  const { run, record } = await RunFolder.open(path);
  const names = (await readdir(run.in('artefact')).catch(() => [])).filter((name) => name.endsWith('.safetensors'));
  return {
    path,
    family: 'a run of Contextura',
    use: existsSync(run.in('artefact', 'model_index.json'))
      ? `contextura generate --model ${run.in('artefact')}`
      : names.length > 0
        ? `contextura generate --artefact ${path}`
        : `contextura customize --resume ${path}`,
    steps: (await run.metrics()).at(-1)?.step ?? 0,
    checkpoints: await run.checkpoints(),
    artefacts: await Promise.all(names.map((name) => inspectFile(run.in('artefact', name)))),
    ...record,
  };
}

async function inspectFolder(path: string): Promise<Facts> {
  if (existsSync(join(path, 'model_index.json'))) return inspectModel(path);
  if (existsSync(join(path, 'run.json'))) return inspectRun(path);
  const weights = await openWeights(path, 'diffusion_pytorch_model')
    .catch(() => openWeights(path, 'model', 'pytorch_model'))
    .catch(() => {
      throw new UserError(`${path} holds no model (model_index.json), no run (run.json) and no component's weights`);
    });
  const family = familyOf(weights.tensors);
  if (family === undefined) throw new UserError(`${weights.source} holds ${weights.tensors.size} tensors of no known kind`);
  return { path, family: family.name, use: useOf(path, family, weights.tensors), ...sizes(weights.tensors) };
}

const plain = (value: unknown): string => {
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(plain).join(', ');
  if (typeof value !== 'object' || value === null) return typeof value === 'number' ? value.toLocaleString('en') : String(value);
  return Object.entries(value)
    .map(([key, inner]) => `${key} ${typeof inner === 'object' && inner !== null ? `(${plain(inner)})` : plain(inner)}`)
    .join(', ');
};

export const inspect = defineCommand({
  meta: { name: 'inspect', description: 'what a file or folder of weights is, where it comes from, what it can be used with' },
  args: {
    path: {
      type: 'positional',
      required: true,
      description: 'a .safetensors, .ckpt, .pt or .bin file, a model’s folder, a run’s, or a hub’s owner/name',
    },
    variant: modelFlags.variant,
    offline: modelFlags.offline,
    ...sharedFlags,
  },
  async run({ args }) {
    const path = await locateModel({ ...args, model: args.path }, args.quiet);
    if (!existsSync(path)) throw new UserError(`${path} does not exist: name a file of weights, a model’s folder or a run’s`);
    const facts = statSync(path).isDirectory() ? await inspectFolder(path) : await inspectFile(path);
    if (args.json === true) process.stdout.write(`${JSON.stringify(facts)}\n`);
    else for (const [key, value] of Object.entries(facts)) process.stdout.write(`${key.padEnd(15)} ${plain(value)}\n`);
  },
});
