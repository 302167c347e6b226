/** A run's scores along its training as one page. */
import { metricNames, tabulate, toCsv } from '../evaluation/scores.ts';
import type { MetricName, ScoredPicture, Summary } from '../evaluation/scores.ts';
import { escapeHtml, lineChart } from './chart.ts';
import { metricTitles } from './evaluation.ts';
import { figure, page, table } from './page.ts';
import { paretoChart } from './pareto.ts';

export interface ScoredCheckpoint {
  step: number;
  summary: Summary;
  pictures: readonly ScoredPicture[];
}

const used = (checkpoints: readonly ScoredCheckpoint[]): MetricName[] =>
  metricNames.filter((name) => checkpoints.every(({ summary }) => summary[name] !== undefined));

export const trainingCsv = (checkpoints: readonly ScoredCheckpoint[]): string =>
  toCsv(
    checkpoints.map(({ step, pictures }) => ({ step, ...tabulate(pictures, 'subject')[0] })),
    ['step', 'n', ...metricNames],
  );

export async function trainingReport(title: string, checkpoints: readonly ScoredCheckpoint[]): Promise<string> {
  const names = used(checkpoints);
  const charts = names.map((name) =>
    lineChart(
      metricTitles[name],
      [{ name: '', colour: '#1f7a5c', points: checkpoints.map(({ step, summary }) => [step, summary[name]!.mean] as const) }],
      'step',
      false,
    ),
  );
  const rows = checkpoints.map(({ step, summary }) => [
    `${step} steps`,
    ...names.map((name) => {
      const { mean, lo, hi } = summary[name]!;
      return `${mean.toFixed(3)} <small>${lo.toFixed(3)} to ${hi.toFixed(3)}</small>`;
    }),
  ]);
  const candidates = checkpoints.flatMap(({ step, summary: { clipT, dinoFg } }) =>
    clipT === undefined || dinoFg === undefined ? [] : [{ name: String(step), clipT, dinoFg }],
  );
  const strips: string[] = [];
  for (const prompt of [...new Set(checkpoints[0]!.pictures.map((picture) => picture.prompt))].slice(0, 8)) {
    const figures: string[] = [];
    for (const { step, pictures } of checkpoints) {
      const picture = pictures.find((one) => one.prompt === prompt)!;
      figures.push(await figure(picture.path, `${step}: ${picture.clipT?.toFixed(3)}`));
    }
    strips.push(`<div class="row wide"><b>${escapeHtml(prompt.replace('{subject}', '…'))}</b>${figures.join('')}</div>`);
  }
  return page(
    `${title}, along its training`,
    `<p>Every checkpoint draws the same prompts from the same noise. Intervals: bootstrap over prompts.</p>
${table(['', ...names.map((name) => metricTitles[name])], rows)}
<div class="charts">${charts.join('')}</div>
${candidates.length > 0 ? paretoChart(candidates) : ''}
<h2>Pictures: step and CLIP-T</h2>${strips.join('')}`,
  );
}
