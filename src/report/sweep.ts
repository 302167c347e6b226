/** A sweep's table as one self-contained page: variants, paired differences, the paper's figures beside them. */
import type { Sweep, SweepSummary } from '../sweep/sweep.ts';
import { scoreNames } from '../sweep/sweep.ts';
import { escapeHtml } from './chart.ts';
import { paretoChart } from './pareto.ts';

const titles: Record<(typeof scoreNames)[number], string> = { clipT: 'CLIP-T', dino: 'DINO', dinoFg: 'DINO-FG' };

const style = `
:root{color-scheme:light dark}body{margin:0 auto;max-width:980px;padding:28px 20px 60px;font:15px/1.5 system-ui,sans-serif}
table{border-collapse:collapse;margin:12px 0}th,td{padding:4px 18px 4px 0;text-align:right;font-variant-numeric:tabular-nums}
th:first-child,td:first-child{text-align:left}th{border-bottom:1px solid #8888}small{opacity:.65}.above{color:#1f7a5c;font-weight:600}.below{color:#b4532a;font-weight:600}svg{max-width:640px}
`;

const signed = (x: number): string => `${x >= 0 ? '+' : '−'}${Math.abs(x).toFixed(3)}`;
const row = (cells: readonly string[], tag = 'td'): string => `<tr>${cells.map((cell) => `<${tag}>${cell}</${tag}>`).join('')}</tr>`;
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  `<table>${row(head, 'th')}${rows.map((cells) => row(cells)).join('')}</table>`;

export function sweepReport(sweep: Pick<Sweep, 'about' | 'subjects' | 'picturesPerPrompt' | 'paper'>, summary: SweepSummary): string {
  const names = scoreNames.map((key) => titles[key]);
  const variants = Object.entries(summary.variants).map(([name, scores]) => [
    escapeHtml(name),
    ...scoreNames.map((key) => {
      const { mean, low, high } = scores[key];
      return `${mean.toFixed(3)} <small>${low.toFixed(3)} to ${high.toFixed(3)}</small>`;
    }),
  ]);
  const differences = summary.differences.map(({ of, against, scores }) => [
    escapeHtml(`${of} − ${against}`),
    ...scoreNames.map((key) => {
      const { mean, low, high } = scores[key];
      const side = low > 0 ? 'above' : high < 0 ? 'below' : '';
      return `<span class="${side}">${signed(mean)}</span> <small>${signed(low)} to ${signed(high)}</small>`;
    }),
  ]);
  const paper = Object.entries(sweep.paper ?? {}).map(([name, scores]) => [
    escapeHtml(name),
    ...scoreNames.map((key) => scores[key]?.toFixed(3) ?? ''),
  ]);
  const candidates = Object.entries(summary.variants).map(([name, scores]) => {
    const estimate = ({ mean, low, high }: { mean: number; low: number; high: number }) => ({
      mean,
      lo: low,
      hi: high,
      n: sweep.subjects.length,
    });
    return { name, clipT: estimate(scores.clipT), dinoFg: estimate(scores.dinoFg) };
  });
  const subjects = sweep.subjects.map((subject) => [
    escapeHtml(subject),
    ...Object.keys(summary.variants).map((variant) => {
      const cell = summary.cells.find((one) => one.subject === subject && one.variant === variant);
      return cell === undefined ? '' : `${cell.clipT.toFixed(3)} <small>${cell.dinoFg.toFixed(3)}</small>`;
    }),
  ]);
  return `<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(sweep.about)}</title><style>${style}</style>
<h1>${escapeHtml(sweep.about.split(':')[0]!)}</h1>
<p>${sweep.subjects.length} subjects, 25 prompts × ${sweep.picturesPerPrompt} pictures each; means over subjects with 95 % bootstrap intervals over them. <code>${escapeHtml(sweep.about.split(': ').at(-1)!)}</code></p>
${table(['', ...names], variants)}
<h2>Differences, paired by subject</h2>
${table(['', ...names], differences)}
${paper.length === 0 ? '' : `<h2>The paper, on Stable Diffusion</h2>${table(['', ...names], paper)}`}
${paretoChart(candidates)}
<h2>By subject: CLIP-T and DINO-FG</h2>
${table(['', ...Object.keys(summary.variants).map(escapeHtml)], subjects)}
`;
}
