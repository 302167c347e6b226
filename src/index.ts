/**
 * `contextura`: learning a subject, pictures of it, and what measures them. `docs/library.md` shows it at work.
 * `contextura/graph` has tensors and gradients, `contextura/methods` what adds a method of customisation.
 */

// A recipe, and a run of it.
export { parseRecipe } from './config.ts';
export type { Recipe } from './config.ts';
export { UserError } from './errors.ts';
export { followed } from './events.ts';
export { methodNames } from './methods/index.ts';
export { completeRecipe, readRecipe } from './methods/recipe.ts';
export { customize } from './trainer/customize.ts';
export type { CustomizeEvent, CustomizeOptions } from './trainer/customize.ts';
export type { Forecast } from './trainer/forecast.ts';
export type { Preparing } from './trainer/prepare.ts';
export type { TrainEvent } from './trainer/step.ts';

// Engines and models; what the package brings along.
export { Engine } from './graph/engine.ts';
export type { EngineOptions } from './graph/engine.ts';
export type { Device } from './graph/device.ts';
export type { Precision } from './graph/precision.ts';
export { resolveModel } from './files/hub.ts';
export type { HubEvent, HubOptions } from './files/hub.ts';
export { loadModel, pixelSize, withContextualizer } from './models/load.ts';
export type { DiffusionModel, LoadOptions } from './models/load.ts';
export { assetPath, examplePath, versions } from './package.ts';
export { bundledSubject } from './world/bundled.ts';
export type { BundledSubject } from './world/bundled.ts';
export type { ClassName } from './world/identity.ts';

// What was learned, and pictures with it.
export { readArtefact, scaled } from './artefacts/read.ts';
export { formatOf, writeArtefact } from './artefacts/write.ts';
export { readPlanes, toBytes, writePng } from './files/images.ts';
export { subjectOf } from './methods/learned.ts';
export type { Learned, Word } from './methods/learned.ts';
export { Pipeline } from './sampler/pipeline.ts';
export type { GenerateOptions, PictureSize } from './sampler/pipeline.ts';
export type { SamplerName } from './sampler/samplers.ts';
export { usualGuidance, usualSteps } from './sampler/usual.ts';

// Evaluation.
export { measureAttention } from './evaluation/attention.ts';
export type { AttentionPicture, AttentionRow } from './evaluation/attention.ts';
export { readBenchmark } from './evaluation/dreambooth.ts';
export type { BenchmarkSubject } from './evaluation/dreambooth.ts';
export { evaluatePictures } from './evaluation/evaluate.ts';
export type { EvaluatedSubject, Evaluation, EvaluationOptions } from './evaluation/evaluate.ts';
export { loadClip, loadDino } from './evaluation/extractors.ts';
export type { ImageExtractor, TextImageExtractor } from './evaluation/extractors.ts';
export { judgeExtractors, Judges, scorePictures } from './evaluation/judges.ts';
export type { Scores } from './evaluation/judges.ts';
export type { Mask, Picture } from './evaluation/picture.ts';
export { Probe } from './evaluation/probe.ts';
export type { ReadPrompt, StepMaps } from './evaluation/probe.ts';
export type { Raster } from './evaluation/resample.ts';
export { drawPictures, openRun } from './evaluation/run.ts';
export type { CustomizedRun, DrawOptions } from './evaluation/run.ts';
export { summarize, tabulate } from './evaluation/scores.ts';
export type { MetricName, ScoredPicture, Summary } from './evaluation/scores.ts';
export { embeddedSegmenter, maskFiles, mattingNetwork } from './evaluation/segmenters.ts';
export type { Segmenter } from './evaluation/segmenters.ts';
export { clusterBootstrap, pairedBootstrap } from './evaluation/statistics.ts';
export type { Estimate, Interval } from './evaluation/statistics.ts';
export { textSimilarities } from './evaluation/text-space.ts';
export type { TextSimilarity } from './evaluation/text-space.ts';
export { measureTheory } from './evaluation/theory.ts';
export type { Theory } from './evaluation/theory.ts';

// Prompt sets.
export type { FormFault, FormRules } from './text/form.ts';
export { contextTypes, grammarPrompts } from './text/grammar/grammar.ts';
export type { ContextType, GrammarOptions, TypedPrompt } from './text/grammar/grammar.ts';
export { llmPrompts } from './text/llm.ts';
export type { LlmEvent, LlmOptions, LlmResult, LlmUsage } from './text/llm.ts';
export { judgePrompts } from './text/quality.ts';
export type { Fault, Finding, Judgement } from './text/quality.ts';
