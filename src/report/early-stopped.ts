/** The early-stopped control as one page: the gain at equal DINO-FG, both courses, pictures along training. */
import { join } from 'node:path';
import type { CoursePoint, EarlyStopped, EarlyStoppedSummary } from '../sweep/early-stopped.ts';
import { escapeHtml, lineChart } from './chart.ts';
import type { Interval } from '../evaluation/statistics.ts';
import { commandOf, difference, estimate, figure, page, signed, table, titleOf } from './page.ts';
import { paretoChart } from './pareto.ts';

const titles = { clipT: 'CLIP-T', dino: 'DINO', dinoFg: 'DINO-FG' } as const;
const scoreNames = Object.keys(titles) as (keyof typeof titles)[];
const colours = ['#b4532a', '#1f7a5c'];

/** @param folder the recipe's, that holds the pictures */
export async function earlyStoppedReport(
  recipe: Pick<EarlyStopped, 'about' | 'subjects' | 'variants' | 'checkpoints' | 'picturesPerPrompt'>,
  { summary, points }: { summary: EarlyStoppedSummary; points: readonly CoursePoint[] },
  folder: string,
): Promise<string> {
  const [plain, rich] = recipe.variants.map(({ name }) => name) as [string, string];
  const { checkpoints, subjects } = recipe;
  const { atEqualDinoFg, atEqualDinoFgByStep, bySubject, againstEach, course } = summary;
  const stepsOf = (variant: string): number[] => checkpoints.filter((step) => course[variant]![step] !== undefined);
  const last = stepsOf(rich).at(-1)!;
  const rows = [plain, rich].flatMap((variant) =>
    stepsOf(variant).map((step) => [
      escapeHtml(`${variant}, ${step} steps`),
      ...scoreNames.map((key) => estimate(course[variant]![step]![key])),
    ]),
  );
  const chart = (key: 'clipT' | 'dinoFg'): string =>
    lineChart(
      titles[key],
      [plain, rich].map((variant, i) => ({
        name: variant,
        colour: colours[i]!,
        points: stepsOf(variant).map((step) => [step, course[variant]![step]![key].mean] as const),
      })),
      'step',
      false,
    );
  const candidate = (variant: string, step: number) => {
    const of = ({ mean, low, high }: Interval) => ({ mean, lo: low, hi: high, n: subjects.length });
    const { clipT, dinoFg } = course[variant]![step]!;
    return { name: `${variant}@${step}`, clipT: of(clipT), dinoFg: of(dinoFg) };
  };
  const candidates = [plain, rich].flatMap((variant) => stepsOf(variant).map((step) => candidate(variant, step)));
  const courses = [plain, rich].map((variant, i) => ({ names: stepsOf(variant).map((step) => `${variant}@${step}`), colour: colours[i]! }));
  const equal = [...Object.entries(atEqualDinoFgByStep), [String(last), atEqualDinoFg] as const].map(([step, one]) => [
    escapeHtml(`${rich}, ${step} steps`),
    difference(one),
    one.outside ? 'no' : 'yes',
    `${Math.round(100 * one.outsideShare)} %`,
  ]);
  const own = subjects.map((subject) => {
    const { clipT, outside } = bySubject.subjects[subject]!;
    return [escapeHtml(subject), signed(clipT), outside ? 'the nearest checkpoint' : 'the same'];
  });
  const strips: string[] = [];
  for (const subject of subjects)
    for (const variant of [plain, rich]) {
      const figures: string[] = [];
      for (const step of stepsOf(variant)) {
        const point = points.find((one) => one.subject === subject && one.variant === variant && one.step === step)!;
        figures.push(await figure(join(folder, point.picture), `${step}: ${point.clipT.toFixed(3)}, ${point.dinoFg.toFixed(3)}`));
      }
      strips.push(`<div class="row"><b>${escapeHtml(`${subject} ${variant}`)}</b>${figures.join('')}</div>`);
    }
  return page(
    titleOf(recipe.about),
    `<p>${subjects.length} subjects, all evaluation prompts × ${recipe.picturesPerPrompt} pictures at each checkpoint, the same seeds. <code>${escapeHtml(commandOf(recipe.about))}</code></p>
<p>CLIP-T of ${escapeHtml(rich)} minus that of ${escapeHtml(plain)} where its course has ${atEqualDinoFg.outside ? 'the nearest DINO-FG, for it never has the same' : 'the same DINO-FG'}: ${difference(atEqualDinoFg)} (means over subjects; the interval resamples subjects).</p>
<h2>CLIP-T at equal DINO-FG</h2>
${table(['', `over ${escapeHtml(plain)}`, 'on its course', 'resamples off it'], equal)}
<p>Where the course passes a DINO-FG more than once the highest CLIP-T counts, in favour of ${escapeHtml(plain)}; where it does not, its nearest checkpoint.</p>
${paretoChart(candidates, courses)}
<h2>Along training</h2><div class="charts">${chart('clipT')}${chart('dinoFg')}</div>
${table(['', ...scoreNames.map((key) => titles[key])], rows)}
<h2>${escapeHtml(rich)} after ${last} steps minus each checkpoint of ${escapeHtml(plain)}, paired by subject</h2>
${table(
  ['', 'CLIP-T', 'DINO-FG'],
  stepsOf(plain).map((step) => [`${step} steps`, difference(againstEach[step]!.clipT), difference(againstEach[step]!.dinoFg)]),
)}
<h2>By subject, at the same DINO-FG</h2>
<p>${bySubject.inside === undefined ? 'The course of no subject passes the DINO-FG.' : `Mean over the ${bySubject.n} subjects whose course passes the DINO-FG: ${difference(bySubject.inside)}`}</p>
${table(['', 'CLIP-T', 'DINO-FG of the course'], own)}
<h2>Pictures along training: CLIP-T and DINO-FG of the checkpoint</h2>
${strips.join('')}`,
  );
}
