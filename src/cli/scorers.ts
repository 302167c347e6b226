/** What scores pictures, as flags name it: extractors and segmenters. */
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { evaluatePictures } from '../evaluation/evaluate.ts';
import type { EvaluatedSubject } from '../evaluation/evaluate.ts';
import { loadClip, loadDino } from '../evaluation/extractors.ts';
import type { ImageExtractor, TextImageExtractor } from '../evaluation/extractors.ts';
import { groundedSegmenter } from '../evaluation/grounded.ts';
import { judgeExtractors, Judges } from '../evaluation/judges.ts';
import { readPicture } from '../evaluation/picture.ts';
import type { ScoredPicture } from '../evaluation/scores.ts';
import { embeddedSegmenter, maskFiles, mattingNetwork } from '../evaluation/segmenters.ts';
import type { Segmenter } from '../evaluation/segmenters.ts';
import type { Engine } from '../graph/engine.ts';
import { assetPath } from '../package.ts';
import { locateNetwork } from './model.ts';
import type { Progress } from './terminal.ts';

/** Networks that --segmenter knows by name, the better one on photographs first: files of $CONTEXTURA_SEGMENTERS. */
const networks = { u2net: 'u2netp.onnx', modnet: 'modnet.onnx' } as const;

export const scorerFlags = {
  clip: { type: 'string', description: 'a CLIP: a folder as transformers writes it, or a hub’s owner/name; by default the embedded one' },
  dino: { type: 'string', description: 'a DINO or DINOv2 ViT: a folder as transformers writes it, or a hub’s owner/name' },
  segmenter: { type: 'string', description: 'an ONNX matting network, u2net, modnet, grounded, masks:FOLDER, embedded, or none' },
} as const;

export interface ScorerRequest {
  clip?: string | undefined;
  dino?: string | undefined;
  segmenter?: string | undefined;
  offline?: boolean | undefined;
  quiet?: boolean | undefined;
}

export interface Tools {
  clip: TextImageExtractor;
  dino: ImageExtractor;
  segmenterOf: ((subject: { className: string }) => Promise<Segmenter>) | undefined;
}

export async function segmenterNamed(name: string, judges: () => Promise<Judges>): Promise<Tools['segmenterOf']> {
  if (name === 'none') return undefined;
  if (name === 'grounded') return ({ className }) => groundedSegmenter(className);
  if (name === 'embedded') return async () => embeddedSegmenter(await judges());
  if (name.startsWith('masks:')) return async () => maskFiles(name.slice('masks:'.length));
  let path = name;
  if (name in networks) {
    const folder = process.env.CONTEXTURA_SEGMENTERS;
    if (folder === undefined)
      throw new UserError(`--segmenter ${name}: set CONTEXTURA_SEGMENTERS to the folder of ${networks[name as 'u2net']}, or name the file`);
    path = join(folder, networks[name as 'u2net']);
  }
  const network = await mattingNetwork(path);
  return async () => ({ ...network, release: async () => undefined });
}

/**
 * The networks that a request names for photographs, or undefined where it names none. Throws a UserError where they are
 * not named together: before anything is fetched or drawn.
 */
export function checkScorers({ clip, dino, segmenter }: ScorerRequest): { clip: string; dino: string; segmenter: string } | undefined {
  if (clip === undefined && dino === undefined) return undefined;
  if (clip === undefined || dino === undefined)
    throw new UserError(`--${clip === undefined ? 'clip' : 'dino'} is missing: --clip and --dino are given together`);
  const preferred = process.env.CONTEXTURA_SEGMENTERS === undefined ? undefined : 'u2net';
  const chosen = segmenter ?? preferred;
  if (chosen === undefined)
    throw new UserError(
      '--segmenter is missing: name an ONNX matting network (U²-Net is best on photographs), grounded, masks:FOLDER, or none to leave DINO-FG out',
    );
  return { clip, dino, segmenter: chosen };
}

/** Throws a UserError where pictures that the embedded judges do not know (`why`) are to be scored and no others are named. */
export function needScorers(request: ScorerRequest, why: string): void {
  if (checkScorers(request) === undefined)
    throw new UserError(
      `--clip is missing: ${why}, and the embedded judges know only the embedded world (64 × 64): give --clip and --dino, folders as transformers writes them or hub’s names`,
    );
}

/** The judges of the embedded world for pictures of its size, networks that the user names for all others. */
export async function toolsFor(engine: Engine, picture: string, args: ScorerRequest): Promise<Tools> {
  let loaded: Promise<Judges> | undefined;
  const judges = (): Promise<Judges> => (loaded ??= Judges.load(engine, assetPath('judges')));
  const { width, height } = await readPicture(picture);
  if (args.clip === undefined && args.dino === undefined) {
    const { size } = await judges();
    if (width !== size || height !== size) needScorers(args, `${picture} is ${width} × ${height} pixels`);
    const segmenter = args.segmenter ?? 'embedded';
    return { ...judgeExtractors(await judges()), segmenterOf: await segmenterNamed(segmenter, judges) };
  }
  const named = checkScorers(args)!;
  const segmenterOf = await segmenterNamed(named.segmenter, judges);
  const located = (network: string): Promise<string> => locateNetwork(network, args.offline, args.quiet);
  const clip = await loadClip(engine, await located(named.clip), named.clip);
  return { clip, dino: await loadDino(engine, await located(named.dino), named.dino), segmenterOf };
}

/** Scores pictures with what a request names, and shows how far it is. */
export async function score(
  engine: Engine,
  subjects: readonly EvaluatedSubject[],
  request: ScorerRequest & { 'skip-empty-masks'?: boolean | undefined },
  options: { out: string; signal: AbortSignal; foreign: readonly string[] | undefined; progress: Progress },
): Promise<{ tools: Tools; pictures: ScoredPicture[]; withoutMask: string[] }> {
  const { out, signal, foreign, progress } = options;
  const tools = await toolsFor(engine, subjects[0]!.pictures[0]!.path, request);
  const skipEmptyMasks = request['skip-empty-masks'] === true;
  const scoring = evaluatePictures({ ...tools, subjects, out, skipEmptyMasks, signal, ...(foreign && { foreign }) });
  return { tools, ...(await progress.follow('scored', scoring)) };
}
