/** A finished table: its page, and what is said of it. */
import { join } from 'node:path';
import { fewestForInterval } from '../evaluation/statistics.ts';
import { writeAtomically } from '../files/atomic.ts';
import { sweepReport } from '../report/sweep.ts';
import { distance, expectedBlock, tableResult } from '../sweep/result.ts';
import { scoreNames, withoutSubjectIn } from '../sweep/sweep.ts';
import type { Sweep, SweepSummary } from '../sweep/sweep.ts';
import { counted, say } from './terminal.ts';

const signed = (x: number): string => `${x >= 0 ? '+' : ''}${x.toFixed(4)}`;

/** @param request `whole` unless some of the recipe's subjects were left out */
export async function showTable(
  table: Pick<Sweep, 'about' | 'subjects' | 'picturesPerPrompt' | 'paper' | 'expected'>,
  summary: SweepSummary,
  { out, name, whole, json }: { out: string; name: string; whole: boolean; json: boolean },
): Promise<void> {
  const report = join(out, `${name}.html`);
  await writeAtomically(report, sweepReport(table, summary));
  if (json) {
    process.stdout.write(`${JSON.stringify({ ...summary, report })}\n`);
    return;
  }
  for (const [variant, scores] of Object.entries(summary.variants)) {
    const missing = withoutSubjectIn(summary, variant);
    const lacking = missing === undefined ? '' : `  pictures without the subject: ${missing.pictures} of ${missing.of}`;
    say(`${variant.padEnd(24)} ${scoreNames.map((key) => `${key} ${scores[key].mean.toFixed(4)}`).join('  ')}${lacking}`);
  }
  for (const [variant, scores] of Object.entries(table.paper ?? {})) {
    const figures = Object.entries(scores).map(([key, value]) => `${key} ${value.toFixed(3)}`);
    say(`${`paper: ${variant}`.padEnd(24)} ${figures.join('  ')}`);
  }
  for (const { of, against, scores } of summary.differences) {
    const figures = scoreNames.map((key) => {
      const { mean, low, high } = scores[key];
      return `${key} ${signed(mean)} [${signed(low)}, ${signed(high)}]`;
    });
    say(`${of} − ${against}: ${figures.join('  ')}`);
  }
  const subjects = new Set(summary.cells.map(({ subject }) => subject)).size;
  if (subjects < fewestForInterval)
    say(`intervals over ${counted(subjects, 'subject')} are no more than their spread: at least ${fewestForInterval} are needed for 95 %`);
  if (whole) {
    const known = table.expected && distance(summary, table.expected);
    if (known !== undefined && known.unmatched.length === 0)
      say(`means are within ${known.largest.toFixed(4)} of those in the recipe (${table.expected!.measured})`);
    else say(expectedBlock(tableResult(summary)));
  }
  say(`open ${report}`);
}
