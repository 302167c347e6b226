/** Plots of what a training step costs as it grows, as one page. */
import { amountOf, axes, growthOf } from '../sweep/scaling.ts';
import type { Axis, ScalingPoint } from '../sweep/scaling.ts';
import { escapeHtml, lineChart } from './chart.ts';
import { page, table } from './page.ts';

const titles: Record<Axis, string> = { batch: 'pictures in a step', pixels: 'pixels a side', vectors: 'vectors behind the word' };
const units: Record<Axis, string> = { batch: 'pictures', pixels: 'kilopixels', vectors: 'vectors' };

/** @param about what was measured, on what and when, as text */
export function scalingReport(about: string, points: readonly ScalingPoint[]): string {
  const charts = axes.map((axis) => {
    const own = points.filter((point) => point.axis === axis);
    const at = (point: ScalingPoint): number => (axis === 'pixels' ? Math.round(amountOf(point) / 100) / 10 : point.value);
    const last = own.at(-1)!;
    const proportion = own.map((point) => [at(point), (last.seconds * amountOf(point)) / amountOf(last)] as const);
    return lineChart(
      `seconds a step, ${units[axis]}`,
      [
        { name: 'measured', colour: '#1f7a5c', points: own.map((point) => [at(point), point.seconds] as const) },
        ...(axis === 'vectors' ? [] : [{ name: 'in proportion to the last', colour: '#999999', points: proportion }]),
      ],
      units[axis],
    );
  });
  const rows = points.map((point) => [
    escapeHtml(titles[point.axis]),
    String(point.value),
    (1000 * point.seconds).toFixed(1),
    ((1000 * point.seconds) / (point.axis === 'pixels' ? amountOf(point) / 1000 : point.value)).toFixed(2),
    point.gflop.toFixed(2),
    (point.gflop / point.seconds).toFixed(0),
  ]);
  const growth = axes.map((axis) => `${units[axis]} ${growthOf(points, axis).toFixed(2)}`).join(', ');
  return page(
    'What a step of textual inversion costs as it grows',
    `<p>${escapeHtml(about)}</p>
<div class="charts">${charts.join('')}</div>
<p>Seconds grow, from the middle of each axis to its end, with this power of what it counts: ${escapeHtml(growth)}. 1 is in proportion.</p>
${table(['axis', 'value', 'ms', 'ms for each', 'GFLOP', 'GFLOP/s'], rows)}`,
  );
}
