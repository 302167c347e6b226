/** Line charts as SVG. */
export interface Series {
  name: string;
  colour: string;
  points: readonly (readonly [x: number, y: number])[];
}

/** Means of `width` neighbours, to see a noisy loss. */
export function smoothed(points: Series['points'], width: number): Series['points'] {
  return points.map(([x], i) => {
    const near = points.slice(Math.max(0, i - width), i + width + 1);
    return [x, near.reduce((total, [, y]) => total + y, 0) / near.length] as const;
  });
}

export const escapeHtml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** The y axis begins at 0, or near the least value where `fromZero` is false. */
export function lineChart(title: string, series: readonly Series[], unit = 'step', fromZero = true): string {
  const [width, height, left, bottom] = [420, 190, 44, 24];
  const points = series.flatMap((one) => one.points);
  if (points.length === 0) return '';
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const [least, most] = [Math.min(...ys), Math.max(...ys)];
  const spare = 0.08 * Math.max(1e-9, most - least);
  const [y0, y1] = fromZero ? [0, most * 1.05 || 1] : [least - spare, most + spare];
  const [x0, x1] = [Math.min(...xs), Math.max(...xs)];
  const x = (value: number): string => (left + ((value - x0) / Math.max(1e-9, x1 - x0)) * (width - left - 8)).toFixed(1);
  const y = (value: number): string => (height - bottom - ((value - y0) / (y1 - y0)) * (height - bottom - 22)).toFixed(1);
  const lines = series.map(
    (one) =>
      `<polyline fill="none" stroke="${one.colour}" stroke-width="1.6" points="${one.points.map(([a, b]) => `${x(a)},${y(b)}`).join(' ')}"/>`,
  );
  const ticks = [y0, (y0 + y1) / 2, y1].map(
    (value) =>
      `<text x="${left - 5}" y="${y(value)}" text-anchor="end" dominant-baseline="middle">${value.toPrecision(fromZero ? 2 : 3)}</text><line x1="${left}" x2="${width - 8}" y1="${y(value)}" y2="${y(value)}" stroke="currentColor" stroke-opacity=".13"/>`,
  );
  const legend = series.map(
    (one, i) => `<text x="${width - 10}" y="${34 + 15 * i}" text-anchor="end" fill="${one.colour}">${escapeHtml(one.name)}</text>`,
  );
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(title)}"><text x="${left}" y="12" font-weight="600">${escapeHtml(title)}</text>${ticks.join('')}${lines.join('')}${legend.join('')}<text x="${left}" y="${height - 6}">${x0}</text><text x="${width - 8}" y="${height - 6}" text-anchor="end">${unit} ${x1}</text></svg>`;
}

const short = (value: number): string => String(Number(value.toPrecision(2)));

/** Points of several series, axes from the smallest to the largest values. A dashed line shows y = x where that is asked. */
export function scatterChart(title: string, series: readonly Series[], axes: { x: string; y: string; diagonal?: boolean }): string {
  const [width, height, left, bottom] = [420, 260, 52, 40];
  const points = series.flatMap((one) => one.points);
  if (points.length === 0) return '';
  const range = (values: number[]): [number, number] => {
    const [low, high] = values.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [0, 1e-9]);
    return [low, high * 1.04];
  };
  const [[x0, x1], [y0, y1]] = [range(points.map(([x]) => x)), range(points.map(([, y]) => y))];
  const x = (value: number): number => left + ((value - x0) / (x1 - x0)) * (width - left - 8);
  const y = (value: number): number => height - bottom - ((value - y0) / (y1 - y0)) * (height - bottom - 22);
  const dots = series.map(
    (one) =>
      `<g fill="${one.colour}" fill-opacity=".5">${one.points.map(([a, b]) => `<circle cx="${x(a).toFixed(1)}" cy="${y(b).toFixed(1)}" r="2"/>`).join('')}</g>`,
  );
  const ticks = [0, 0.5, 1].map((share) => {
    const [a, b] = [x0 + share * (x1 - x0), y0 + share * (y1 - y0)];
    return `<text x="${left - 5}" y="${y(b).toFixed(1)}" text-anchor="end" dominant-baseline="middle">${short(b)}</text><text x="${x(a).toFixed(1)}" y="${height - bottom + 14}" text-anchor="${share === 1 ? 'end' : 'middle'}">${short(a)}</text><line x1="${left}" x2="${width - 8}" y1="${y(b).toFixed(1)}" y2="${y(b).toFixed(1)}" stroke="currentColor" stroke-opacity=".13"/>`;
  });
  const most = Math.min(x1, y1);
  const diagonal =
    axes.diagonal === true
      ? `<line x1="${x(Math.max(x0, y0)).toFixed(1)}" y1="${y(Math.max(x0, y0)).toFixed(1)}" x2="${x(most).toFixed(1)}" y2="${y(most).toFixed(1)}" stroke="currentColor" stroke-dasharray="4 3"/>`
      : '';
  const legend = series.map(
    (one, i) => `<text x="${width - 10}" y="${34 + 15 * i}" text-anchor="end" fill="${one.colour}">${escapeHtml(one.name)}</text>`,
  );
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(title)}"><text x="${left}" y="12" font-weight="600">${escapeHtml(title)}</text>${ticks.join('')}${diagonal}${dots.join('')}${legend.join('')}<text x="${left}" y="${height - 6}">${escapeHtml(axes.x)}</text><text x="${width - 8}" y="${height - 6}" text-anchor="end">${escapeHtml(axes.y)} ↑</text></svg>`;
}
