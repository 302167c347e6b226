/** CLIP's byte-pair tokenizer, with placeholder tokens that stand for one or more learned vectors. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { UserError, internal } from '../errors.ts';

export const startToken = '<|startoftext|>';
export const endToken = '<|endoftext|>';

/** A new word and the ids, one per vector, that follow the vocabulary. */
export interface Placeholder {
  token: string;
  ids: readonly number[];
  /** Rows of the table that belong to it: more than its ids where layers have rows of their own. */
  rows: number;
}

type Word = Pick<Placeholder, 'token' | 'ids'>;

type Ids = Readonly<Record<string, number>>;

/** What a CLIP vocabulary is extended by. */
interface Extension {
  /** Words that the model was given after it was trained, as `load_textual_inversion` does: ids that follow the vocabulary's. */
  added?: Ids;
  placeholders?: readonly Placeholder[];
  padding?: string;
}

/** Byte pairs: what is used of the tokenizers library. */
interface BytePairs {
  encode: (text: string, options: { add_special_tokens: boolean }) => { ids: number[] };
}

/** Unicode's white space, which is what \s means to the tokenizers library; JavaScript's \s differs by U+0085 and U+FEFF. */
const space = '\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';

/** tokenizer.json's content for a CLIP vocabulary, as transformers' CLIPTokenizerFast writes it. */
function definition(vocab: Record<string, number>, merges: readonly string[]): object {
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: {
      type: 'Sequence',
      normalizers: [{ type: 'NFC' }, { type: 'Replace', pattern: { Regex: `[${space}]+` }, content: ' ' }, { type: 'Lowercase' }],
    },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        {
          type: 'Split',
          pattern: { Regex: `'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^${space}\\p{L}\\p{N}]+` },
          behavior: 'Removed',
          invert: true,
        },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
      ],
    },
    post_processor: null,
    decoder: null,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: endToken,
      continuing_subword_prefix: '',
      end_of_word_suffix: '</w>',
      fuse_unk: false,
      vocab,
      merges,
    },
  };
}

export class ClipTokenizer {
  readonly start: number;
  readonly end: number;
  readonly vocabularySize: number;
  readonly placeholders: readonly Placeholder[];
  /** What fills a prompt up: the end token in CLIP, "!" in Stable Diffusion 2. */
  readonly padding: number;
  readonly paddingToken: string;
  /** Words that were added to the vocabulary, and their ids. */
  readonly added: Ids;
  private readonly inner: BytePairs;
  private readonly vocab: Ids;
  private readonly merges: readonly string[];

  constructor(
    vocab: Ids,
    merges: readonly string[],
    { added = {}, placeholders = [], padding = endToken }: Extension = {},
    inner?: BytePairs,
  ) {
    const id = (token: string): number => vocab[token] ?? fail(token);
    this.start = id(startToken);
    this.end = id(endToken);
    this.vocabularySize = Object.keys(vocab).length + Object.keys(added).length;
    this.vocab = vocab;
    this.merges = merges;
    this.added = added;
    this.placeholders = placeholders;
    this.padding = id(padding);
    this.paddingToken = padding;
    this.inner = inner ?? new HuggingFaceTokenizer(definition(vocab, merges) as never, {} as never);
  }

  /** What vocab.json and merges.txt hold. */
  get definition(): { vocab: Ids; merges: readonly string[] } {
    return { vocab: this.vocab, merges: this.merges };
  }

  private with(change: Extension): ClipTokenizer {
    const { added, placeholders, paddingToken: padding } = this;
    return new ClipTokenizer(this.vocab, this.merges, { added, placeholders, padding, ...change }, this.inner);
  }

  /** The same tokenizer with one placeholder more, of `vectors` new ids out of `rows` that are taken. */
  withPlaceholder(token: string, vectors: number, rows: number = vectors): ClipTokenizer {
    const taken = this.placeholders.reduce((sum, placeholder) => sum + placeholder.rows, 0);
    const ids = Array.from({ length: vectors }, (_, i) => this.vocabularySize + taken + i);
    return this.with({ placeholders: [...this.placeholders, { token, ids, rows }] });
  }

