import { cp, readdir, truncate, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { countUnencoded, encodePictures } from '../../src/dataset/latents.ts';
import { followed } from '../../src/events.ts';
import { Engine } from '../../src/graph/engine.ts';
import { loadModel } from '../../src/models/load.ts';
import type { DiffusionModel } from '../../src/models/load.ts';
import { scratch } from '../scratch.ts';

let engine: Engine;
beforeAll(() => {
  engine = new Engine({ threads: 1 });
});
afterAll(() => engine.close());

const side = 144;
/** The embedded model with pictures just large enough to be taken for photographs. */
async function larger(folder: string): Promise<DiffusionModel> {
  const model = await loadModel(folder);
  return { ...model, unet: { ...model.unet, config: { ...model.unet.config, sample_size: 36 } } };
}
const pictures = [1, 2, 3].map((seed) => Uint8Array.from({ length: 3 * side ** 2 }, (_, i) => (i * seed) % 251));

/** Latents, and how many of them were encoded. */
async function encode(own: Engine, model: DiffusionModel, given = pictures): Promise<{ latents: Float32Array[]; encoded: number }> {
  let encoded = 0;
  const latents = await followed(encodePictures(own, model, given), () => encoded++);
  return { latents, encoded };
}

test('photographs are encoded once, as long as picture and encoder are the same', async () => {
  const folder = await scratch();
  const base = join(folder, 'model');
  await cp('assets/tiny', base, { recursive: true });
  const model = await larger(base);
  const keeping = new Engine({ threads: 1, keepIn: join(folder, 'kept') });
  try {
    const fresh = await encode(engine, model);
    expect(fresh.encoded).toBe(3);
    expect(await countUnencoded(keeping, model, pictures)).toBe(3);
    expect(await encode(keeping, model, pictures.slice(0, 2))).toEqual({ latents: fresh.latents.slice(0, 2), encoded: 2 });
    expect(await countUnencoded(keeping, model, pictures)).toBe(1);
    expect(await encode(keeping, model)).toEqual({ latents: fresh.latents, encoded: 1 });
    expect(await encode(keeping, model)).toEqual({ latents: fresh.latents, encoded: 0 });

    const latents = join(folder, 'kept', 'latents');
    const [first, ...others] = await readdir(latents);
    expect(others).toHaveLength(2);
    await truncate(join(latents, first!), 100);
    expect(await encode(keeping, model)).toEqual({ latents: fresh.latents, encoded: 1 });

    await utimes(join(base, 'vae', 'diffusion_pytorch_model.safetensors'), 1, 1);
    expect(await countUnencoded(keeping, model, pictures)).toBe(3);
    expect(await countUnencoded(engine, model, pictures)).toBe(3);
  } finally {
    await keeping.close();
  }
});

test('small pictures take no time, and are not kept', async () => {
  const kept = join(await scratch(), 'kept');
  const keeping = new Engine({ threads: 1, keepIn: kept });
  try {
    const { latents, encoded } = await encode(keeping, await loadModel('assets/tiny'), [new Uint8Array(3 * 64 ** 2)]);
    expect([latents[0]!.length, encoded]).toEqual([4 * 16 ** 2, 0]);
    await expect(readdir(kept)).rejects.toThrow(/ENOENT/);
  } finally {
    await keeping.close();
  }
});
