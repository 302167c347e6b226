/** Whether a training step costs in proportion to what is in it: seconds against batch, picture size and vectors. */
import type { Engine } from '../graph/engine.ts';
import type { DiffusionModel } from '../models/load.ts';
import { noiseStep } from './bench.ts';
import type { StepShape } from './bench.ts';

export const axes = ['batch', 'pixels', 'vectors'] as const;
export type Axis = (typeof axes)[number];

export interface ScalingPoint {
  axis: Axis;
  /** Pictures in a step, a picture's side in pixels, or vectors behind the new word. */
  value: number;
  /** Median of a step. */
  seconds: number;
  /** Of a step's matrix products and convolutions. */
  gflop: number;
}

interface Case {
  axis: Axis;
  value: number;
  shape: StepShape;
  /** The latents' side; the model's own where it is left out. */
  side?: number;
}

/** One axis at a time; the others stay at 4 pictures of the model's own size and one vector. */
function casesFor(model: DiffusionModel): Case[] {
  const batchSize = 4;
  const scale = 2 ** (model.vae.config.block_out_channels.length - 1);
  const { sample_size: own } = model.unet.config;
  return [
    ...[1, 2, 4, 8, 16, 32].map((value): Case => ({ axis: 'batch', value, shape: { batchSize: value } })),
    ...[0.5, 1, 1.5, 2, 3, 4].map((share): Case => ({
      axis: 'pixels',
      value: share * own * scale,
      shape: { batchSize },
      side: share * own,
    })),
    ...[1, 2, 4, 8, 16].map((vectors): Case => ({ axis: 'vectors', value: vectors, shape: { batchSize, vectors } })),
  ];
}

/** Times steps of textual inversion, an axis after the other, each point for so many milliseconds and five steps at the least. */
export async function* measureScaling(engine: Engine, model: DiffusionModel, milliseconds = 2000): AsyncGenerator<ScalingPoint> {
  const { unet } = model;
  for (const { axis, value, shape, side } of casesFor(model)) {
    const sized = side === undefined ? model : { ...model, unet: { ...unet, config: { ...unet.config, sample_size: side } } };
    const training = await noiseStep(engine, sized, shape);
    const times: number[] = [];
    await training.step(0);
    const begin = performance.now();
    for (let step = 1; times.length < 5 || performance.now() - begin < milliseconds; step++) {
      const start = performance.now();
      await training.step(step);
      times.push((performance.now() - start) / 1000);
    }
    const seconds = times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)]!;
    yield { axis, value, seconds, gflop: training.flops / 1e9 };
    await training.release();
  }
}

/** How often what an axis counts is in a step: pictures, the area of a picture, vectors. */
export const amountOf = ({ axis, value }: Pick<ScalingPoint, 'axis' | 'value'>): number => (axis === 'pixels' ? value * value : value);

/**
 * The power of an axis's amount that seconds grow with, from its middle point to its last: 1 is in proportion, less is
 * better than that.
 */
export function growthOf(points: readonly ScalingPoint[], axis: Axis): number {
  const own = points.filter((point) => point.axis === axis).toSorted((a, b) => a.value - b.value);
  const [middle, last] = [own[Math.floor((own.length - 1) / 2)]!, own.at(-1)!];
  return Math.log(last.seconds / middle.seconds) / Math.log(amountOf(last) / amountOf(middle));
}
