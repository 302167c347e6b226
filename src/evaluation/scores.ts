/** Scores of pictures: their means with intervals, tables, CSV. */
import { UserError } from '../errors.ts';
import { clusterBootstrap } from './statistics.ts';
import type { Estimate } from './statistics.ts';

export const metricNames = ['clipT', 'clipTPlaceholder', 'clipI', 'dino', 'dinoFg', 'leakage'] as const;
export type MetricName = (typeof metricNames)[number];

export interface ScoredPicture extends Partial<Record<MetricName, number>> {
  subject: string;
  prompt: string;
  path: string;
  mask?: string;
}

function grouped(pictures: readonly ScoredPicture[], by: 'prompt' | 'subject'): Map<string, ScoredPicture[]> {
  const groups = new Map<string, ScoredPicture[]>();
  for (const picture of pictures) groups.set(picture[by], [...(groups.get(picture[by]) ?? []), picture]);
  return groups;
}

export type Summary = Partial<Record<MetricName, Estimate>>;

/** Means with intervals over groups: prompts where there is one subject, subjects where there are more. */
export function summarize(pictures: readonly ScoredPicture[], by?: 'prompt' | 'subject'): Summary {
  const key = by ?? (new Set(pictures.map(({ subject }) => subject)).size > 1 ? 'subject' : 'prompt');
  const groups = grouped(pictures, key);
  const summary: Summary = {};
  for (const name of metricNames) {
    const values = [...groups.values()].map((group) => group.flatMap((picture) => picture[name] ?? []));
    if (values.some((group) => group.length > 0)) summary[name] = clusterBootstrap(values);
  }
  return summary;
}

/** One row per prompt or per subject: means. */
export function tabulate(
  pictures: readonly ScoredPicture[],
  by: 'prompt' | 'subject',
): ({ name: string; n: number } & Partial<Record<MetricName, number>>)[] {
  return [...grouped(pictures, by)].map(([name, group]) => {
    const row: { name: string; n: number } & Partial<Record<MetricName, number>> = { name, n: group.length };
    for (const metric of metricNames) {
      const values = group.flatMap((picture) => picture[metric] ?? []);
      if (values.length > 0) row[metric] = values.reduce((a, b) => a + b, 0) / values.length;
    }
    return row;
  });
}

const cell = (value: string | number | undefined): string => {
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : value.toFixed(6);
  return value === undefined ? '' : /[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
};

/** RFC 4180, a header first. */
export function toCsv<R extends object>(rows: readonly R[], columns: readonly (keyof R & string)[]): string {
  return [columns.join(','), ...rows.map((row) => columns.map((column) => cell(row[column] as string | number | undefined)).join(','))]
    .map((line) => `${line}\n`)
    .join('');
}

/**
 * Mean differences a − b of pictures that belong together: same subject, prompt and number among its pictures. Intervals
 * as in `summarize`. Throws a UserError where the two have not scored the same prompts.
 */
export function compare(a: readonly ScoredPicture[], b: readonly ScoredPicture[], where: string): Summary {
  const keyed = (pictures: readonly ScoredPicture[]): Map<string, ScoredPicture> => {
    const counts = new Map<string, number>();
    return new Map(
      pictures.map((picture) => {
        const own = `${picture.subject}\n${picture.prompt}`;
        const k = counts.get(own) ?? 0;
        counts.set(own, k + 1);
        return [`${own}\n${k}`, picture];
      }),
    );
  };
  const others = keyed(b);
  const differences: ScoredPicture[] = [];
  for (const [key, picture] of keyed(a)) {
    const other = others.get(key);
    if (other === undefined)
      throw new UserError(
        `--against ${where} has no picture for "${picture.prompt}" of ${picture.subject}: compare evaluations of the same prompts`,
      );
    const row: ScoredPicture = { subject: picture.subject, prompt: picture.prompt, path: picture.path };
    for (const name of metricNames) if (picture[name] !== undefined && other[name] !== undefined) row[name] = picture[name] - other[name];
    differences.push(row);
  }
  return summarize(differences);
}
