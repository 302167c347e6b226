/** Table 1 and Figure 5 as one page: figures beside the paper's, and attention maps over the pictures. */
import { join } from 'node:path';
import { analysisFigures } from '../sweep/analysis.ts';
import type { AnalysedRun, AnalysisFigure, AnalysisRecipe, AnalysisSummary } from '../sweep/analysis.ts';
import { escapeHtml } from './chart.ts';
import { commandOf, difference, estimate, figure, page, table, titleOf } from './page.ts';

const titles: Record<AnalysisFigure, string> = { sim1: 'sim1 ↓', sim2: 'sim2 ↑', skl: 'SKL ↑' };

/** A row of maps: the picture, the concept's, each context word's. */
async function mapRow(folder: string, run: AnalysedRun, at: number): Promise<string> {
  const { words } = run.shown[at]!;
  const file = (suffix: string): string => join(folder, run.maps, `${String(at).padStart(3, '0')}${suffix}.png`);
  const figures = [await figure(file(''), 'picture'), await figure(file('-concept'), 'concept')];
  for (const word of words) figures.push(await figure(file(`-${word}`), word));
  return `<div class="row"><b>${escapeHtml(run.variant)}</b>${figures.join('')}</div>`;
}

/** @param folder the recipe's, that holds the maps */
export async function analysisReport(
  recipe: Pick<AnalysisRecipe, 'about' | 'subjects' | 'paper'>,
  { summary, runs }: { summary: AnalysisSummary; runs: readonly AnalysedRun[] },
  folder: string,
): Promise<string> {
  const names = Object.keys(summary.variants);
  const heads = analysisFigures.map((name) => titles[name]);
  const rows = names.map((variant) => [escapeHtml(variant), ...analysisFigures.map((name) => estimate(summary.variants[variant]![name]))]);
  rows.push([
    escapeHtml(`${names[1]} − ${names[0]}`),
    ...analysisFigures.map((name) => difference(summary.difference[name], name === 'sim1')),
  ]);
  for (const [name, figures] of Object.entries(recipe.paper ?? {}))
    rows.push([escapeHtml(`paper, Stable Diffusion: ${name}`), ...analysisFigures.map((key) => figures[key]?.toFixed(3) ?? '')]);
  const bySubject = recipe.subjects.map((subject) => [
    escapeHtml(subject),
    ...analysisFigures.map((name) => names.map((variant) => summary.subjects[subject]![variant]![name].toFixed(3)).join(' → ')),
  ]);
  const maps: string[] = [];
  for (const subject of recipe.subjects) {
    const own = runs.filter((run) => run.subject === subject);
    for (const [at, { prompt }] of own[0]!.shown.entries()) {
      const pair = await Promise.all(own.map((run) => mapRow(folder, run, at)));
      maps.push(`<h3>${escapeHtml(prompt.replace('{subject}', subject))}</h3>${pair.join('')}`);
    }
  }
  return page(
    titleOf(recipe.about),
    `<p>${recipe.subjects.length} subjects, ${summary.prompts} prompts each; means over subjects with 95 % bootstrap intervals over them, differences paired by subject. <code>${escapeHtml(commandOf(recipe.about))}</code></p>
${table(['', ...heads], rows)}
<h2>By subject: ${names.map(escapeHtml).join(' → ')}</h2>
${table(['', ...heads], bySubject)}
${maps.length === 0 ? '' : `<h2>Cross-attention over the pictures, mean over sampling steps: ${escapeHtml(names[0]!)} above, ${escapeHtml(names[1]!)} below</h2>${maps.join('')}`}`,
  );
}
