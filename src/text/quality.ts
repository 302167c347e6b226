/** What a prompt set is worth: faults line by line, diversity, coverage by type. */
import { formFault, longestLine, unknownWord } from './form.ts';
import type { FormFault, FormRules } from './form.ts';
import { contextTypes } from './grammar/grammar.ts';
import type { ContextType } from './grammar/grammar.ts';
import { leakOf, PromptIndex } from './likeness.ts';
import { subjectMark } from './prompts.ts';
import { modifiersOf, wordsOf } from './words.ts';

export type Fault = FormFault | 'duplicate' | 'near duplicate' | 'evaluation prompt';

export interface Finding {
  /** From 1. */
  line: number;
  prompt: string;
  fault: Fault;
  /** The prompt that it repeats or gives away; the word that is not known. */
  other?: string;
}

export interface Judgement {
  count: number;
  findings: Finding[];
  /** Distinct words and pairs of words, as shares of all (distinct-1, distinct-2; Li et al., 2016). */
  distinct1: number;
  distinct2: number;
  meanTokens: number;
  mostTokens: number;
  /** Prompts by type, as their words suggest. */
  coverage: Record<ContextType, number>;
}

const styleWords =
  /\b(painting|painted|drawing|drawn|sketch(ed)?|watercolou?r|style|illustration|3d render|rendered in|poster|sculpture|statue|mosaic|embroidery|print(ed)?|cartoon|comic|pixel|origami|logo|still|polaroid|daguerreotype|etching|mural|fresco|tapestry|collage|woodcut|linocut|engraved|blueprint|tattoo|doodle|anime|hologram|diorama|carving|silk|wireframe|postcard|silhouette of|black and white|sepia|neon sign|paper cut-out|stained glass window of|model of|magazine cover|stamp showing|pin of|seal with|puppet of|topiary|cross-stitch of|sticker of|cast of|puzzle of|muted colours|pastel colours|fairy tale|exposure of|tarot|claymation|infrared|grainy)\b/;
const viewWords =
  /\b(close-up|shot of|view of|seen (from|through)|viewed|macro|portrait|profile of|angle|(tilted|blurry|fisheye|cropped|focused|backlit|flash|candid|slow-shutter|full-length|panoramic|product|aerial) photo|long lens|silhouette|out of focus|foreground|framed by|reflected in|lit (from|by a single)|shadow$|whole frame|out of the frame|corner of the picture|centred|caught on|far away|eye level|flat lay|still life with|telephoto)\b/;
const outfitWords =
  /\b(wearing|dressed as|outfit|costume|decorated|ribbon|collar|wrapped in|tied|gift|bow|label|badge|laces|lining|patches|straps?|trim|glazed|saucer|draped)\b/;
const relationWords =
  /\b(next to|beside|behind|between|surrounded by|among|near|across from|left of|right of|leaning against|in a circle of|facing|together with|side by side)\b/;
const propertyWords = /\b(made of|covered in|shaped|coloured|dressed all in)\b/;

/** The type that a prompt's words suggest: good enough to see what a set lacks. */
export function typeOf(prompt: string): ContextType {
  const text = prompt.toLowerCase();
  const [before = '', after = ''] = text.split(subjectMark);
  if (viewWords.test(text)) return 'viewpoint';
  if (styleWords.test(text)) return 'style';
  if (propertyWords.test(text)) return 'property';
  if (/\w+ing (a |an |the |some |two |with |to |at |for )?(pair of )?$/.test(before) || /\b(child|girl|boy|man|woman)\b/.test(before))
    return 'relation';
  if (outfitWords.test(after)) return 'outfit';
  if (relationWords.test(after) || relationWords.test(before)) return 'relation';
  if (/^\s+(being )?\w+(ing|ed)\b/.test(after)) return 'action';
  const modifiers = modifiersOf(prompt);
  if (/\b(in the background|in front of)\b/.test(after)) return 'background';
  if (modifiers.some((word) => colourWords.has(word))) return 'property';
  if (modifiers.length > 0 || /^\s+with (its|his|her|their|one|a)\b/.test(after)) return 'variation';
  return 'background';
}
const colourWords = new Set(
  'blue orange turquoise green golden silver yellow pink black white ivory navy mint copper rainbow lavender crimson mustard olive brown gray peach striped spotted tartan glittering transparent glowing marbled floral metallic'.split(
    ' ',
  ),
);

function distinct(prompts: readonly string[], n: number): number {
  const seen = new Set<string>();
  let total = 0;
  for (const prompt of prompts) {
    const words = wordsOf(prompt);
    for (let i = n; i <= words.length; i++) {
      seen.add(words.slice(i - n, i).join(' '));
      total++;
    }
  }
  return total === 0 ? 0 : seen.size / total;
}

/** Judges a set as it stands; nothing is changed. */
export function judgePrompts(prompts: readonly string[], rules: FormRules): Judgement {
  const index = new PromptIndex();
  const findings: Finding[] = [];
  const coverage = Object.fromEntries(contextTypes.map((type) => [type, 0])) as Record<ContextType, number>;
  const lengths = prompts.map((prompt) => rules.tokens(prompt.replace(subjectMark, rules.className ?? 'subject')));
  prompts.forEach((prompt, i) => {
    const find = (fault: Fault, other?: string): void =>
      void findings.push({ line: i + 1, prompt, fault, ...(other !== undefined && { other }) });
    coverage[typeOf(prompt.slice(0, longestLine))]++;
    const fault = formFault(prompt, rules);
    if (fault !== undefined) find(fault, fault === 'unknown word' ? unknownWord(wordsOf(prompt), rules) : undefined);
    const leak = leakOf(prompt);
    if (leak !== undefined) find('evaluation prompt', leak);
    const match = index.match(prompt);
    if (match !== undefined) find(match.exact ? 'duplicate' : 'near duplicate', match.prompt);
    else index.add(prompt);
  });
  return {
    count: prompts.length,
    findings,
    distinct1: distinct(prompts, 1),
    distinct2: distinct(prompts, 2),
    meanTokens: lengths.reduce((a, b) => a + b, 0) / Math.max(1, lengths.length),
    mostTokens: Math.max(0, ...lengths),
    coverage,
  };
}
