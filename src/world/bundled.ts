/** What the package brings along: subjects and their prompt sets. */
import { UserError } from '../errors.ts';
import { examplePath } from '../package.ts';
import { evaluationPrompts, promptSet } from './captions.ts';
import { classes } from './identity.ts';
import type { ClassName } from './identity.ts';
import { benchmarkSubjects } from './sample.ts';

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
