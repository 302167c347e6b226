/** Whether pictures can be drawn in the memory that is free. */
import { drawGraphs } from '../graph/draughtsman.ts';
import type { Engine } from '../graph/engine.ts';
import { gigabytes, isShort, predictTogether, refuseShortage } from '../graph/memory.ts';
import type { Learned } from '../methods/learned.ts';
import type { DiffusionModel } from '../models/load.ts';
import { Pipeline, sizeStep } from './pipeline.ts';
import type { PictureSize } from './pipeline.ts';

/**
 * What pictures cost, from what their programs do: the text encoder twice, for the prompt and for none, keys and values of
 * both once, the U-Net at each step.
 */
export const ofPictures = ([text = 0, condition = 0, denoise = 0, decode = 0]: readonly number[], steps: number): number =>
  2 * text + condition + steps * denoise + decode;

/** Bytes that a pipeline for `batch` pictures will add to the process at its peak. */
async function memoryOf(
  model: DiffusionModel,
  batch: number,
  learned: readonly Learned[],
  size: PictureSize,
  lowMemory: boolean,
): Promise<number> {
  const [programs] = await drawGraphs([(engine) => Pipeline.create(engine, model, batch, learned, size)], { lowMemory });
  return predictTogether(programs!);
}

/** Throws a UserError where drawing `batch` pictures of `size` at once takes more than `free` bytes. */
export async function refuseLargePictures(
  { lowMemory }: Pick<Engine, 'lowMemory'>,
  model: DiffusionModel,
  batch: number,
  learned: readonly Learned[],
  size: PictureSize,
  free: number,
): Promise<void> {
  const needed = await memoryOf(model, batch, learned, size, lowMemory);
  if (!isShort(needed, free)) return;
  const step = sizeStep(model);
  const reduced = (pixels: number): number => Math.max(step, Math.round((0.75 * pixels) / step) * step);
  const smaller = { width: reduced(size.width), height: reduced(size.height) };
  const least = `--batch 1 --size ${smaller.width}x${smaller.height}`;
  const savings: { flags: string; batch: number; size: PictureSize; lowMemory: boolean }[] = [
    ...(lowMemory ? [] : [{ flags: '--low-memory', batch, size, lowMemory: true }]),
    ...(batch > 1 ? [{ flags: '--batch 1', batch: 1, size, lowMemory }] : []),
    ...(batch > 1 && !lowMemory ? [{ flags: '--low-memory --batch 1', batch: 1, size, lowMemory: true }] : []),
    { flags: least, batch: 1, size: smaller, lowMemory },
    ...(lowMemory ? [] : [{ flags: `--low-memory ${least}`, batch: 1, size: smaller, lowMemory: true }]),
  ];
  let remedy = 'close other programs';
  for (const saving of savings) {
    const bytes = await memoryOf(model, saving.batch, learned, saving.size, saving.lowMemory);
    const fits = bytes <= free;
    if (bytes < needed) remedy = `${fits ? 'try' : 'close other programs, and give'} ${saving.flags} (about ${gigabytes(bytes)} GB)`;
    if (fits) break;
  }
  const pictures = batch === 1 ? 'a picture' : `${batch} pictures at once`;
  refuseShortage(`drawing ${pictures} of ${size.width} × ${size.height} pixels`, needed, remedy, free);
}