  /** The same tokenizer, filling prompts up with another of its tokens. */
  withPadding(padding: string): ClipTokenizer {
    return this.with({ padding });
  }

  /** Ids of a text, without start and end. */
  encode(text: string): number[] {
    return this.split(text).flatMap((part) =>
      typeof part === 'string' ? (part === '' ? [] : this.inner.encode(part, { add_special_tokens: false }).ids) : part.ids,
    );
  }

  /** Ids of a word; of a token of the vocabulary that is no word of its own ("ktn", which words only begin with), its id. */
  idsOf(word: string): number[] {
    const ids = this.encode(word);
    const own = Object.hasOwn(this.vocab, word) ? this.vocab[word] : undefined;
    return ids.length === 1 || own === undefined ? ids : [own];
  }

  /** A text, and the placeholders, added words and special tokens in it, in order; the longest that fits, as transformers does. */
  private split(text: string): (string | Word)[] {
    const known = { ...this.added, [startToken]: this.start, [endToken]: this.end };
    const words: Word[] = [...Object.entries(known).map(([token, id]) => ({ token, ids: [id] })), ...this.placeholders];
    let parts: (string | Word)[] = [text];
    for (const word of words.toSorted((a, b) => b.token.length - a.token.length))
      parts = parts.flatMap((part) =>
        typeof part === 'string' ? part.split(word.token).flatMap((piece, i) => (i === 0 ? [piece] : [word, piece])) : [part],
      );
    return parts;
  }

  /** Start, the text, end, padded to `length`. What does not fit is cut. */
  pad(text: string, length: number, pad: number = this.padding): Int32Array {
    const ids = [this.start, ...this.encode(text).slice(0, length - 2), this.end];
    return Int32Array.from({ length }, (_, i) => ids[i] ?? pad);
  }

  isSpecial(id: number): boolean {
    return id === this.start || id === this.end;
  }
}

function fail(token: string): never {
  throw new UserError(`the tokenizer's vocabulary has no ${token}: this is not a CLIP tokenizer`);
}

const given = (folder: string, name: string): boolean => existsSync(join(folder, name));

/** Whether a folder holds a tokenizer that `readTokenizer` reads. */
export const isTokenizerFolder = (folder: string): boolean =>
  (given(folder, 'vocab.json') && given(folder, 'merges.txt')) || given(folder, 'tokenizer.json');

async function readJson(path: string): Promise<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // told below
  }
  throw new UserError(`${path} is not a JSON object: fetch the tokenizer again`);
}

/** The vocabulary and merges of a folder: vocab.json and merges.txt, else what tokenizer.json says. */
async function readVocabulary(folder: string): Promise<{ vocab: Record<string, number>; merges: string[] }> {
  if (!isTokenizerFolder(folder))
    throw new UserError(`${folder} holds no CLIP tokenizer: vocab.json and merges.txt, or tokenizer.json, are expected`);
  const bad = (name: string): UserError => new UserError(`${join(folder, name)} is no CLIP vocabulary: fetch the tokenizer again`);
  const isVocabulary = (value: unknown): value is Record<string, number> =>
    typeof value === 'object' && value !== null && Object.values(value).every((id) => Number.isSafeInteger(id));
  if (given(folder, 'vocab.json') && given(folder, 'merges.txt')) {
    const vocab = await readJson(join(folder, 'vocab.json'));
    if (!isVocabulary(vocab)) throw bad('vocab.json');
    const lines = (await readFile(join(folder, 'merges.txt'), 'utf8')).split(/\r?\n/);
    return { vocab, merges: lines.filter((line) => line !== '' && !line.startsWith('#version')) };
  }
  const { model } = await readJson(join(folder, 'tokenizer.json'));
  const { vocab, merges } = (model ?? {}) as { vocab?: unknown; merges?: unknown };
  if (!isVocabulary(vocab) || !Array.isArray(merges)) throw bad('tokenizer.json');
  return { vocab, merges: merges.map((merge: unknown) => (Array.isArray(merge) ? merge.join(' ') : String(merge))) };
}

