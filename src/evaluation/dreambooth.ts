/** The benchmarks' own folders: google/dreambooth's, and CustomConcept101's. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import * as z from 'zod';
import { UserError } from '../errors.ts';
import { subjectMark } from '../text/prompts.ts';

export interface BenchmarkSubject {
  name: string;
  className: string;
  /** Folder of its pictures. */
  images: string;
  /** With {subject}. */
  prompts: readonly string[];
}

/** Classes of google/dreambooth that live; its file does not say so of subjects. */
const live = new Set(['cat', 'dog']);

const listFile = 'prompts_and_classes.txt';

/** `prompts_and_classes.txt`: subjects, their classes, and 25 prompts for each of the two kinds. */
export function parseDreamBooth(text: string, where: string): { classes: Map<string, string>; object: string[]; live: string[] } {
  const bad = (what: string): UserError => new UserError(`${where} ${what}: google/dreambooth's own file is expected`);
  const [head, objects, lives] = text.split(/^(?:Object|Live Subject) Prompts\s*$/m);
  if (head === undefined || objects === undefined || lives === undefined)
    throw bad('has no sections "Object Prompts" and "Live Subject Prompts"');
  const classes = new Map<string, string>();
  for (const line of head.split(/\r?\n/)) {
    const [, name, className] = /^([\w-]+),(.+)$/.exec(line.trim()) ?? [];
    if (name !== undefined && name !== 'subject_name') classes.set(name, className!.trim());
  }
  if (classes.size === 0) throw bad('lists no "subject,class"');
  const prompts = (section: string, kind: string): string[] => {
    const found = [...section.matchAll(/^\s*'(.+?)'\.format/gm)].map(([, line]) => line!.replace('{0} {1}', subjectMark));
    if (found.length === 0) throw bad(`has no ${kind} prompts`);
    const strange = found.find((line) => !line.includes(subjectMark));
    if (strange !== undefined) throw bad(`has the prompt "${strange}", which names no subject`);
    return found;
  };
  return { classes, object: prompts(objects, 'object'), live: prompts(lives, 'live') };
}

/** Subjects of google/dreambooth's `dataset` folder, all or those named. */
export async function readDreamBooth(folder: string, names?: readonly string[]): Promise<BenchmarkSubject[]> {
  const root = existsSync(join(folder, listFile)) ? folder : join(folder, 'dataset');
  const where = join(root, listFile);
  const text = await readFile(where, 'utf8').catch(() => {
    throw new UserError(`--benchmark ${folder} holds no ${listFile}: name google/dreambooth's folder "dataset"`);
  });
  const { classes, ...prompts } = parseDreamBooth(text, where);
  const subjects = [...classes].map(([name, className]) => ({
    name,
    className,
    images: join(root, name),
    prompts: prompts[live.has(className) ? 'live' : 'object'],
  }));
  return chosen(subjects, names, folder);
}

const concepts = z
  .array(
    z.looseObject({
      class_prompt: z.string().min(1),
      instance_data_dir: z.string().min(1),
      prompt_filename: z.string().min(1),
    }),
  )
  .min(1);

/**
 * Subjects of CustomConcept101: `dataset.json`, whose paths begin with the folder of the pictures, and a prompt file each
 * with {} where the subject stands, beside it or in `prompts/`.
 */
export async function readCustomConcept(folder: string, names?: readonly string[]): Promise<BenchmarkSubject[]> {
  const path = join(folder, 'dataset.json');
  const text = await readFile(path, 'utf8').catch(() => {
    throw new UserError(`--benchmark ${folder} holds no dataset.json: name CustomConcept101's folder`);
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new UserError(`${path} is not JSON: fetch it again`);
  }
  const result = concepts.safeParse(json);
  if (!result.success) {
    const issue = result.error.issues[0]!;
    throw new UserError(`${path}: ${issue.path.join('.')}: ${issue.message}: CustomConcept101's own file is expected`);
  }
  const subjects: BenchmarkSubject[] = [];
  for (const { class_prompt: className, instance_data_dir: data, prompt_filename: file } of result.data) {
    const images = [data, data.replace(/^\.\/benchmark_dataset\//, '').replace(/^\.\//, '')]
      .flatMap((part) => [join(folder, part), join(dirname(resolve(folder)), part)])
      .find((at) => existsSync(at));
    const at = [file, join('prompts', file)].map((part) => join(folder, part)).find((one) => existsSync(one));
    const name = data.replace(/\/+$/, '').split('/').at(-1)!;
    if (at === undefined) throw new UserError(`${path}: ${name} names ${file}, which is not in ${folder} nor in its prompts/`);
    const prompts = (await readFile(at, 'utf8'))
      .split(/\r?\n/)
      .map((line) => line.trim())
      .filter((line) => line !== '');
    const strange = prompts.find((line) => !line.includes('{}'));
    if (prompts.length === 0 || strange !== undefined)
      throw new UserError(
        `${at}: ${strange === undefined ? 'it holds no prompts' : `"${strange}" names no subject`}: {} stands for the subject`,
      );
    subjects.push({
      name,
      className,
      images: images ?? join(folder, data),
      prompts: prompts.map((line) => line.replaceAll('{}', subjectMark)),
    });
  }
  return chosen(subjects, names, folder);
}

function chosen(subjects: BenchmarkSubject[], names: readonly string[] | undefined, folder: string): BenchmarkSubject[] {
  const own = new Map(subjects.map((subject) => [subject.name, subject]));
  const unknown = names?.find((name) => !own.has(name));
  if (unknown !== undefined) throw new UserError(`--subjects ${unknown} is not in ${folder}: choose from ${[...own.keys()].join(', ')}`);
  const wanted = names === undefined ? subjects : names.map((name) => own.get(name)!);
  const missing = wanted.find(({ images }) => !existsSync(images));
  if (missing !== undefined) throw new UserError(`${missing.images} does not exist: fetch the pictures of ${missing.name}`);
  return wanted;
}

/** A benchmark's folder of either kind. */
export const readBenchmark = (folder: string, names?: readonly string[]): Promise<BenchmarkSubject[]> =>
  existsSync(join(folder, 'dataset.json')) ? readCustomConcept(folder, names) : readDreamBooth(folder, names);
