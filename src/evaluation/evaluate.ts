/** Scores of pictures: CLIP-T (class word and placeholder), CLIP-I, DINO, DINO-FG; features are computed once and kept. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import sharp from 'sharp';
import { UserError } from '../errors.ts';
import { writeAtomically } from '../files/atomic.ts';
import { contentWords, withSubject } from '../text/prompts.ts';
import type { ImageExtractor, TextImageExtractor } from './extractors.ts';
import { cosine, meanCosine, unit } from './metrics.ts';
import { readPicture } from './picture.ts';
import type { Mask, Picture } from './picture.ts';
import { coverage } from './segmenters.ts';
import type { Segmenter } from './segmenters.ts';
import type { ScoredPicture } from './scores.ts';

export interface EvaluatedSubject {
  name: string;
  className: string;
  /** As prompts name the subject, the class left out; undefined where there was none. */
  token: string | undefined;
  /** Paths of its own pictures. */
  references: readonly string[];
  /** What is scored; prompts with {subject}. */
  pictures: readonly { path: string; prompt: string }[];
}

export interface EvaluationOptions {
  subjects: readonly EvaluatedSubject[];
  clip: TextImageExtractor;
  dino: ImageExtractor;
  /** Undefined leaves DINO-FG out. */
  segmenterOf: ((subject: EvaluatedSubject) => Promise<Segmenter>) | undefined;
  /** Leave pictures with an empty mask out of DINO-FG, and say which, instead of refusing. */
  skipEmptyMasks?: boolean;
  /** Prompts with {subject} that pictures should not look like unless they were asked to: leakage is measured where they are given. */
  foreign?: readonly string[];
  /** Folder of `features/` and `masks/`. */
  out: string;
  signal?: AbortSignal;
}

export interface Evaluation {
  pictures: ScoredPicture[];
  /** Pictures whose mask was empty: not in DINO-FG. */
  withoutMask: string[];
}

const chunk = 8;

/** Pictures of one evaluation have one size. Throws a UserError that names the first that is another, or is no picture. */
export async function checkSizes(paths: readonly string[]): Promise<void> {
  let first: { path: string; width: number; height: number } | undefined;
  for (const path of paths) {
    const { width, height } = await sharp(path)
      .metadata()
      .catch((error: Error) => {
        throw new UserError(`${path} cannot be read as a picture (${error.message.split('\n')[0]}): replace it or leave it out`);
      });
    first ??= { path, width, height };
    if (width !== first.width || height !== first.height)
      throw new UserError(
        `${path} is ${width} × ${height} pixels and ${first.path} is ${first.width} × ${first.height}: pictures that are averaged over have one size`,
      );
  }
}

/** What was computed of a picture before, by the picture's content and what computed it. */
class FeatureCache {
  private readonly folder: string;
  constructor(folder: string) {
    this.folder = folder;
  }
  private path(extractor: ImageExtractor, key: string): string {
    return join(this.folder, extractor.id, `${key}.f32`);
  }
  async get(extractor: ImageExtractor, key: string): Promise<Float32Array | undefined> {
    const bytes = await readFile(this.path(extractor, key)).catch(() => undefined);
    return bytes === undefined || bytes.length === 0 || bytes.length % 4 !== 0 ? undefined : new Float32Array(new Uint8Array(bytes).buffer);
  }
  async put(extractor: ImageExtractor, key: string, feature: Float32Array): Promise<void> {
    await writeAtomically(this.path(extractor, key), new Uint8Array(feature.buffer, feature.byteOffset, feature.byteLength), false);
  }
}

const hashOfFile = async (path: string): Promise<string> =>
  createHash('sha256')
    .update(
      await readFile(path).catch((error: NodeJS.ErrnoException) => {
        throw new UserError(`${path} cannot be read (${error.code}): name an existing picture`);
      }),
    )
    .digest('hex');

