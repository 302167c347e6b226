/** Pictures of several methods as one page: a block a subject, a row a variant, a column a prompt. */
import type { GalleryRecipe, GalleryRow } from '../sweep/gallery.ts';
import { escapeHtml } from './chart.ts';
import { commandOf, figure, page, titleOf } from './page.ts';

/** @param photographs paths of each subject's own pictures */
export async function galleryReport(
  recipe: Pick<GalleryRecipe, 'about' | 'show' | 'sampling'>,
  rows: readonly GalleryRow[],
  photographs: Readonly<Record<string, readonly string[]>>,
): Promise<string> {
  const blocks: string[] = [];
  for (const [subject, paths] of Object.entries(photographs)) {
    const own = await Promise.all(paths.map((path) => figure(path, '')));
    const lines = [`<div class="row"><b>${escapeHtml(subject)}</b>${own.join('')}</div>`];
    for (const { variant, pictures } of rows.filter((row) => row.subject === subject)) {
      const figures = await Promise.all(pictures.map((path, i) => figure(path, recipe.show[i]!.replace('{subject}', '…'))));
      lines.push(`<div class="row wide"><b>${escapeHtml(variant)}</b>${figures.join('')}</div>`);
    }
    blocks.push(`<h2>${escapeHtml(subject)}</h2>${lines.join('')}`);
  }
  const { steps, guidance } = recipe.sampling;
  return page(
    titleOf(recipe.about),
    `<p>The first picture of each prompt, none chosen; rows of one column start from the same noise. ${steps} steps, guidance ${guidance}. <code>${escapeHtml(commandOf(recipe.about))}</code></p>${blocks.join('')}`,
  );
}
