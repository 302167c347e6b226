/** theory.html: the paper's propositions as measured, a run beside its baseline. */
import { relation } from '../evaluation/theory.ts';
import type { Point, Theory } from '../evaluation/theory.ts';
import { escapeHtml, lineChart, scatterChart } from './chart.ts';
import type { Series } from './chart.ts';

const style = `
:root{color-scheme:light dark;--ink:#1d2330;--soft:#667085;--paper:#fff;--one:#b4532a;--two:#1f7a5c}
@media(prefers-color-scheme:dark){:root{--ink:#e8eaf0;--soft:#9aa3b5;--paper:#14171d;--one:#e58a5f;--two:#53c09a}}
*{box-sizing:border-box}body{margin:0 auto;max-width:980px;padding:28px 20px 60px;font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper)}
h1{font-size:26px;margin:0 0 4px}h2{font-size:18px;margin:34px 0 8px}p{max-width:70ch}.soft{color:var(--soft)}.charts{display:grid;grid-template-columns:1fr 1fr;gap:20px}svg{width:100%;font:11px system-ui,sans-serif;fill:currentColor}
table{border-collapse:collapse}th,td{padding:4px 16px 4px 0;text-align:right;font-variant-numeric:tabular-nums}th:first-child,td:first-child{text-align:left}th{border-bottom:1px solid #8884}
`;

export interface TheoryColumn {
  name: string;
  theory: Theory;
}

const allLogits = ({ logits }: Theory): Point[] => logits.flatMap(({ points }) => points);

/** Correlation, least constant and number of points of each proposition, by column. */
export function theoryNumbers({ theory }: TheoryColumn): Record<string, unknown> {
  return {
    selfAttention: theory.selfAttention,
    stateDistance: theory.stateDistance,
    outputs: relation(theory.outputs),
    ...(theory.mlm.length > 0 && { mlm: relation(theory.mlm) }),
    logits: Object.fromEntries(theory.logits.map(({ layer, points }) => [layer, relation(points)])),
  };
}

export function theoryReport(title: string, columns: readonly TheoryColumn[]): string {
  const colours = ['var(--two)', 'var(--one)'];
  const series = (points: (theory: Theory) => readonly Point[]): Series[] =>
    columns.map(({ name, theory }, i) => ({ name, colour: colours[i]!, points: points(theory) }));
  const shares = lineChart(
    'Share of Γ’s self-attention to the concept, by layer',
    series(({ selfAttention }) => selfAttention.map(({ layer, concept }) => [layer, concept])),
    'layer',
  );
  const others = lineChart(
    'Mean share to one other token, by layer',
    series(({ selfAttention }) => selfAttention.map(({ layer, other }) => [layer, other])),
    'layer',
  );
  const row = (name: string, value: (theory: Theory) => string): string =>
    `<tr><td>${escapeHtml(name)}</td>${columns.map(({ theory }) => `<td>${value(theory)}</td>`).join('')}</tr>`;
  const told = (points: readonly Point[]): string => {
    if (points.length === 0) return '–';
    const { correlation, constant, n } = relation(points);
    return `${correlation.toFixed(2)}, ${constant.toPrecision(2)}, ${n}`;
  };
  const table = `<table><tr><th></th>${columns.map(({ name }) => `<th>${escapeHtml(name)}</th>`).join('')}</tr>${[
    row('mean ‖c_i − c_*‖ of text states', (theory) => theory.stateDistance.toFixed(3)),
    row('1: attention outputs, bound → distance', (theory) => told(theory.outputs)),
    row('2: ‖c_b − ĉ_b‖ → MLM loss gap', (theory) => told(theory.mlm)),
    row('4: α‖c_i − c_*‖ → logit gap', (theory) => told(allLogits(theory))),
  ].join('')}</table>`;
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title><style>${style}</style>
<h1>${escapeHtml(title)}</h1><p class="soft">In the table: correlation, the least constant that makes y ≤ constant · x hold on every point, number of points. Context tokens are the content words after the subject; the concept is the last of its tokens.</p>${table}
<h2>Proposition 1: does over-fitting draw all attention to the concept?</h2><div class="charts">${shares}${others}${scatterChart(
    'Outputs of the last attention layer',
    series(({ outputs }) => outputs),
    { x: 'Σ|A_i − A_*| · max‖V‖', y: '‖o_i − o_*‖', diagonal: true },
  )}</div>
<h2>Proposition 2: is the MLM loss gap bounded by the drift of the context?</h2><div class="charts">${scatterChart(
    'A context word hidden, with and without the concept',
    series(({ mlm }) => mlm),
    { x: '‖c_b − ĉ_b‖', y: 'L(c_b) − L(ĉ_b)' },
  )}</div>
<h2>Proposition 4: do near states give near attention?</h2><div class="charts">${scatterChart(
    'Cross-attention logits, all layers, first sampling step',
    series(allLogits),
    { x: 'α‖c_i − c_*‖', y: '‖M_i − M_*‖' },
  )}</div></html>
`;
}
