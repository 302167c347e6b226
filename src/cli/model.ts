/** Flags by which a verb is told of a model, and what it makes of them. */
import type { Recipe } from '../config.ts';
import { followed } from '../events.ts';
import { UserError } from '../errors.ts';
import { resolveModel } from '../files/hub.ts';
import type { HubOptions } from '../files/hub.ts';
import { oneModel } from '../models/configs.ts';
import { pipelineFamily } from '../models/family.ts';
import { loadModel } from '../models/load.ts';
import type { DiffusionModel } from '../models/load.ts';
import { assetPath } from '../package.ts';
import { Progress, say } from './terminal.ts';

/** What --model says of itself; a verb adds its default. */
export const modelDescription =
  'a folder in diffusers’ layout, a .safetensors or .ckpt file, a hub’s owner/name, fetched once (@revision for one of its revisions), or tiny';

export const modelFlags = {
  tokenizer: {
    type: 'string',
    description: 'a folder with CLIP’s vocab.json and merges.txt, for a single-file model that has none beside it',
  },
  prediction: { type: 'string', description: 'epsilon or v: what the U-Net predicts, where the model does not say it' },
  variant: { type: 'string', description: 'of a hub’s model: fetch the weights of this variant, such as fp16, not full precision' },
  offline: { type: 'boolean', description: 'of a hub’s model: fetch nothing, use what is in the cache', default: false },
} as const;

const predictions = { epsilon: 'epsilon', v: 'v_prediction' } as const;

export interface ModelRequest {
  model: string;
  tokenizer?: string | undefined;
  prediction?: string | undefined;
  variant?: string | undefined;
  offline?: boolean | undefined;
}

/** Where what a name stands for lies on this disk; what a hub names is fetched first, with progress. Ctrl-C keeps what has come. */
async function located(name: string, options: HubOptions, quiet: boolean): Promise<string> {
  const controller = new AbortController();
  const stop = (): void => {
    say('stopping; what has been fetched is kept, and the same command goes on from there');
    controller.abort();
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    const progress = new Progress(quiet);
    const megabytes = (bytes: number): number => Math.ceil(bytes / 1e6);
    return await followed(resolveModel(name, { ...options, signal: controller.signal }), (event) => {
      if (event.kind === 'progress') progress.update(`${name}, MB`, megabytes(event.bytes), megabytes(event.total), `  ${event.file}`);
      else if (event.kind === 'cached') say(`${event.why}; going on with what is in the cache`);
      else if (quiet) return;
      else if (event.kind === 'plan') say(`fetching ${event.id}: ${event.files} files, ${megabytes(event.bytes)} MB, to ${event.folder}`);
      else if (event.kind === 'waiting') say(`another run is fetching ${event.file}: waiting for it`);
    });
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}

export async function locateModel({ model, variant, offline }: ModelRequest, quiet = false): Promise<string> {
  if (model === 'tiny') return assetPath('tiny');
  const options: HubOptions = {
    offline: offline === true,
    ...(variant !== undefined && { variant }),
    accept: ({ _class_name: name }) => {
      if (typeof name !== 'string') return;
      const family = pipelineFamily(name);
      if (family.use !== 'model') throw new UserError(`${model} is ${family.name}, ${family.why}; --model takes ${oneModel}`);
    },
  };
  return located(model, options, quiet);
}

/** The folder of a single network as transformers writes it. */
export const locateNetwork = (name: string, offline = false, quiet = false): Promise<string> =>
  located(name, { layout: 'transformers', offline }, quiet);

/** Loads the model that a request names, and says what was assumed of it. */
export async function openModel(request: ModelRequest, quiet = false): Promise<DiffusionModel> {
  const { tokenizer, prediction } = request;
  if (prediction !== undefined && !Object.hasOwn(predictions, prediction))
    throw new UserError(`--prediction ${prediction}: epsilon or v is expected`);
  const model = await loadModel(await locateModel(request, quiet), {
    tokenizer,
    prediction: predictions[prediction as keyof typeof predictions],
  });
  if (!quiet) for (const note of model.notes ?? []) say(note);
  return model;
}

/** Which of a hub's weights are meant, and whether any may be fetched: flags of verbs that take runs. */
export type BaseRequest = Pick<ModelRequest, 'variant' | 'offline'>;
export const baseFlags = { variant: modelFlags.variant, offline: modelFlags.offline } as const;

/** Loads the model that a run's recipe names, as the recipe says that it is to be read. */
export const baseOf =
  ({ variant, offline }: BaseRequest, quiet = false) =>
  ({ model, tokenizer, prediction }: Pick<Recipe, 'model' | 'tokenizer' | 'prediction'>): Promise<DiffusionModel> =>
    openModel({ model, tokenizer, prediction, variant, offline }, quiet);
