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
  const { mean, low, high, ...rest } = value as Record<string, unknown>;
  if (mean !== undefined && low !== undefined && high !== undefined && Object.keys(rest).length === 0)
    return [mean, low, high].map(compact);
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

/** The largest distance between means of a summary and those of a recipe's own result, over all variants and scores. */
export function furthest(summary: Pick<SweepSummary, 'variants'>, expected: Pick<TableResult, 'variants'>): number {
  const apart = Object.entries(summary.variants).flatMap(([name, scores]) =>
    Object.entries(scores).map(([key, { mean }]) => Math.abs(mean - (expected.variants[name]?.[key]?.[0] ?? Number.NaN))),
  );
  return Math.max(...apart);
}
