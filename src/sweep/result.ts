/** A table's result as its recipe keeps it, and how far another run of the recipe is from it. */
import * as z from 'zod';
import type { SweepSummary } from './sweep.ts';

const interval = z.tuple([z.number(), z.number(), z.number()]).describe('mean, and its 95 % bootstrap interval');
const estimates = z.record(z.string(), interval);

/** The result of a recipe that makes no table: what `expected` holds is its own. */
export const resultSchema = z.unknown().optional().describe('the result, as it was measured');

export const tableResultSchema = z.strictObject({
  measured: z.string().describe('when, and on what'),
  variants: z.record(z.string(), estimates),
  differences: z.record(z.string(), estimates),
  subjects: z
    .record(z.string(), z.record(z.string(), z.array(z.number())))
    .optional()
    .describe('by subject and variant: CLIP-T, DINO, DINO-FG'),
});
export type TableResult = z.infer<typeof tableResultSchema>;

/** Numbers to four digits, intervals as [mean, low, high]: a summary as a recipe's `expected` holds it. */
function compact(value: unknown): unknown {
  if (typeof value === 'number') return Number(value.toFixed(4));
  if (Array.isArray(value)) return value.map(compact);
  if (typeof value !== 'object' || value === null) return value;
  const { mean, lo, hi, low = lo, high = hi } = value as Record<string, unknown>;
  if (mean !== undefined && low !== undefined && high !== undefined) return [mean, low, high].map(compact);
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, compact(one)]));
}

/** What a recipe's file takes over once it has been run. */
export const expectedBlock = (summary: object): string =>
  `"expected": ${JSON.stringify({ measured: `${new Date().toISOString().slice(0, 10)}; mean, and a 95 % bootstrap interval over subjects`, ...(compact(summary) as object) })}`;

/** What a recipe's `expected` holds besides `measured`, before rounding. */
export function tableResult({ variants, differences, cells }: SweepSummary): Omit<SweepSummary, 'cells' | 'differences'> & {
  differences: Record<string, SweepSummary['differences'][number]['scores']>;
  subjects: Record<string, Record<string, number[]>>;
} {
  const subjects: Record<string, Record<string, number[]>> = {};
  for (const { subject, variant, clipT, dino, dinoFg } of cells) (subjects[subject] ??= {})[variant] = [clipT, dino, dinoFg];
  return {
    variants,
    differences: Object.fromEntries(differences.map(({ of, against, scores }) => [`${of} − ${against}`, scores])),
    subjects,
  };
}

/**
 * How far a summary is from a recipe's own result: the largest distance between means of the variants and scores that both
 * have, and the variants that only one of them has.
 */
export function distance(
  summary: Pick<SweepSummary, 'variants'>,
  expected: Pick<TableResult, 'variants'>,
): { largest: number; unmatched: string[] } {
  const names = new Set([...Object.keys(summary.variants), ...Object.keys(expected.variants)]);
  const [shared, unmatched] = [[] as string[], [] as string[]];
  for (const name of names) (name in summary.variants && name in expected.variants ? shared : unmatched).push(name);
  const apart = shared.flatMap((name) =>
    Object.entries(summary.variants[name]!).flatMap(([key, { mean }]) => {
      const known = expected.variants[name]![key];
      return known === undefined ? [] : [Math.abs(mean - known[0])];
    }),
  );
  return { largest: Math.max(0, ...apart), unmatched };
}