interface Seen {
  path: string;
  clip: Float32Array;
  dino: Float32Array;
  /** Undefined where there is no segmenter, or its mask is empty. */
  foreground: Float32Array | undefined;
  mask: string | undefined;
}

/** A mask that was kept: its name holds the picture's content and the segmenter. */
async function readMask(path: string): Promise<Mask | undefined> {
  if (!existsSync(path)) return undefined;
  const read = await sharp(path)
    .greyscale()
    .raw()
    .toBuffer({ resolveWithObject: true })
    .catch(() => undefined);
  if (read === undefined) return undefined;
  const { width, height, channels } = read.info;
  return { bytes: Uint8Array.from({ length: width * height }, (_, i) => read.data[i * channels]!), width, height };
}

/** Unit features of some pictures; only what the cache lacks is computed. */
async function look(paths: readonly string[], role: string, options: EvaluationOptions, segmenter: Segmenter | undefined): Promise<Seen[]> {
  const { clip, dino, out } = options;
  const cache = new FeatureCache(join(out, 'features'));
  const entries = await Promise.all(paths.map(async (path) => ({ path, hash: await hashOfFile(path) })));
  const decoded = new Map<string, Picture>();
  const pictureOf = async (path: string): Promise<Picture> => {
    const known = decoded.get(path) ?? (await readPicture(path));
    decoded.set(path, known);
    return known;
  };
  const features = async (
    extractor: ImageExtractor,
    wanted: readonly { path: string; key: string; mask?: Mask }[],
  ): Promise<Map<string, Float32Array>> => {
    const found = new Map<string, Float32Array>();
    const lacking: (typeof wanted)[number][] = [];
    for (const one of wanted) {
      const kept = await cache.get(extractor, one.key);
      if (kept === undefined) lacking.push(one);
      else found.set(one.path, unit(kept, one.path, extractor.name));
    }
    const inputs: Float32Array[] = [];
    for (const { path, mask } of lacking) inputs.push(extractor.preprocess(await pictureOf(path), mask));
    for (const [i, feature] of (await extractor.embed(inputs)).entries()) {
      const { path, key } = lacking[i]!;
      found.set(path, unit(feature, path, extractor.name)); // refused before it is kept
      await cache.put(extractor, key, feature);
    }
    return found;
  };
  const plain = entries.map(({ path, hash }) => ({ path, key: hash }));
  const clips = await features(clip, plain);
  const dinos = await features(dino, plain);
  const masks = new Map<string, { file: string; mask: Mask }>();
  if (segmenter !== undefined)
    for (const { path, hash } of entries) {
      const file = join(
        out,
        'masks',
        role,
        `${basename(path, extname(path))}-${hash.slice(0, 8)}.${segmenter.id.replace(/\W/g, '').slice(-16)}.png`,
      );
      let mask = segmenter.name === 'files' ? undefined : await readMask(file);
      if (mask === undefined) {
        mask = await segmenter.segment(await pictureOf(path));
        const raw = { width: mask.width, height: mask.height, channels: 1 as const };
        await writeAtomically(file, await sharp(mask.bytes, { raw }).png().toBuffer(), false);
      }
      if (coverage(mask) > 0) masks.set(path, { file, mask });
    }
  const masked = entries.flatMap(({ path, hash }) => {
    const found = masks.get(path);
    if (found === undefined) return [];
    const own = createHash('sha256').update(found.mask.bytes).digest('hex').slice(0, 16);
    return [{ path, key: `${hash}-${own}`, mask: found.mask }];
  });
  const foregrounds = await features(dino, masked);
  return entries.map(({ path }) => ({
    path,
    clip: clips.get(path)!,
    dino: dinos.get(path)!,
    foreground: foregrounds.get(path),
    mask: masks.get(path)?.file,
  }));
}

const noSubject = (paths: readonly string[], segmenter: string): UserError =>
  new UserError(
    `${paths[0]}${paths.length > 1 ? ` and ${paths.length - 1} more` : ''}: the mask of ${segmenter} is empty: give another --segmenter, masks of your own, or --skip-empty-masks`,
    1,
  );

