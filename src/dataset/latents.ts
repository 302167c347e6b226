/** Latents of pictures. Those of photographs, which take seconds each, are kept from one run to the next where the engine keeps anything. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { internal } from '../errors.ts';
import { writeAtomically } from '../files/atomic.ts';
import { toPlanes } from '../files/images.ts';
import type { Engine, Program } from '../graph/engine.ts';
import { input, multiply } from '../graph/ops.ts';
import { identitiesOf, latentsIn, tidy, touch } from '../kept.ts';
import { pixelSize } from '../models/load.ts';
import type { DiffusionModel } from '../models/load.ts';
import { vaeEncode } from '../models/vae.ts';
import { drawsPhotographs } from '../sampler/usual.ts';

/** Bytes that all that is kept may come to: some four thousand pictures of 512 pixels. */
const room = 2 ** 28;
/** To be raised when what an encoder gives changes by more than rounding. */
const version = 1;

/** The program that encodes one picture: pixels [1, 3, S, S] in [−1, 1] → the posterior's mean, scaled. */
export function compileEncoder(engine: Engine, { vae }: DiffusionModel, size: number): Promise<Program> {
  const { mean } = vaeEncode(vae.parameters, vae.config, input('pixels', [1, 3, size, size]));
  return engine.compile({ outputs: { latents: multiply(mean, vae.config.scaling_factor) } });
}

/** Where the latents of pictures are kept, in their order; undefined where none are. */
async function placesOf(engine: Engine, model: DiffusionModel, pictures: readonly Uint8Array[]): Promise<string[] | undefined> {
  const { config, tensors } = model.vae;
  if (engine.keepIn === undefined || tensors === undefined || !drawsPhotographs(model)) return undefined;
  const folder = latentsIn(engine.keepIn);
  const files = new Set([...tensors.values()].map(({ path }) => path));
  const { device, precision, lowMemory } = engine;
  const setting = JSON.stringify([version, device, precision, lowMemory, pixelSize(model), config, await identitiesOf([...files])]);
  return pictures.map((picture) => join(folder, `${createHash('sha256').update(setting).update(picture).digest('hex').slice(0, 40)}.f32`));
}

async function readKept(path: string, numbers: number): Promise<Float32Array | undefined> {
  const bytes = await readFile(path).catch(() => undefined);
  if (bytes?.length !== 4 * numbers) return undefined;
  await touch(path);
  return new Float32Array(Uint8Array.from(bytes).buffer);
}

const latentSize = ({ unet, vae }: DiffusionModel): number => vae.config.latent_channels * unet.config.sample_size ** 2;

/** How many of some pictures would have to be encoded: the others' latents are kept. */
export async function countUnencoded(engine: Engine, model: DiffusionModel, pictures: readonly Uint8Array[]): Promise<number> {
  const places = await placesOf(engine, model, pictures);
  const kept = await Promise.all((places ?? []).map((path) => readKept(path, latentSize(model))));
  return pictures.length - kept.filter((latents) => latents !== undefined).length;
}

/** Scaled latents of pictures [C, h, w]: means of the posterior. Yields after each photograph that it encodes. */
export async function* encodePictures(
  engine: Engine,
  model: DiffusionModel,
  pictures: readonly Uint8Array[],
): AsyncGenerator<{ done: number; of: number }, Float32Array[]> {
  const size = pixelSize(model);
  const places = await placesOf(engine, model, pictures);
  const out: Float32Array[] = [];
  let program: Program | undefined;
  try {
    for (const [i, picture] of pictures.entries()) {
      const path = places?.[i];
      const kept = path === undefined ? undefined : await readKept(path, latentSize(model));
      if (kept !== undefined) {
        out.push(kept);
        continue;
      }
      program ??= await compileEncoder(engine, model, size);
      const latents = (await program.run({ pixels: toPlanes(picture, size) })).latents as Float32Array;
      if (latents.length !== latentSize(model)) throw internal('the encoder gave another shape');
      out.push(latents);
      if (path !== undefined)
        await writeAtomically(path, new Uint8Array(latents.buffer, latents.byteOffset, latents.byteLength)).catch(() => undefined);
      if (drawsPhotographs(model)) yield { done: i + 1, of: pictures.length };
    }
  } finally {
    await program?.release();
  }
  if (program !== undefined && places !== undefined) await tidy(latentsIn(engine.keepIn!), room).catch(() => undefined);
  return out;
}
