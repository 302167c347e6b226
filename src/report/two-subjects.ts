/** Figure 6 as one self-contained page: the pictures that show two subjects, and what was learned of the named one. */
import type { TwoSubjectsScores, TwoSubjectsSummary } from '../sweep/two-subjects.ts';
import { twoSubjectsScores } from '../sweep/two-subjects.ts';
import { escapeHtml } from './chart.ts';

export interface FigureRow {
  label: string;
  /** PNG files, base64. */
  pictures: readonly string[];
}
export interface Figure {
  pair: string;
  subject: string;
  className: string;
  other: string;
  /** What was learned from, each subject alone, then a row for each variant. */
  rows: readonly FigureRow[];
}

const titles: Record<keyof TwoSubjectsScores, string> = {
  clipT: 'CLIP-T',
  named: 'like the named',
  other: 'like the other',
  lead: 'lead',
  showsNamed: 'shows the named',
  showsOther: 'shows the other',
};

const lessIsBetter: ReadonlySet<keyof TwoSubjectsScores> = new Set(['other', 'showsOther']);

const style = `
:root{color-scheme:light dark}body{margin:0 auto;max-width:1100px;padding:28px 20px 60px;font:15px/1.5 system-ui,sans-serif}
table{border-collapse:collapse;margin:12px 0}th,td{padding:4px 16px 4px 0;text-align:right;font-variant-numeric:tabular-nums}
th:first-child,td:first-child{text-align:left}th{border-bottom:1px solid #8888}small{opacity:.65}.better{color:#1f7a5c;font-weight:600}.worse{color:#b4532a;font-weight:600}
p{max-width:75ch}.row{display:flex;gap:5px;align-items:center;margin:5px 0}.row b{flex:0 0 130px;font-size:13px}.row img{width:72px;height:72px;border-radius:4px;image-rendering:pixelated}
`;

const signed = (x: number): string => `${x >= 0 ? '+' : '−'}${Math.abs(x).toFixed(3)}`;
const line = (cells: readonly string[], tag = 'td'): string => `<tr>${cells.map((cell) => `<${tag}>${cell}</${tag}>`).join('')}</tr>`;
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  `<table>${line(head, 'th')}${rows.map((cells) => line(cells)).join('')}</table>`;

export function twoSubjectsReport(
  given: { about: string; prompts: readonly string[]; figures: readonly Figure[] },
  summary: TwoSubjectsSummary,
): string {
  const names = twoSubjectsScores.map((key) => titles[key]);
  const variants = Object.entries(summary.variants).map(([name, scores]) => [
    escapeHtml(name),
    ...twoSubjectsScores.map((key) => {
      const { mean, lo, hi } = scores[key];
      return `${mean.toFixed(3)} <small>${lo.toFixed(3)} to ${hi.toFixed(3)}</small>`;
    }),
  ]);
  const differences = summary.differences.map(({ of, against, scores }) => [
    escapeHtml(`${of} − ${against}`),
    ...twoSubjectsScores.map((key) => {
      const { mean, lo, hi } = scores[key];
      const better = lessIsBetter.has(key) ? hi < 0 : lo > 0;
      const worse = lessIsBetter.has(key) ? lo > 0 : hi < 0;
      return `<span class="${better ? 'better' : worse ? 'worse' : ''}">${signed(mean)}</span> <small>${signed(lo)} to ${signed(hi)}</small>`;
    }),
  ]);
  const cells = summary.cells.map((cell) => [
    `${escapeHtml(cell.subject)} <small>of ${escapeHtml(cell.pair)}, ${escapeHtml(cell.variant)}</small>`,
    ...twoSubjectsScores.map((key) => cell[key].toFixed(3)),
  ]);
  const figures = given.figures.map(({ pair, subject, className, other, rows }) => {
    const drawn = rows.map(({ label, pictures }) => {
      const images = pictures.map((png, i) => `<img alt="${escapeHtml(`${label}, ${i + 1}`)}" src="data:image/png;base64,${png}">`);
      return `<div class="row"><b>${escapeHtml(label)}</b>${images.join('')}</div>`;
    });
    return `<h3 id="${escapeHtml(`${pair}-${subject}`)}">“&lt;v&gt; ${escapeHtml(className)}”: ${escapeHtml(subject)}, not ${escapeHtml(other)}</h3>${drawn.join('')}`;
  });
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(given.about)}</title><style>${style}</style>
<h1>${escapeHtml(given.about.split(':')[0]!)}</h1>
<p>Every picture that was learned from shows two subjects. A word was learned for one of them, without saying where it is; with MLM it also had to make sense in sentences that can be said of its class and not of the other. <code>${escapeHtml(given.about.split(': ').at(-1)!)}</code></p>
<h2>Means over subjects</h2>${table(['', ...names], variants)}
<h2>Differences, paired by subject</h2>${table(['', ...names], differences)}
<p><small>Like the named, like the other: DINO-FG to pictures of each alone; lead: the first minus the second. Shows: the share of pictures in which one segmented part is like that subject and clearly nearer to it than to the other; a blend of both is neither. 95 % bootstrap intervals over pairs.</small></p>
<h2>Pictures</h2><p><small>Left to right: ${given.prompts.map(escapeHtml).join('; ')}</small></p>${figures.join('')}
<h2>By subject</h2>${table(['', ...names], cells)}</html>
`;
}
