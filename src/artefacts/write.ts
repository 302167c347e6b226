/** Writing what was learned, in the layouts of other tools. */
import { statSync } from 'node:fs';
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError, internal } from '../errors.ts';
import { writeSafetensors } from '../files/safetensors.ts';
import type { Learned } from '../methods/learned.ts';
import type { Format } from '../methods/method.ts';
import type { DiffusionModel } from '../models/load.ts';
import { writeModelFolder } from '../models/save.ts';
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
  base: fingerprint(model),
  ...(learned.recipe && { recipe: JSON.stringify(learned.recipe) }),
});

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
  if (format.isModel === true && !statSync(model.folder).isDirectory()) await writeModelFolder(folder, model, new Set(Object.keys(files)));
  else if (format.isModel === true) {
    // The base model's other parts; its contextualizer belongs to the text encoder as it was.
    const left = new Set(Object.keys(files).map((name) => join(model.folder, name)));
    const skipped = /(^|[\\/])contextualizer([\\/]|$)|\.bin$|\.safetensors(\.index\.json)?$/;
    const keep = /[\\/]vae[\\/]/;
    await mkdir(folder, { recursive: true });
    await cp(model.folder, folder, {
      recursive: true,
      dereference: true,
      filter: (path) => !left.has(path) && (keep.test(path) || !skipped.test(path.slice(model.folder.length))),
    });
  }
  const names = Object.keys(files);
  if (names.length === 0) throw internal(`${learned.method.name} writes no files`);
  const metadata = provenance(learned, model);
  for (const name of names) await writeSafetensors(join(folder, name), files[name]!, metadata, half ? 'F16' : 'F32');
  return names.length === 1 ? join(folder, names[0]!) : folder;
}
