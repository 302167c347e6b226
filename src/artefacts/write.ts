/** Writing what was learned, in the layouts of other tools. */
import { statSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { UserError, internal } from '../errors.ts';
import { makeFolder } from '../disk.ts';
import { writeSafetensors } from '../files/safetensors.ts';
import type { Learned } from '../methods/learned.ts';
import type { Format } from '../methods/method.ts';
import type { DiffusionModel } from '../models/load.ts';
import { traces } from '../models/load.ts';
import { weightsOf, writeModelFolder, writeTokenizer } from '../models/save.ts';
import { fingerprint } from './fingerprint.ts';

/** Weights under their own names: the layout of a method that names none. */
const plain: Format = {
  name: 'contextura',
  write: (weights) => ({ 'learned.safetensors': weights }),
  read: (weights) => ({ weights, settings: {} }),
};

export const formatsOf = ({ method }: Pick<Learned, 'method'>): readonly Format[] => method.formats ?? [plain];

/** A method's layout by name; its own where none is named. */
export function formatOf(learned: Pick<Learned, 'method'>, name?: string): Format {
  const formats = formatsOf(learned);
  const format = name === undefined ? formats[0] : formats.find((one) => one.name === name || one.also?.includes(name) === true);
  if (format === undefined)
    throw new UserError(
      `--to ${name}: what ${learned.method.name} learns cannot be written for it; ${formats.flatMap((one) => [one.name, ...(one.also ?? [])]).join(', ')} can`,
    );
  return format;
}

/** What the headers of an artefact's files say. */
export const provenance = (learned: Learned, model: DiffusionModel): Record<string, string> => ({
  format: 'pt',
  method: learned.method.name,
  tokens: JSON.stringify(learned.words.map(({ token }) => token)),
  base: learned.base ?? fingerprint(model),
  ...(learned.recipe && { recipe: JSON.stringify(learned.recipe) }),
});

/** What a single file says of the model that it is, in Stability AI's words. */
const modelSpec = ({ scheduler }: DiffusionModel): Record<string, string> => ({
  'modelspec.prediction_type': scheduler.prediction_type === 'epsilon' ? 'epsilon' : 'v',
});

/** The base model's other parts, without its contextualizer, which belongs to the text encoder as it was. */
async function writeRest(folder: string, model: DiffusionModel, own: readonly string[], dtype: 'F32' | 'F16'): Promise<void> {
  if (!statSync(model.folder).isDirectory()) return writeModelFolder(folder, model, new Set(own), dtype);
  const left = new Set(own.map((name) => join(name)));
  const skipped = /^contextualizer([\\/.]|$)|\.(bin|ckpt|h5|msgpack|onnx)$|\.safetensors(\.index\.json)?$/;
  const keep = /^vae[\\/]/;
  await makeFolder(folder);
  await cp(model.folder, folder, {
    recursive: true,
    dereference: true,
    filter: (path) => {
      const within = relative(model.folder, path);
      return !left.has(within) && ((dtype === 'F32' && keep.test(within)) || !skipped.test(within));
    },
  });
  if (dtype === 'F16')
    await writeSafetensors(
      join(folder, 'vae', 'diffusion_pytorch_model.safetensors'),
      weightsOf(model.vae, traces.vae.run),
      { format: 'pt' },
      dtype,
    );
}

/** Writes the files of a layout into `folder`; returns the path to hand out: the only file, or the folder. */
export async function writeArtefact(
  folder: string,
  learned: Learned,
  model: DiffusionModel,
  options: { format?: Format; half?: boolean } = {},
): Promise<string> {
  const { format = formatOf(learned), half = false } = options;
  const { words, settings } = learned;
  const files = format.write(learned.weights, { tokens: words.map(({ token }) => token), model, settings });
  const dtype = half ? 'F16' : 'F32';
  if (format.isModel === 'file') await writeTokenizer(join(folder, 'tokenizer'), model);
  else if (format.isModel === 'folder') await writeRest(folder, model, Object.keys(files), dtype);
  const names = Object.keys(files);
  if (names.length === 0) throw internal(`${learned.method.name} writes no files`);
  const metadata = { ...provenance(learned, model), ...(format.isModel === 'file' && modelSpec(model)) };
  for (const name of names) await writeSafetensors(join(folder, name), files[name]!, metadata, dtype);
  return names.length === 1 ? join(folder, names[0]!) : folder;
}
