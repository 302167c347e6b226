/** Flags by which a verb is told of a model, and what it makes of them. */
import { UserError } from '../errors.ts';
import { loadModel } from '../models/load.ts';
import type { DiffusionModel } from '../models/load.ts';
import { assetPath, say } from './terminal.ts';

export const modelFlags = {
  tokenizer: {
    type: 'string',
    description: 'a folder with CLIP’s vocab.json and merges.txt, for a single-file model that has none beside it',
  },
  prediction: { type: 'string', description: 'epsilon or v: what the U-Net predicts, where the model does not say it' },
} as const;

const predictions = { epsilon: 'epsilon', v: 'v_prediction' } as const;

/** Loads the model that a request names, and says what was assumed of it. */
export async function openModel(
  request: { model: string; tokenizer?: string | undefined; prediction?: string | undefined },
  quiet = false,
): Promise<DiffusionModel> {
  const { model: path, tokenizer, prediction } = request;
  if (prediction !== undefined && !Object.hasOwn(predictions, prediction))
    throw new UserError(`--prediction ${prediction}: epsilon or v is expected`);
  const model = await loadModel(path === 'tiny' ? assetPath('tiny') : path, {
    tokenizer,
    prediction: predictions[prediction as keyof typeof predictions],
  });
  if (!quiet) for (const note of model.notes ?? []) say(note);
  return model;
}
