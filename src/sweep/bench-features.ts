/** Speed of evaluation: networks of the true shapes, weights that are anything. */
import { clipB32, clipPreprocess, dinoPreprocess, imageExtractor } from '../evaluation/extractors.ts';
import type { ImageExtractor } from '../evaluation/extractors.ts';
import { unit } from '../evaluation/metrics.ts';
import type { Raster } from '../evaluation/resample.ts';
import type { Engine } from '../graph/engine.ts';
import { flopsOf } from '../graph/flops.ts';
import { constant, input } from '../graph/ops.ts';
import { sizeOf } from '../graph/tensor.ts';
import type { Tensor } from '../graph/tensor.ts';
import { clipImage, vit, vitConfig } from '../models/vit.ts';
import { Parameters } from '../nn/parameters.ts';

/** DINO's ViT-S/16. */
export const dinoS16 = vitConfig.parse({
  hidden_size: 384,
  intermediate_size: 1536,
  num_hidden_layers: 12,
  num_attention_heads: 6,
  image_size: 224,
  patch_size: 16,
});

/** Weights without meaning, of the right size for signals to pass. */
function anyWeights(): Parameters {
  let x = 1;
  return new Parameters((_name, shape) => {
    const data = new Float32Array(sizeOf(shape));
    const scale = 3.4 / Math.sqrt(shape.length > 1 ? data.length / shape[0]! : 100);
    for (let i = 0; i < data.length; i++) {
      x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
      data[i] = (x / 2 ** 32 - 0.5) * scale;
    }
    return constant(data, shape);
  });
}

export interface FeatureSpeed {
  name: string;
  perSecond: number;
  gflops: number;
}

/**
 * Pictures a second: CLIP ViT-B/32 and DINO ViT-S/16 each, and an evaluation's whole work on a picture of 512 × 512
 * pixels (both preprocessings; CLIP once, DINO for the whole picture and for its foreground).
 */
export async function measureFeatures(engine: Engine, pictures = 40): Promise<FeatureSpeed[]> {
  const networks: [name: string, network: (pixels: Tensor) => Tensor, preprocess: ImageExtractor['preprocess']][] = [
    ['CLIP ViT-B/32', (pixels) => clipImage(anyWeights(), clipB32, pixels), clipPreprocess],
    ['DINO ViT-S/16', (pixels) => vit(anyWeights(), dinoS16, pixels), dinoPreprocess],
  ];
  const side = 512;
  const raster = (seed: number): Raster => ({
    bytes: Uint8Array.from({ length: 3 * side * side }, (_, i) => 128 + 100 * Math.sin(0.01 * i + seed)),
    width: side,
    height: side,
  });
  const out: FeatureSpeed[] = [];
  const made: { extractor: ImageExtractor; flops: number }[] = [];
  for (const [name, network, preprocess] of networks) {
    const extractor = await imageExtractor(engine, network, { name, id: name, preprocess });
    const flops = flopsOf([network(input('pixels', [1, 3, 224, 224]))]);
    const inputs = Array.from({ length: Math.min(16, pictures) }, (_, i) => preprocess(raster(i)));
    await extractor.embed(inputs.slice(0, 8));
    const start = performance.now();
    let done = 0;
    for (; done < pictures; done += inputs.length) for (const one of await extractor.embed(inputs)) unit(one, name, name);
    const perSecond = (1000 * done) / (performance.now() - start);
    out.push({ name: `${name}, picture`, perSecond, gflops: (flops * perSecond) / 1e9 });
    made.push({ extractor, flops });
  }
  const [clip, dino] = made as [(typeof made)[number], (typeof made)[number]];
  const mask = { bytes: Uint8Array.from({ length: side * side }, (_, i) => (i % side > side / 2 ? 255 : 0)), width: side, height: side };
  const start = performance.now();
  for (let from = 0; from < pictures; from += 8) {
    const part = Array.from({ length: Math.min(8, pictures - from) }, (_, i) => raster(from + i));
    await clip.extractor.embed(part.map((one) => clip.extractor.preprocess(one)));
    await dino.extractor.embed(part.map((one) => dino.extractor.preprocess(one)));
    await dino.extractor.embed(part.map((one) => dino.extractor.preprocess(one, mask)));
  }
  const perSecond = (1000 * pictures) / (performance.now() - start);
  out.push({ name: 'evaluation, picture of 512 px', perSecond, gflops: ((clip.flops + 2 * dino.flops) * perSecond) / 1e9 });
  for (const { extractor } of made) await extractor.release();
  return out;
}
