/** How pictures may be asked for: which samplers there are, how many steps, how much guidance. */
import type { SchedulerConfig } from '../diffusion/schedule.ts';
import { checkNumber, UserError } from '../errors.ts';
import type { Range } from '../errors.ts';
import { samplers } from './samplers.ts';
import type { SamplerName } from './samplers.ts';

export const samplerNames: string = Object.keys(samplers).join(', ');
export const stepsRange: Range = { min: 1, max: 1000, integer: true };
export const guidanceRange: Range = { min: 0, max: 100 };
export const seedRange: Range = { min: 0, integer: true };

/** The sampler of a name; `what` is what names it, in errors. */
export function samplerOf(name: string, what = 'sampler'): SamplerName {
  if (!Object.hasOwn(samplers, name)) throw new UserError(`${what} ${name}: one of ${samplerNames} is expected`);
  return name as SamplerName;
}

export interface SamplingRequest {
  sampler: SamplerName;
  steps: number;
  guidance: number;
  seed: number;
}

/** Throws a UserError where a model's schedule cannot be sampled so: each step needs a timestep of its own. */
export function checkSampling({ sampler, steps, guidance, seed }: SamplingRequest, schedule: SchedulerConfig): void {
  const name = samplerOf(sampler);
  // DPM-Solver++ takes its timesteps from one more, and leaves the last.
  const most = schedule.num_train_timesteps - (name === 'dpm++' ? 1 + schedule.steps_offset : 0);
  checkNumber('steps', steps, { ...stepsRange, max: most });
  checkNumber('guidance', guidance, guidanceRange);
  checkNumber('seed', seed, seedRange);
}
