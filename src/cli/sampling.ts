/** Flags by which a verb is told how to draw a run's pictures, and the defaults that suit its model. */
import { UserError } from '../errors.ts';
import type { DiffusionModel } from '../models/load.ts';
import { samplers } from '../sampler/samplers.ts';
import { usualGuidance, usualSteps } from '../sampler/usual.ts';
import type { SamplerName } from '../sampler/samplers.ts';
import { numberFlag } from './terminal.ts';

const names = Object.keys(samplers).join(', ');

export const guidanceFlag = {
  guidance: { type: 'string', description: 'classifier-free guidance; by default 4 for the embedded model, else 7.5' },
} as const;
export const samplingFlags = {
  sampler: { type: 'string', description: names, default: 'dpm++' },
  steps: { type: 'string', description: 'sampling steps; by default 25 for the embedded model, else 50' },
  ...guidanceFlag,
} as const;

export function samplerOf({ sampler }: { sampler: string }): SamplerName {
  if (!Object.hasOwn(samplers, sampler)) throw new UserError(`--sampler ${sampler}: one of ${names} is expected`);
  return sampler as SamplerName;
}

export const stepsOf = (steps: string): number => numberFlag('steps', steps, { min: 1, max: 1000, integer: true });

const checkedGuidance = (guidance: string): number => numberFlag('guidance', guidance, { min: 0, max: 100 });

export const guidanceOf = ({ guidance }: { guidance?: string | undefined }, model: DiffusionModel): number =>
  guidance === undefined ? usualGuidance(model) : checkedGuidance(guidance);

export interface SamplingRequest {
  sampler: string;
  steps?: string | undefined;
  guidance?: string | undefined;
}

/** Throws a UserError where a flag is wrong whatever the model is: before anything is fetched. */
export function checkSampling(args: Partial<SamplingRequest>): void {
  if (args.sampler !== undefined) samplerOf({ sampler: args.sampler });
  if (args.steps !== undefined) stepsOf(args.steps);
  if (args.guidance !== undefined) checkedGuidance(args.guidance);
}

/** What `samplingFlags` say for a model. */
export const samplingOf = (args: SamplingRequest, model: DiffusionModel): { sampler: SamplerName; steps: number; guidance: number } => ({
  sampler: samplerOf(args),
  steps: args.steps === undefined ? usualSteps(model) : stepsOf(args.steps),
  guidance: guidanceOf(args, model),
});
