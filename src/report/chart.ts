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

export function lineChart(title: string, series: readonly Series[]): string {
  const [width, height, left, bottom] = [420, 190, 44, 24];
  const points = series.flatMap((one) => one.points);
  if (points.length === 0) return '';
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const [x0, x1, y1] = [Math.min(...xs), Math.max(...xs), Math.max(...ys) * 1.05 || 1];
  const x = (value: number): string => (left + ((value - x0) / Math.max(1e-9, x1 - x0)) * (width - left - 8)).toFixed(1);
  const y = (value: number): string => (height - bottom - (value / y1) * (height - bottom - 22)).toFixed(1);
  const lines = series.map(
    (one) =>
      `<polyline fill="none" stroke="${one.colour}" stroke-width="1.6" points="${one.points.map(([a, b]) => `${x(a)},${y(b)}`).join(' ')}"/>`,
  );
  const ticks = [0, y1 / 2, y1].map(
    (value) =>
      `<text x="${left - 5}" y="${y(value)}" text-anchor="end" dominant-baseline="middle">${value.toPrecision(2)}</text><line x1="${left}" x2="${width - 8}" y1="${y(value)}" y2="${y(value)}" stroke="currentColor" stroke-opacity=".13"/>`,
  );
  const legend = series.map(
    (one, i) => `<text x="${width - 10}" y="${34 + 15 * i}" text-anchor="end" fill="${one.colour}">${escapeHtml(one.name)}</text>`,
  );
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(title)}"><text x="${left}" y="12" font-weight="600">${escapeHtml(title)}</text>${ticks.join('')}${lines.join('')}${legend.join('')}<text x="${left}" y="${height - 6}">${x0}</text><text x="${width - 8}" y="${height - 6}" text-anchor="end">step ${x1}</text></svg>`;
}