/** Words that were added to a vocabulary, by what of a folder's files tells them: transformers has written three kinds. */
async function readAdded(folder: string, vocab: Ids): Promise<Ids> {
  const read = async (name: string): Promise<Record<string, unknown>> => (given(folder, name) ? readJson(join(folder, name)) : {});
  const listed = Object.values((await read('tokenizer.json')).added_tokens ?? {}) as ({ content?: unknown; id?: unknown } | null)[];
  const decoder = Object.entries((await read('tokenizer_config.json')).added_tokens_decoder ?? {}) as [
    string,
    { content?: unknown } | null,
  ][];
  const told = [
    ...listed.map((token) => [token?.content, token?.id]),
    ...decoder.map(([id, token]) => [token?.content, Number(id)]),
    ...Object.entries(await read('added_tokens.json')),
  ] as [string, number][];
  const added = Object.fromEntries(told.filter(([token]) => !Object.hasOwn(vocab, token)));
  const first = Object.keys(vocab).length;
  const ids = Object.values(added).toSorted((a, b) => a - b);
  if (ids.some((id, i) => id !== first + i) || '' in added)
    throw new UserError(
      `${folder}: the words that were added to the vocabulary have ids ${ids.join(', ')}, where ${first} and what follows are expected: fetch the tokenizer again`,
    );
  return added;
}

/** The token that fills prompts up, where a folder names it: transformers lets special_tokens_map.json overrule the other file. */
async function readPadding(folder: string): Promise<string | undefined> {
  for (const name of ['special_tokens_map.json', 'tokenizer_config.json']) {
    if (!given(folder, name)) continue;
    const token = (await readJson(join(folder, name))).pad_token;
    const content = typeof token === 'object' && token !== null ? (token as { content?: unknown }).content : token;
    if (typeof content === 'string') return content;
  }
  return undefined;
}

/** Reads a CLIP tokenizer's folder. Throws a UserError where there is none in it. */
export async function readTokenizer(folder: string): Promise<ClipTokenizer> {
  const { vocab, merges } = await readVocabulary(folder);
  const padding = await readPadding(folder);
  return new ClipTokenizer(vocab, merges, { added: await readAdded(folder, vocab), ...(padding !== undefined && { padding }) });
}

/** GPT-2's map from bytes to printable characters. */
function byteSymbols(): string[] {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) =>
    String.fromCharCode((byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174 ? byte : next++),
  );
}

/** Byte-pair merges learned until every word of the corpus is one token: a vocabulary in CLIP's format. */
export function trainBpe(corpus: Iterable<string>): { vocab: Record<string, number>; merges: string[] } {
  const counts = new Map<string, number>();
  for (const text of corpus)
    for (const word of text.toLowerCase().match(/\p{L}+|\p{N}|[^\s\p{L}\p{N}]+/gu) ?? []) counts.set(word, (counts.get(word) ?? 0) + 1);
  const words = [...counts]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([word, count]) => ({ parts: Array.from(word).map((c, i, all) => (i === all.length - 1 ? `${c}</w>` : c)), count }));
  if (words.some(({ parts }) => parts.some((part) => part.charCodeAt(0) > 126))) throw internal('the BPE trainer takes ASCII words');
  const merges: string[] = [];
  for (;;) {
    const pairs = new Map<string, number>();
    for (const { parts, count } of words)
      for (let i = 1; i < parts.length; i++)
        pairs.set(`${parts[i - 1]} ${parts[i]}`, (pairs.get(`${parts[i - 1]} ${parts[i]}`) ?? 0) + count);
    let best: string | undefined;
    for (const [pair, count] of pairs)
      if (best === undefined || count > pairs.get(best)! || (count === pairs.get(best)! && pair < best)) best = pair;
    if (best === undefined) break;
    merges.push(best);
    const [left, right] = best.split(' ') as [string, string];
    for (const word of words)
      for (let i = 1; i < word.parts.length; i++)
        if (word.parts[i - 1] === left && word.parts[i] === right) word.parts.splice(i - 1, 2, left + right);
  }
  const symbols = byteSymbols().toSorted();
  const tokens = [...symbols, ...symbols.map((s) => `${s}</w>`), ...merges.map((pair) => pair.replace(' ', '')), startToken, endToken];
  return { vocab: Object.fromEntries([...new Set(tokens)].map((token, i) => [token, i])), merges };
}
