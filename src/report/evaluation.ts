/** report.html of an evaluation: means with intervals, tables by prompt and subject, pictures with their masks. */
import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { metricNames, summarize, tabulate } from '../evaluation/scores.ts';
import type { MetricName, ScoredPicture } from '../evaluation/scores.ts';
import { escapeHtml } from './chart.ts';

export const metricTitles: Record<MetricName, string> = {
  clipT: 'CLIP-T',
  clipTPlaceholder: 'CLIP-T, placeholder',
  clipI: 'CLIP-I',
  dino: 'DINO',
  dinoFg: 'DINO-FG',
  leakage: 'Leakage',
};

const style = `
:root{color-scheme:light dark;--ink:#1d2330;--soft:#667085;--paper:#fff}
@media(prefers-color-scheme:dark){:root{--ink:#e8eaf0;--soft:#9aa3b5;--paper:#14171d}}
*{box-sizing:border-box}body{margin:0 auto;max-width:1080px;padding:28px 20px 60px;font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper)}
h1{font-size:26px;margin:0 0 4px}h2{font-size:18px;margin:34px 0 8px}.soft{color:var(--soft)}
table{border-collapse:collapse}th,td{padding:4px 16px 4px 0;text-align:right;font-variant-numeric:tabular-nums}th:first-child,td:first-child{text-align:left}th{border-bottom:1px solid #8884}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(150px,1fr));gap:14px}.pair{display:flex;gap:3px}.pair img{width:50%;border-radius:4px;image-rendering:pixelated}figure{margin:0}figcaption{font-size:12px;line-height:1.3;color:var(--soft)}
`;

const thumbnail = 128;

async function image(path: string, alt: string): Promise<string> {
  const bytes = await sharp(await readFile(path))
    .resize(thumbnail, thumbnail, { fit: 'inside', withoutEnlargement: true })
    .png()
    .toBuffer();
  return `<img alt="${escapeHtml(alt)}" src="data:image/png;base64,${bytes.toString('base64')}">`;
}

export interface EvaluationReport {
  title: string;
  pictures: readonly ScoredPicture[];
  withoutMask: readonly string[];
  settings: Record<string, string | number>;
  /** How many pictures are shown. */
  shown?: number;
}

export async function evaluationReport({ title, pictures, withoutMask, settings, shown = 60 }: EvaluationReport): Promise<string> {
  const summary = summarize(pictures);
  const used = metricNames.filter((name) => summary[name] !== undefined);
  const head = `<tr><th></th><th>n</th>${used.map((name) => `<th>${metricTitles[name]}</th>`).join('')}</tr>`;
  const table = (by: 'prompt' | 'subject'): string =>
    `<table>${head}${tabulate(pictures, by)
      .map((row) => {
        const cells = used.map((name) => `<td>${row[name]?.toFixed(3) ?? '–'}</td>`).join('');
        return `<tr><td>${escapeHtml(row.name)}</td><td>${row.n}</td>${cells}</tr>`;
      })
      .join('')}</table>`;
  const means = used.map((name) => {
    const { mean, lo, hi, n } = summary[name]!;
    return `<tr><td>${metricTitles[name]}</td><td>${mean.toFixed(4)}</td><td>[${lo.toFixed(4)}, ${hi.toFixed(4)}]</td><td>${n}</td></tr>`;
  });
  const several = new Set(pictures.map(({ subject }) => subject)).size > 1;
  const step = Math.max(1, Math.ceil(pictures.length / shown));
  const figures: string[] = [];
  for (const picture of pictures.filter((_, i) => i % step === 0)) {
    const images = [await image(picture.path, picture.prompt), ...(picture.mask === undefined ? [] : [await image(picture.mask, 'mask')])];
    const score = (name: MetricName): string => (picture[name] === undefined ? '' : `${metricTitles[name]} ${picture[name].toFixed(3)}`);
    const scores = [score('clipT'), score('dinoFg')].filter((text) => text !== '').join(' · ');
    figures.push(
      `<figure><div class="pair">${images.join('')}</div><figcaption>${escapeHtml(picture.prompt.replace('{subject}', '…'))}<br>${scores}</figcaption></figure>`,
    );
  }
  const told = Object.entries(settings).map(([key, value]) => `${escapeHtml(key)} ${escapeHtml(String(value))}`);
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title><style>${style}</style>
<h1>${escapeHtml(title)}</h1><p class="soft">${told.join(' · ')}</p>
<table><tr><th></th><th>mean</th><th>95 % interval</th><th>pictures</th></tr>${means.join('')}</table>
<p class="soft">Intervals: bootstrap over ${several ? 'subjects' : 'prompts'}. CLIP-T is scored against the prompt with the class word; against the prompt with the placeholder it stands beside it.${
    withoutMask.length === 0 ? '' : ` ${withoutMask.length} pictures had an empty mask and are not in DINO-FG.`
  }</p>
${several ? `<h2>Subjects</h2>${table('subject')}` : ''}<h2>Prompts</h2>${table('prompt')}
<h2>Pictures and masks</h2><div class="grid">${figures.join('')}</div></html>
`;
}
