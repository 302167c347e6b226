/** What the package brings along: subjects, their prompt sets, settings that suit the embedded model. */
import { UserError } from '../errors.ts';
import { evaluationPrompts, promptSet } from '../world/captions.ts';
import { classes } from '../world/identity.ts';
import type { ClassName } from '../world/identity.ts';
import { benchmarkSubjects } from '../world/sample.ts';
import { examplePath } from './terminal.ts';

/** Settings of textual inversion that suit the embedded model. */
export const tinyDefaults = {
  steps: 400,
  vectors: 4,
  batchSize: 4,
  promptBatch: 16,
  learningRate: 0.06,
  ema: 0.98,
  lambda: 0.05,
  sampleEvery: 100,
} as const;

export interface BundledSubject {
  name: string;
  className: ClassName;
  images: string;
  /** Rich prompts of the MLM objective, with {subject}. */
  richPrompts: readonly string[];
  /** DreamBooth's 25, with {subject}. */
  evaluationPrompts: readonly string[];
}

/** A subject of examples/subjects. Throws a UserError that lists them where there is no such one. */
export function bundledSubject(name: string): BundledSubject {
  const subject = benchmarkSubjects.find((one) => one.name === name);
  if (subject === undefined)
    throw new UserError(`subject ${name} is not bundled: choose one of ${benchmarkSubjects.map((one) => one.name).join(', ')}`);
  const { className } = subject.identity;
  return {
    name,
    className,
    images: examplePath(`subjects/${name}`),
    richPrompts: promptSet(className, 200),
    evaluationPrompts: evaluationPrompts(classes[className]),
  };
}
