/** Captions that a contextualizer is pretrained on: the grammar's, a text file's, COCO's. */
import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { setImmediate as turn } from 'node:timers/promises';
import { UserError } from '../errors.ts';
import { Random } from '../graph/random.ts';
import { grammarPrompts } from '../text/grammar/grammar.ts';
import { subjectMark, withSubject } from '../text/prompts.ts';
import { captionsOf, scenesOf } from './data.ts';

/** Common nouns of every kind that the grammar knows. */
const grammarClasses =
  `dog; cat; horse; rabbit; elephant; lion; cow; bird; owl; duck; goldfish; turtle; butterfly; man; woman; boy; girl; child; person; teddy bear; doll; toy; robot; toy car;
  rubber duck; monster; car; bus; bicycle; boat; plane; house; castle; lighthouse; backpack; handbag; suitcase; boot; sneaker; glasses; sunglasses; hat; jacket; dress; watch; ring; bowl; plate; vase; teapot;
  can; bottle; cup; mug; candle; clock; lamp; chair; sofa; table; bed; cake; pizza; bread; apple; flower; tree; cactus; camera; phone; laptop; guitar; violin; piano; book; umbrella; ball; pillow; key; shoe; sculpture`
    .split(';')
    .map((name) => name.trim());

/** `each` captions of every class of a list of common nouns, the noun in the subject's place. */
export async function grammarCorpus(each: number, seed: number): Promise<string[]> {
  const out: string[] = [];
  for (const name of grammarClasses) {
    out.push(...grammarPrompts(name, { count: each, seed }).map(({ prompt }) => withSubject(prompt, name)));
    await turn();
  }
  return out;
}

/** Captions of the embedded model's world: scenes at random, as its training draws them. */
const worldCorpus = (seed: number): string[] => captionsOf(scenesOf(seed, 30_000), seed);

/** A file's text. Throws a UserError that names the first line with bytes that are none of UTF-8, or none of text. */
function utf8Text(bytes: Buffer, path: string): string {
  const isText = (part: Buffer): boolean => isUtf8(part) && !part.includes(0);
  if (isText(bytes)) return bytes.toString('utf8').replace(/^\uFEFF/, '');
  let line = 1;
  for (let from = 0; ; line++) {
    const end = bytes.indexOf(10, from);
    if (end < 0 || !isText(bytes.subarray(from, end))) break;
    from = end + 1;
  }
  throw new UserError(`--corpus ${path}: line ${line} is not UTF-8: save the file as UTF-8, or name another`);
}

function cocoCaptions(text: string, path: string): string[] {
  const bad = (): UserError =>
    new UserError(
      `--corpus ${path} is no COCO captions file: JSON with annotations, each with a caption, is expected, or a text file with one caption a line`,
    );
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw bad();
  }
  const { annotations } = (json ?? {}) as { annotations?: unknown };
  if (!Array.isArray(annotations)) throw bad();
  return annotations.map((one: unknown) => {
    const { caption } = (one ?? {}) as { caption?: unknown };
    if (typeof caption !== 'string') throw bad();
    return caption;
  });
}

export interface Corpus {
  captions: string[];
  /** How many each source gave. */
  sources: Record<string, number>;
}

/** Grammar captions of each class, where the grammar is a source. */
const grammarEach = 250;
const fewest = 10;

/**
 * The captions of several sources, each once: `grammar`, `world` (the embedded model's), COCO captions (.json) or a text file with one
 * a line. Throws a UserError where a source cannot be read, is empty, is not UTF-8 or holds the concept's token.
 */
export async function readCorpora(sources: readonly string[], options: { token: string; seed: number }): Promise<Corpus> {
  const seen = new Set<string>();
  const counts: Record<string, number> = {};
  for (const source of sources) {
    const before = seen.size;
    if (source === 'world') for (const caption of worldCorpus(options.seed)) seen.add(caption);
    else if (source === 'grammar') for (const caption of await grammarCorpus(grammarEach, options.seed)) seen.add(caption);
    else {
      const bytes = await readFile(source).catch(() => {
        throw new UserError(`--corpus ${source} cannot be read: name a text file with one caption a line, COCO captions, grammar or world`);
      });
      const text = utf8Text(bytes, source);
      const lines = source.endsWith('.json') ? cocoCaptions(text, source) : text.split(/\r?\n/);
      lines.forEach((line, i) => {
        const caption = line.trim().replace(/\s+/g, ' ');
        const mark = [options.token, subjectMark].find((one) => caption.includes(one));
        if (mark !== undefined)
          throw new UserError(
            `--corpus ${source}: ${source.endsWith('.json') ? 'caption' : 'line'} ${i + 1} holds ${mark}: a contextualizer is pretrained without the concept, on captions of ordinary words`,
          );
        if (caption !== '') seen.add(caption);
      });
    }
    counts[source] = seen.size - before;
    if (seen.size === before)
      throw new UserError(`--corpus ${source} holds no captions${before === 0 ? '' : ' of its own'}: one a line is expected`);
  }
  if (seen.size < fewest)
    throw new UserError(
      `--corpus ${sources.join(', ')}: ${seen.size} captions are too few to learn from and to hold some out: at least ${fewest} are needed`,
    );
  return { captions: [...seen], sources: counts };
}

/** A share of the captions held out, by the seed alone; the rest to train on. */
export function holdOut(captions: readonly string[], share: number, seed: number): { training: string[]; heldOut: string[] } {
  const order = new Random(seed).fork('held-out').permutation(captions.length);
  const count = Math.min(2048, Math.max(1, Math.round(share * captions.length)));
  const picked = Array.from(order, (i) => captions[i]!);
  return { heldOut: picked.slice(0, count), training: picked.slice(count) };
}
