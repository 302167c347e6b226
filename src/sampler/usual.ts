/** Sampling as it suits a model, where nothing else is asked for. */
import { pixelSize } from '../models/load.ts';
import type { DiffusionModel } from '../models/load.ts';

/** Whether a model's pictures are as large as photographs, and not the embedded world's. */
export const drawsPhotographs = (model: DiffusionModel): boolean => pixelSize(model) > 128;

/** How many of `wanted` pictures are drawn at once: large ones one by one. */
export const drawnTogether = (model: DiffusionModel, wanted: number): number =>
  drawsPhotographs(model) ? 1 : Math.max(1, Math.min(8, wanted));

export const usualGuidance = (model: DiffusionModel): number => (drawsPhotographs(model) ? 7.5 : 4);
export const usualSteps = (model: DiffusionModel): number => (drawsPhotographs(model) ? 50 : 25);
