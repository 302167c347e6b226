/** Sample pictures of how far a training is. */
import type { Recipe } from '../config.ts';
import { toBytes, writePng } from '../files/images.ts';
import type { Engine } from '../graph/engine.ts';
import type { Method } from '../methods/method.ts';
import { pixelSize } from '../models/load.ts';
import type { DiffusionModel } from '../models/load.ts';
import { Pipeline } from '../sampler/pipeline.ts';
import { drawsPhotographs, usualGuidance } from '../sampler/usual.ts';
import type { ClipTokenizer } from '../text/tokenizer.ts';
import { settingsOf } from './prepare.ts';
import { resultPrefix } from './step.ts';
import type { TrainingStep } from './step.ts';

export const previewSteps = 12;

/** Whether the programs of sample pictures stay loaded between them. A large model's would take memory. */
export const keepsPreview = (model: DiffusionModel): boolean => !drawsPhotographs(model);

/** A pipeline over the states of a training, for pictures of how far it is. */
export function previewOf(
  engine: Engine,
  model: DiffusionModel,
  method: Method,
  recipe: Recipe,
  tokenizer: ClipTokenizer,
): Promise<Pipeline> {
  const adaptation = { method, settings: settingsOf(recipe), prefix: resultPrefix(recipe) };
  return Pipeline.over(engine, model, 1, [adaptation], tokenizer);
}

/**
 * Sample pictures during training, from the states as they are. A large model's programs are loaded for each of them, those
 * of the training are not there meanwhile, and the other way round.
 */
export class Preview {
  private pipeline: Pipeline | undefined;
  private readonly create: () => Promise<Pipeline>;
  private readonly model: DiffusionModel;
  private readonly recipe: Recipe;
  constructor(engine: Engine, model: DiffusionModel, method: Method, recipe: Recipe, tokenizer: ClipTokenizer) {
    this.model = model;
    this.recipe = recipe;
    this.create = () => previewOf(engine, model, method, recipe, tokenizer);
  }

  async draw(path: string, training: Pick<TrainingStep, 'unload'>, signal: AbortSignal | undefined): Promise<void> {
    const { recipe, model } = this;
    this.pipeline ??= await this.create();
    // After the others are there, which share with them what is made of weights.
    if (!keepsPreview(model)) await training.unload();
    const prompts = [`a photo of a ${recipe.token} ${recipe.class}`];
    const size = pixelSize(model);
    for await (const { pixels } of this.pipeline.generate({
      prompts,
      seed: recipe.seed,
      sampler: 'dpm++',
      steps: previewSteps,
      guidance: usualGuidance(model),
      signal,
    }))
      await writePng(path, toBytes(pixels, size), size);
    if (!keepsPreview(model)) await this.release();
  }

  async release(): Promise<void> {
    await this.pipeline?.release();
    this.pipeline = undefined;
  }
}
