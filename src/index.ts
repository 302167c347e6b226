/** The public surface. */
export { parseRecipe, readRecipe } from './config.ts';
export type { Recipe } from './config.ts';
export { UserError } from './errors.ts';
export { Judges, scorePictures } from './evaluation/judges.ts';
export type { Scores } from './evaluation/judges.ts';
export { pairedBootstrap } from './evaluation/statistics.ts';
export { Engine, Program, evaluate } from './graph/engine.ts';
export { gradients } from './graph/gradient.ts';
export { Random } from './graph/random.ts';
export { loadModel } from './models/load.ts';
export type { DiffusionModel } from './models/load.ts';
export { Pipeline } from './sampler/pipeline.ts';
export type { GenerateOptions, LearnedConcept } from './sampler/pipeline.ts';
export { customize, readArtefact } from './trainer/customize.ts';
export type { CustomizeEvent, CustomizeOptions } from './trainer/customize.ts';
