/** CLIP-T against DINO-FG of several evaluations: which of them no other beats on both. */
import type { Estimate } from '../evaluation/statistics.ts';
import { escapeHtml } from './chart.ts';

export interface Candidate {
  name: string;
  clipT: Estimate;
  dinoFg: Estimate;
}

/** Those that no other is at least as good as on both and better on one, by ascending CLIP-T. */
export function paretoFront(candidates: readonly Candidate[]): Candidate[] {
  const beats = (a: Candidate, b: Candidate): boolean =>
    a.clipT.mean >= b.clipT.mean && a.dinoFg.mean >= b.dinoFg.mean && (a.clipT.mean > b.clipT.mean || a.dinoFg.mean > b.dinoFg.mean);
  return candidates.filter((one) => !candidates.some((other) => beats(other, one))).toSorted((a, b) => a.clipT.mean - b.clipT.mean);
}

/** An SVG: every candidate with its intervals, the front as a dashed line; `courses` are lines through candidates by name. */
export function paretoChart(
  candidates: readonly Candidate[],
  courses: readonly { names: readonly string[]; colour: string }[] = [],
): string {
  const [width, height, left, bottom, top] = [640, 420, 60, 44, 20];
  const range = (values: readonly Estimate[]): [number, number] => {
    const [low, high] = [Math.min(...values.map(({ lo }) => lo)), Math.max(...values.map(({ hi }) => hi))];
    const more = Math.max(1e-6, 0.06 * (high - low));
    return [low - more, high + more];
  };
  const [x0, x1] = range(candidates.map(({ clipT }) => clipT));
  const [y0, y1] = range(candidates.map(({ dinoFg }) => dinoFg));
  const x = (value: number): string => (left + ((value - x0) / (x1 - x0)) * (width - left - 12)).toFixed(1);
  const y = (value: number): string => (height - bottom - ((value - y0) / (y1 - y0)) * (height - bottom - top)).toFixed(1);
  const front = paretoFront(candidates);
  const on = new Set(front.map(({ name }) => name));
  const marks = candidates.map(({ name, clipT, dinoFg }) => {
    const colour = on.has(name) ? '#1f7a5c' : '#888';
    const bars = `<line x1="${x(clipT.lo)}" x2="${x(clipT.hi)}" y1="${y(dinoFg.mean)}" y2="${y(dinoFg.mean)}"/><line x1="${x(clipT.mean)}" x2="${x(clipT.mean)}" y1="${y(dinoFg.lo)}" y2="${y(dinoFg.hi)}"/>`;
    return `<g stroke="${colour}" stroke-opacity=".35">${bars}</g><circle cx="${x(clipT.mean)}" cy="${y(dinoFg.mean)}" r="4" fill="${colour}"/><text x="${Number(x(clipT.mean)) + 7}" y="${Number(y(dinoFg.mean)) - 6}">${escapeHtml(name)}</text>`;
  });
  const ticks = [0.05, 0.5, 0.95].map((share) => {
    const [a, b] = [x0 + share * (x1 - x0), y0 + share * (y1 - y0)];
    return `<text x="${x(a)}" y="${height - bottom + 16}" text-anchor="middle">${a.toFixed(3)}</text><text x="${left - 6}" y="${y(b)}" text-anchor="end" dominant-baseline="middle">${b.toFixed(3)}</text>`;
  });
  const line = `<polyline fill="none" stroke="#1f7a5c" stroke-dasharray="5 4" points="${front.map(({ clipT, dinoFg }) => `${x(clipT.mean)},${y(dinoFg.mean)}`).join(' ')}"/>`;
  const paths = courses.map(({ names, colour }) => {
    const along = names.flatMap((name) => candidates.find((one) => one.name === name) ?? []);
    return `<polyline fill="none" stroke="${colour}" points="${along.map(({ clipT, dinoFg }) => `${x(clipT.mean)},${y(dinoFg.mean)}`).join(' ')}"/>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui,sans-serif" font-size="12" fill="currentColor" role="img" aria-label="CLIP-T against DINO-FG"><text x="${left}" y="13" font-weight="600">CLIP-T against DINO-FG</text>${ticks.join('')}${paths.join('')}${line}${marks.join('')}<text x="${width - 12}" y="${height - 8}" text-anchor="end">CLIP-T →</text><text x="${left}" y="${height - 8}">↑ DINO-FG</text></svg>
`;
}
