/** A sweep's table as one self-contained page: variants, paired differences, the paper's figures beside them. */
import type { Estimate, Interval } from '../evaluation/statistics.ts';
import type { Sweep, SweepSummary } from '../sweep/sweep.ts';
import { scoreNames, withoutSubjectIn } from '../sweep/sweep.ts';
import { escapeHtml } from './chart.ts';
import { commandOf, difference, estimate, page, table, titleOf } from './page.ts';
import { paretoChart } from './pareto.ts';

const titles: Record<(typeof scoreNames)[number], string> = { clipT: 'CLIP-T', dino: 'DINO', dinoFg: 'DINO-FG' };

const between = ([mean, low, high]: readonly [number, number, number]): Interval => ({ mean, low, high });

export function sweepReport(
  sweep: Pick<Sweep, 'about' | 'subjects' | 'picturesPerPrompt' | 'paper' | 'expected'>,
  summary: SweepSummary,
): string {
  const names = scoreNames.map((key) => titles[key]);
  const isCounted = summary.cells.some(({ withoutSubject }) => withoutSubject !== undefined);
  const lacking = (variant: string): string => {
    const counted = withoutSubjectIn(summary, variant);
    return counted === undefined ? '' : `${counted.pictures} of ${counted.of}`;
  };
  const variants = Object.entries(summary.variants).map(([name, scores]) => [
    escapeHtml(name),
    ...scoreNames.map((key) => estimate(scores[key])),
    ...(isCounted ? [lacking(name)] : []),
  ]);
  const differences = summary.differences.map(({ of, against, scores }) => [
    escapeHtml(`${of} − ${against}`),
    ...scoreNames.map((key) => difference(scores[key])),
  ]);
  const paper = Object.entries(sweep.paper ?? {}).map(([name, scores]) => [
    escapeHtml(name),
    ...scoreNames.map((key) => scores[key]?.toFixed(3) ?? ''),
  ]);
  const committed = Object.entries(sweep.expected?.variants ?? {}).map(([name, scores]) => [
    escapeHtml(name),
    ...scoreNames.map((key) => (scores[key] === undefined ? '' : estimate(between(scores[key])))),
  ]);
  const point = ({ mean, low, high }: Interval): Estimate => ({ mean, lo: low, hi: high, n: sweep.subjects.length });
  const candidates = Object.entries(summary.variants).map(([name, { clipT, dinoFg }]) => ({
    name,
    clipT: point(clipT),
    dinoFg: point(dinoFg),
  }));
  const subjects = sweep.subjects.map((subject) => [
    escapeHtml(subject),
    ...Object.keys(summary.variants).map((variant) => {
      const cell = summary.cells.find((one) => one.subject === subject && one.variant === variant);
      return cell === undefined ? '' : `${cell.clipT.toFixed(3)} <small>${cell.dinoFg.toFixed(3)}</small>`;
    }),
  ]);
  return page(
    titleOf(sweep.about),
    `<p>${sweep.subjects.length} subjects, 25 prompts × ${sweep.picturesPerPrompt} pictures each; means over subjects with 95 % bootstrap intervals over them. <code>${escapeHtml(commandOf(sweep.about))}</code></p>
${table(['', ...names, ...(isCounted ? ['pictures without the subject'] : [])], variants)}
${isCounted ? '<p>Where the segmenter finds no subject a picture has no part in DINO-FG.</p>\n' : ''}<h2>Differences, paired by subject</h2>
${table(['', ...names], differences)}
${committed.length === 0 ? '' : `<h2>As the recipe names it</h2><p>${escapeHtml(sweep.expected!.measured)}</p>${table(['', ...names], committed)}`}
${paper.length === 0 ? '' : `<h2>The paper, on Stable Diffusion</h2>${table(['', ...names], paper)}`}
${paretoChart(candidates)}
<h2>By subject: CLIP-T and DINO-FG</h2>
${table(['', ...Object.keys(summary.variants).map(escapeHtml)], subjects)}`,
  );
}
