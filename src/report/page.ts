/** What the pages of recipes share: their frame, tables, numbers with intervals, pictures in the page itself. */
import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import type { Interval } from '../evaluation/statistics.ts';
import { escapeHtml } from './chart.ts';

const style = `
:root{color-scheme:light dark}body{margin:0 auto;max-width:1080px;padding:28px 20px 60px;font:15px/1.5 system-ui,sans-serif}
table{border-collapse:collapse;margin:12px 0}th,td{padding:4px 18px 4px 0;text-align:right;font-variant-numeric:tabular-nums}
th:first-child,td:first-child{text-align:left}th{border-bottom:1px solid #8888}small{opacity:.65}.above{color:#1f7a5c;font-weight:600}.below{color:#b4532a;font-weight:600}
svg{max-width:640px;font:11px system-ui,sans-serif;fill:currentColor}.charts{display:grid;grid-template-columns:1fr 1fr;gap:20px}.charts svg{width:100%}
.row{display:flex;gap:8px;align-items:flex-end;margin:4px 0}.row b{width:110px;font-size:13px;overflow-wrap:anywhere}figure{margin:0;width:96px}figcaption{font-size:11px;line-height:1.2;opacity:.7}
img{width:100%;border-radius:4px;image-rendering:pixelated;display:block}.wide figure{width:128px}p{max-width:75ch}
`;

/** A self-contained page. `title` is text, `body` HTML. */
export const page = (title: string, body: string): string =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title><style>${style}</style>
<h1>${escapeHtml(title)}</h1>
${body}</html>
`;

const row = (cells: readonly string[], tag = 'td'): string => `<tr>${cells.map((cell) => `<${tag}>${cell}</${tag}>`).join('')}</tr>`;
/** Cells are HTML. */
export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  `<table>${row(head, 'th')}${rows.map((cells) => row(cells)).join('')}</table>`;

export const signed = (x: number): string => `${x >= 0 ? '+' : '−'}${Math.abs(x).toFixed(3)}`;
export const estimate = ({ mean, low, high }: Interval): string =>
  `${mean.toFixed(3)} <small>${low.toFixed(3)} to ${high.toFixed(3)}</small>`;
/** A difference, green where its whole interval says better, red where it says worse. */
export const difference = ({ mean, low, high }: Interval, lessIsBetter = false): string => {
  const [good, bad] = lessIsBetter ? [high < 0, low > 0] : [low > 0, high < 0];
  const side = good ? 'above' : bad ? 'below' : '';
  return `<span class="${side}">${signed(mean)}</span> <small>${signed(low)} to ${signed(high)}</small>`;
};

const widest = 256;

/** A picture's file as a figure within the page, large ones reduced. */
export async function figure(path: string, caption: string): Promise<string> {
  const bytes = await sharp(await readFile(path))
    .resize(widest, widest, { fit: 'inside', withoutEnlargement: true })
    .png()
    .toBuffer();
  return `<figure><img alt="${escapeHtml(caption)}" src="data:image/png;base64,${bytes.toString('base64')}"><figcaption>${escapeHtml(caption)}</figcaption></figure>`;
}

/** The part of a recipe's `about` that names it, and the command at its end. */
export const titleOf = (about: string): string => about.split(':')[0]!;
export const commandOf = (about: string): string => about.split(': ').at(-1)!;
