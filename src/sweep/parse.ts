/** Recipe files that `sweep` takes, checked. */
import type * as z from 'zod';
import { expectation, valueAt } from '../config.ts';
import { UserError } from '../errors.ts';

/** A checked recipe of one kind. Throws a UserError that names the first thing wrong with `value`. */
export function parseOf<T extends { variants: readonly { name: string }[] }>(schema: z.ZodType<T>, value: unknown, where: string): T {
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    if (issue.code === 'unrecognized_keys') throw new UserError(`${where} has the unknown key ${issue.keys[0]}`);
    const path = issue.path.join('.');
    const got = valueAt(value, issue.path);
    const at = path === '' ? '' : got === undefined ? `${path} is missing: ` : `${path}: `;
    throw new UserError(`${where}: ${at}${expectation(issue)}`);
  }
  const names = parsed.data.variants.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new UserError(`${where} has two variants called ${twice}: give them different names`);
  return parsed.data;
}