/** Of foreign prompts that share no content word with a picture's own, the share that fits it better than its own does. */
function leakageOf(picture: Float32Array, own: Float32Array, foreign: readonly Float32Array[]): number {
  const fit = cosine(picture, own);
  return foreign.filter((text) => cosine(picture, text) > fit).length / foreign.length;
}

/** Scores every picture of every subject. Yields after each few; what was computed is kept if it is interrupted. */
export async function* evaluatePictures(options: EvaluationOptions): AsyncGenerator<{ done: number; of: number }, Evaluation> {
  const { subjects, clip } = options;
  const of = subjects.reduce((sum, { pictures, references }) => sum + pictures.length + references.length, 0);
  let done = 0;
  await checkSizes(subjects.flatMap(({ pictures }) => pictures.map(({ path }) => path)));
  const result: Evaluation = { pictures: [], withoutMask: [] };
  for (const subject of subjects) {
    const segmenter = await options.segmenterOf?.(subject);
    const role = (kind: string): string => (subjects.length > 1 ? join(subject.name, kind) : kind);
    const seen: Record<'references' | 'pictures', Seen[]> = { references: [], pictures: [] };
    const paths = { references: subject.references, pictures: subject.pictures.map(({ path }) => path) };
    for (const kind of ['references', 'pictures'] as const)
      for (let from = 0; from < paths[kind].length; from += chunk) {
        options.signal?.throwIfAborted();
        const part = paths[kind].slice(from, from + chunk);
        seen[kind].push(...(await look(part, role(kind), options, segmenter)));
        yield { done: (done += part.length), of };
      }
    const empty = [...seen.references, ...seen.pictures].filter(({ foreground }) => segmenter !== undefined && foreground === undefined);
    if (empty.length > 0 && options.skipEmptyMasks !== true)
      throw noSubject(
        empty.map(({ path }) => path),
        segmenter!.name,
      );
    result.withoutMask.push(...empty.map(({ path }) => path));
    const real = seen.references.flatMap(({ foreground }) => foreground ?? []);
    const wordings = new Map<string, Float32Array>();
    const wording = (prompt: string, of_: string): string => withSubject(prompt, of_);
    const named = subject.token === undefined ? undefined : `${subject.token} ${subject.className}`;
    const texts = [
      ...new Set(
        subject.pictures.flatMap(({ prompt }) => [
          wording(prompt, subject.className),
          ...(options.foreign ?? []).map((other) => wording(other, subject.className)),
          ...(named === undefined ? [] : [wording(prompt, named)]),
        ]),
      ),
    ];
    (await clip.embedTexts(texts)).forEach((feature, i) => wordings.set(texts[i]!, unit(feature, `"${texts[i]}"`, clip.name)));
    for (const [i, one] of seen.pictures.entries()) {
      const { prompt } = subject.pictures[i]!;
      const own = new Set(contentWords(prompt));
      const foreign = (options.foreign ?? [])
        .filter((other) => !contentWords(other).some((word) => own.has(word)))
        .map((other) => wordings.get(wording(other, subject.className))!);
      const text = wordings.get(wording(prompt, subject.className))!;
      result.pictures.push({
        subject: subject.name,
        prompt,
        path: one.path,
        ...(one.mask !== undefined && { mask: one.mask }),
        clipT: cosine(one.clip, text),
        ...(foreign.length > 0 && { leakage: leakageOf(one.clip, text, foreign) }),
        ...(named !== undefined && { clipTPlaceholder: cosine(one.clip, wordings.get(wording(prompt, named))!) }),
        clipI: meanCosine(
          one.clip,
          seen.references.map((reference) => reference.clip),
        ),
        dino: meanCosine(
          one.dino,
          seen.references.map((reference) => reference.dino),
        ),
        ...(one.foreground !== undefined && real.length > 0 && { dinoFg: meanCosine(one.foreground, real) }),
      });
    }
    await segmenter?.release();
  }
  return result;
}
