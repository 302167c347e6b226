/** Flags by which a verb is told how to draw a run's pictures, and the defaults that suit its model. */
import type { DiffusionModel } from '../models/load.ts';
import { guidanceRange, samplerNames, samplerOf, stepsRange } from '../sampler/request.ts';
import type { SamplerName } from '../sampler/samplers.ts';
import { usualGuidance, usualSteps } from '../sampler/usual.ts';
import { numberFlag } from './terminal.ts';

export const guidanceFlag = {
  guidance: { type: 'string', description: 'classifier-free guidance; by default 4 for the embedded model, else 7.5' },
} as const;
export const samplingFlags = {
  sampler: { type: 'string', description: samplerNames, default: 'dpm++' },
  steps: { type: 'string', description: 'sampling steps; by default 25 for the embedded model, else 50' },
  ...guidanceFlag,
} as const;

const checkedSampler = (sampler: string): SamplerName => samplerOf(sampler, '--sampler');

export const stepsOf = (steps: string): number => numberFlag('steps', steps, stepsRange);

const checkedGuidance = (guidance: string): number => numberFlag('guidance', guidance, guidanceRange);

export const guidanceOf = ({ guidance }: { guidance?: string | undefined }, model: DiffusionModel): number =>
  guidance === undefined ? usualGuidance(model) : checkedGuidance(guidance);

export interface SamplingRequest {
  sampler: string;
  steps?: string | undefined;
  guidance?: string | undefined;
}

/** Throws a UserError where a flag is wrong whatever the model is: before anything is fetched. */
export function checkSampling(args: Partial<SamplingRequest>): void {
  if (args.sampler !== undefined) checkedSampler(args.sampler);
  if (args.steps !== undefined) stepsOf(args.steps);
  if (args.guidance !== undefined) checkedGuidance(args.guidance);
}

/** What `samplingFlags` say for a model. */
export const samplingOf = (args: SamplingRequest, model: DiffusionModel): { sampler: SamplerName; steps: number; guidance: number } => ({
  sampler: checkedSampler(args.sampler),
  steps: args.steps === undefined ? usualSteps(model) : stepsOf(args.steps),
  guidance: guidanceOf(args, model),
});
