/** report.html of a comparison: one self-contained file. */
import { encodePng, toBytes } from '../files/images.ts';
import type { VariantResult } from '../sweep/comparison.ts';
import { pairedBootstrap } from '../evaluation/statistics.ts';
import { escapeHtml, lineChart, smoothed } from './chart.ts';

export interface ComparisonReport {
  subject: string;
  className: string;
  /** Bytes [size, size, 3]. */
  photographs: readonly Uint8Array[];
  size: number;
  /** With the class word. */
  prompts: readonly string[];
  picturesPerPrompt: number;
  results: readonly VariantResult[];
  metrics: Record<string, readonly ({ step: number } & Record<string, number>)[]>;
  settings: Record<string, string | number>;
  seconds: number;
}

const style = `
:root{color-scheme:light dark;--ink:#1d2330;--soft:#667085;--paper:#fff;--card:#f5f6f8;--one:#b4532a;--two:#1f7a5c}
@media(prefers-color-scheme:dark){:root{--ink:#e8eaf0;--soft:#9aa3b5;--paper:#14171d;--card:#1e232c;--one:#e58a5f;--two:#53c09a}}
*{box-sizing:border-box}body{margin:0 auto;max-width:1080px;padding:28px 20px 60px;font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper)}
h1{font-size:26px;margin:0 0 4px}h2{font-size:18px;margin:34px 0 8px}p{margin:6px 0;max-width:70ch}.soft{color:var(--soft)}
img{image-rendering:pixelated;border-radius:5px;display:block;width:100%}
.photos{display:flex;gap:8px}.photos img{width:96px}
.grid{display:grid;grid-template-columns:110px repeat(var(--n),minmax(0,1fr));gap:8px;align-items:center}
.grid .head{font-size:12px;line-height:1.25;color:var(--soft);align-self:end}.grid b{font-size:14px}
.ti{color:var(--one)}.mlm{color:var(--two)}
table{border-collapse:collapse}th,td{padding:5px 18px 5px 0;text-align:right;font-variant-numeric:tabular-nums}th:first-child,td:first-child{text-align:left}th{font-weight:600;border-bottom:1px solid #8884}
.charts{display:grid;grid-template-columns:1fr 1fr;gap:20px}svg{width:100%;font:11px system-ui,sans-serif;fill:currentColor}
`;

async function image(bytes: Uint8Array, size: number, alt: string): Promise<string> {
  return `<img alt="${escapeHtml(alt)}" src="data:image/png;base64,${(await encodePng(bytes, size)).toString('base64')}">`;
}

/** The prompts whose CLIP-T the second method raised most, in their order. */
function shown(report: ComparisonReport, count: number): number[] {
  const [plain, rich] = report.results;
  const gain = report.prompts.map((_, i) => {
    const at = i * report.picturesPerPrompt;
    return { i, gain: rich!.scores[at]!.clipT - plain!.scores[at]!.clipT };
  });
  return gain
    .toSorted((a, b) => b.gain - a.gain)
    .slice(0, count)
    .map(({ i }) => i)
    .toSorted((a, b) => a - b);
}

export async function comparisonReport(report: ComparisonReport): Promise<string> {
  const { results, size, className, picturesPerPrompt } = report;
  const names: Record<string, string> = { ti: 'Textual inversion', 'ti+mlm': 'Textual inversion + MLM' };
  const photos = await Promise.all(report.photographs.map((picture, i) => image(picture, size, `${report.subject}, picture ${i + 1}`)));
  const grid = async (indices: readonly number[]): Promise<string> => {
    const heads = indices.map((i) => `<div class="head">${escapeHtml(report.prompts[i]!)}</div>`);
    const rows = await Promise.all(
      results.map(async (result) => {
        const cells = await Promise.all(
          indices.map((i) =>
            image(toBytes(result.pictures[i * picturesPerPrompt]!, size), size, `${names[result.name]}: ${report.prompts[i]}`),
          ),
        );
        return `<b class="${result.name === 'ti' ? 'ti' : 'mlm'}">${names[result.name]}</b>${cells.join('')}`;
      }),
    );
    return `<div class="grid" style="--n:${indices.length}"><span></span>${heads.join('')}${rows.join('')}</div>`;
  };
  const [plain, rich] = results as [VariantResult, VariantResult];
  const row = (result: VariantResult): string =>
    `<tr><td class="${result.name === 'ti' ? 'ti' : 'mlm'}">${names[result.name]}</td><td>${result.clipT.toFixed(3)}</td><td>${result.dino.toFixed(3)}</td><td>${result.dinoFg.toFixed(3)}</td></tr>`;
  const difference = (key: 'clipT' | 'dino' | 'dinoFg'): string => {
    const { mean, low, high } = pairedBootstrap(rich.scores.map((score, i) => score[key] - plain.scores[i]![key]));
    return `<td>${mean >= 0 ? '+' : ''}${mean.toFixed(3)} <span class="soft">[${low.toFixed(3)}, ${high.toFixed(3)}]</span></td>`;
  };
  const curve = (key: string): string =>
    lineChart(
      key === 'diffusion' ? 'Denoising loss (smoothed)' : 'MLM loss (smoothed)',
      results.flatMap((result) => {
        const points = (report.metrics[result.name] ?? []).flatMap((line) =>
          line[key] === undefined ? [] : [[line.step, line[key]] as const],
        );
        return points.length === 0
          ? []
          : [
              {
                name: names[result.name]!,
                colour: result.name === 'ti' ? 'var(--one)' : 'var(--two)',
                points: smoothed(points, Math.ceil(points.length / 30)),
              },
            ];
      }),
    );
  const settings = Object.entries(report.settings)
    .map(([key, value]) => `${escapeHtml(key)} ${escapeHtml(String(value))}`)
    .join(' · ');
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Contextura: ${escapeHtml(report.subject)}</title><style>${style}</style>
<h1>${escapeHtml(report.subject)}: same pictures, same steps, one more objective</h1>
<p class="soft">A word for this ${escapeHtml(className)} was learned twice from the pictures below. The second time the word also had to make sense in sentences: words of prompts were masked, and a small language model had to name them from the text encoder's states. No further pictures were used.</p>
<div class="photos">${photos.join('')}</div>
<h2>The prompts that gained most (all are below)</h2>${await grid(shown(report, 8))}
<h2>Scores</h2><table><tr><th></th><th>CLIP-T</th><th>DINO</th><th>DINO-FG</th></tr>${row(plain)}${row(rich)}<tr><td>difference</td>${difference('clipT')}${difference('dino')}${difference('dinoFg')}</tr></table>
<p class="soft">CLIP-T: how well a picture fits its prompt. DINO: likeness to the subject's pictures; DINO-FG: of the subject alone, without its background. ${rich.scores.length} pictures each; the difference is paired, with a 95 % bootstrap interval over pictures.</p>
<h2>Training</h2><div class="charts">${curve('diffusion')}${curve('mlm')}</div>
<p class="soft">${settings} · ${report.seconds.toFixed(0)} s</p>
<details><summary>All ${report.prompts.length} prompts</summary>${(await Promise.all(Array.from({ length: Math.ceil(report.prompts.length / 8) }, (_, i) => grid(report.prompts.map((_, j) => j).slice(8 * i, 8 * i + 8))))).join('<br>')}</details></html>
`;
}
