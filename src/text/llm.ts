/** Prompt sets from a language model behind any OpenAI-compatible endpoint. */
import OpenAI, { APIConnectionError, APIConnectionTimeoutError, APIError } from 'openai';
import { setTimeout as wait } from 'node:timers/promises';
import { UserError } from '../errors.ts';
import { formFault } from './form.ts';
import type { FormRules } from './form.ts';
import type { ContextType, TypedPrompt } from './grammar/grammar.ts';
import { leakOf, PromptIndex } from './likeness.ts';
import { answerLines, tidyLine } from './llm-answer.ts';

export interface LlmOptions {
  url: string;
  model: string;
  /** From the environment; local servers take none. */
  apiKey: string | undefined;
  className: string;
  conceptOf?: string;
  count: number;
  types: readonly ContextType[];
  rules: FormRules;
  seed?: number;
  /** Prompts of an earlier, interrupted request. */
  known?: readonly TypedPrompt[];
  /** Milliseconds that one answer may take. */
  timeout?: number;
  /** Requests a type that may bring nothing new before it is given up. */
  rounds?: number;
  /** First pause after a failure in milliseconds; it doubles. */
  backoff?: number;
  signal?: AbortSignal;
}

export interface LlmUsage {
  requests: number;
  retries: number;
  promptTokens: number;
  completionTokens: number;
  /** In the server's own unit, where it reports one. */
  cost: number | undefined;
}

export type LlmEvent =
  | { kind: 'prompts'; prompts: TypedPrompt[]; total: number; usage: LlmUsage }
  | { kind: 'retry'; reason: string; seconds: number; attempt: number };

export interface LlmResult {
  prompts: TypedPrompt[];
  usage: LlmUsage;
  /** Lines that were not taken, by reason. */
  dropped: Record<string, number>;
}

const perRequest = 25;
const attempts = 6;
const longestPause = 30_000;
const longestAnswer = 4 * 1024 * 1024;

const about: Record<ContextType, string> = {
  background: 'places and backgrounds: where {subject} is, indoors and outdoors, near and far, at different hours and weathers',
  action: 'actions: what {subject} does, or what is done to it, that only such a thing could',
  variation: 'variations of the subject: its age, size, condition, pose, mood',
  property: 'properties: its colour, material, texture, pattern or shape is changed',
  outfit: 'outfits and accessories: what {subject} wears, carries or is decorated with',
  style: 'styles: {subject} as a painting, drawing, print, sculpture or film still, by different techniques and eras',
  relation: 'relations: {subject} together with other objects, animals or people, and where they stand to each other',
  viewpoint: 'viewpoints: from where and how the camera sees {subject}: distance, angle, framing, focus, light',
};

const schema = {
  name: 'prompts',
  strict: true,
  schema: {
    type: 'object',
    properties: { prompts: { type: 'array', items: { type: 'string' } } },
    required: ['prompts'],
    additionalProperties: false,
  },
} as const;

function question(options: LlmOptions, type: ContextType, count: number, avoid: readonly string[]): string {
  const { className, conceptOf } = options;
  return [
    `Write ${count} captions of imagined photographs and pictures of one particular ${className}.`,
    `Write {subject} where the ${className} stands, exactly once in each caption, with an article before it: "a {subject} …". Do not write the word ${className} itself.`,
    `This time vary ${about[type]}.`,
    ...(conceptOf === undefined
      ? []
      : [`Every caption also shows a ${conceptOf} that has to do with it, as in "a ${conceptOf} next to a {subject}".`]),
    'Each caption is one plain English phrase of 4 to 20 words, without names of brands, markup, quotes or numbering, and unlike all others in its nouns and verbs.',
    ...(options.rules.words === undefined
      ? []
      : [`The reader knows these words and no others, not even other forms of them: ${[...options.rules.words].join(' ')}.`]),
    ...(avoid.length === 0 ? [] : [`These exist already; do not repeat or paraphrase them:\n${avoid.join('\n')}`]),
    'Answer with JSON: {"prompts": ["…", "…"]}.',
  ].join('\n');
}

/** fetch that follows no redirect and reads no more than an answer can need, so that a timeout covers the whole of it. */
const boundedFetch: typeof fetch = async (url, init) => {
  const response = await fetch(url, { ...init, redirect: 'error' });
  const parts: Uint8Array[] = [];
  let size = 0;
  if (response.body !== null)
    for await (const part of response.body as unknown as AsyncIterable<Uint8Array>) {
      size += part.length;
      if (size > longestAnswer) throw new Error(`the answer is longer than ${longestAnswer / 1024 / 1024} MiB`);
      parts.push(part);
    }
  return new Response(parts.length === 0 ? null : Buffer.concat(parts), { status: response.status, headers: response.headers });
};

/** An answer that a server of this protocol does not give. */
class ForeignAnswer extends Error {}

const isPage = (text: string): boolean => /^\s*(\d{3} )?\s*<(!|html|head|body|\?xml)/i.test(text);

/** The text of an answer; throws where it is none of the protocol's. */
function textOf(answer: unknown): string {
  if (typeof answer === 'string' && isPage(answer)) throw new ForeignAnswer('a web page');
  let json = answer;
  if (typeof answer === 'string')
    try {
      json = JSON.parse(answer);
    } catch {
      throw new ForeignAnswer('what is not JSON');
    }
  const message = (json as { choices?: { message?: { content?: unknown } | null }[] } | null | undefined)?.choices?.[0]?.message;
  if (typeof message?.content === 'string') return message.content;
  if (typeof message === 'object' && message !== null) throw new Error('a message without text');
  throw new ForeignAnswer(`JSON of another shape than the protocol's: ${JSON.stringify(json) ?? 'nothing'}`);
}

/** The code, or else the innermost message, of why a connection failed: fetch itself says only that it did. */
function failureOf(error: Error): string {
  let message = error.message;
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if (typeof (at as NodeJS.ErrnoException).code === 'string') return (at as NodeJS.ErrnoException).code!;
    if (at.message !== '') message = at.message;
  }
  return message;
}

/** `retry`: worth another try; `foreign`: that too, but the address is in doubt; `format`: the server does not know the answer's format; otherwise the request is at fault. */
function sort(error: unknown): { kind: 'retry' | 'foreign' | 'format' | 'fatal'; reason: string; pause?: number } {
  if (error instanceof APIConnectionTimeoutError) return { kind: 'retry', reason: 'no answer in time' };
  if (error instanceof APIConnectionError) return { kind: 'retry', reason: failureOf(error) };
  if (error instanceof APIError) {
    const status = (error.status as number | undefined) ?? 0;
    const after = Number((error.headers as Headers | undefined)?.get('retry-after') ?? Number.NaN);
    const pause = Number.isFinite(after) && after >= 0 ? { pause: 1000 * after } : {};
    if (status === 408 || status === 409 || status === 429 || status >= 500) return { kind: 'retry', reason: `status ${status}`, ...pause };
    const reason = isPage(error.message) ? `status ${status} and a web page` : error.message;
    return { kind: status === 400 || status === 422 ? 'format' : 'fatal', reason };
  }
  if (error instanceof ForeignAnswer) return { kind: 'foreign', reason: error.message };
  if (error instanceof SyntaxError) return { kind: 'foreign', reason: 'what is not JSON' };
  return { kind: 'retry', reason: error instanceof Error ? error.message : String(error) };
}

/** Asks type by type until the set is full. Throws a UserError (status 1) that says what the endpoint did where it cannot be. */
export async function* llmPrompts(options: LlmOptions): AsyncGenerator<LlmEvent, LlmResult> {
  const { url, model, apiKey, className, count, types, rules, rounds = 6, timeout = 60_000, backoff = 500, signal } = options;
  const client = new OpenAI({
    baseURL: url.replace(/\/+$/, ''),
    apiKey: apiKey ?? 'none',
    maxRetries: 0,
    timeout,
    logLevel: 'off',
    fetch: boundedFetch,
    organization: null,
    project: null,
  });
  const clean = (text: string): string => {
    // oxlint-disable-next-line no-control-regex -- a server's message may hold anything
    const line = (apiKey === undefined ? text : text.replaceAll(apiKey, '…')).replace(/[\u0000-\u001f\u007f-\u009f\s]+/g, ' ').trim();
    return line.length > 160 ? `${line.slice(0, 160)}…` : line;
  };
  const usage: LlmUsage = { requests: 0, retries: 0, promptTokens: 0, completionTokens: 0, cost: undefined };
  const dropped: Record<string, number> = {};
  const drop = (reason: string): void => void (dropped[reason] = (dropped[reason] ?? 0) + 1);
  const index = new PromptIndex();
  const prompts: TypedPrompt[] = [];
  const counts = new Map(types.map((type) => [type, 0]));
  const have = (type: ContextType): number => counts.get(type) ?? 0;
  const shares = new Map(types.map((type, i) => [type, Math.floor(count / types.length) + (i < count % types.length ? 1 : 0)]));
  const lacks = (type: ContextType): number => (shares.get(type) ?? 0) - have(type);
  const take = (one: TypedPrompt): boolean => {
    const { prompt, type } = one;
    const fault = formFault(prompt, rules);
    const match = fault === undefined ? index.match(prompt) : undefined;
    const reason =
      fault ??
      (leakOf(prompt) === undefined
        ? match === undefined
          ? undefined
          : match.exact
            ? 'duplicate'
            : 'near duplicate'
        : 'evaluation prompt');
    if (reason !== undefined) {
      drop(reason);
      return false;
    }
    index.add(prompt);
    prompts.push(one);
    counts.set(type, have(type) + 1);
    return true;
  };
  /** What came beyond a type's share, for when the other types have nothing more to say. */
  const surplus = new Map<ContextType, TypedPrompt[]>();
  const lay = (one: TypedPrompt): void => {
    if (!surplus.has(one.type)) surplus.set(one.type, []);
    surplus.get(one.type)!.push(one);
  };
  const known = new Set(options.known);
  for (const one of known)
    if (lacks(one.type) > 0) take(one);
    else lay(one);

  const ending = /\/v1\/*$/.test(url) ? '' : ' (does it end in /v1?)';
  let format: 'schema' | 'object' | 'none' = 'schema';
  const ask = async function* (content: string): AsyncGenerator<LlmEvent, string> {
    for (let attempt = 1; ; attempt++) {
      signal?.throwIfAborted();
      usage.requests++;
      // The client never takes its listener off the signal that it is given, so each request has one of its own.
      const request = new AbortController();
      const abort = (): void => request.abort();
      signal?.addEventListener('abort', abort);
      try {
        const answer = await client.chat.completions.create(
          {
            model,
            messages: [
              { role: 'system', content: 'You write short, varied, literal image captions in British English. You answer with JSON only.' },
              { role: 'user', content },
            ],
            temperature: 1,
            seed: (options.seed ?? 0) + usage.requests,
            ...(format === 'schema' && { response_format: { type: 'json_schema', json_schema: schema } }),
            ...(format === 'object' && { response_format: { type: 'json_object' } }),
          },
          { signal: request.signal },
        );
        const spent =
          (answer as { usage?: { prompt_tokens?: unknown; completion_tokens?: unknown; cost?: unknown } | null } | null)?.usage ?? {};
        const number = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) ? value : 0);
        usage.promptTokens += number(spent.prompt_tokens);
        usage.completionTokens += number(spent.completion_tokens);
        if (typeof spent.cost === 'number') usage.cost = (usage.cost ?? 0) + spent.cost;
        return textOf(answer);
      } catch (error) {
        signal?.throwIfAborted();
        const { kind, reason, pause } = sort(error);
        if (kind === 'format' && format !== 'none') {
          format = format === 'schema' ? 'object' : 'none';
          continue;
        }
        if (kind !== 'retry' && kind !== 'foreign')
          throw new UserError(
            `--llm ${url} refuses the request (${clean(reason)}): check the address${ending}, --llm-model ${model} and OPENAI_API_KEY`,
            1,
          );
        if (attempt === attempts) {
          if (kind === 'foreign')
            throw new UserError(
              `--llm ${url} answers with ${clean(reason)} (${attempts} attempts): the address is probably wrong${ending}`,
              1,
            );
          const unreachable = /ECONN|ENOTFOUND|EAI_AGAIN|EHOST|ENETUNREACH|SSL|CERT|fetch failed|bad port|redirect/.test(reason);
          throw new UserError(
            `--llm ${url} ${unreachable ? 'cannot be reached' : 'does not answer'} (${clean(reason)}, ${attempts} attempts): ${unreachable ? 'start the server or check the address' : 'try again later'}`,
            1,
          );
        }
        usage.retries++;
        const milliseconds = Math.min(longestPause, pause ?? backoff * 2 ** (attempt - 1));
        yield { kind: 'retry', reason: clean(reason), seconds: milliseconds / 1000, attempt };
        await wait(milliseconds, undefined, { ...(signal !== undefined && { signal }) });
      } finally {
        signal?.removeEventListener('abort', abort);
      }
    }
  };

  const idle = new Map(types.map((type) => [type, 0]));
  while (prompts.length < count) {
    const live = types.filter((type) => idle.get(type)! < rounds);
    const below = live.filter((type) => lacks(type) > 0);
    if (below.length === 0) {
      const fresh: TypedPrompt[] = [];
      while (prompts.length < count) {
        const left = [...surplus].filter(([, ones]) => ones.length > 0).toSorted(([a], [b]) => have(a) - have(b))[0];
        if (left === undefined) break;
        const one = left[1].shift()!;
        if (take(one) && !known.has(one)) fresh.push(one);
      }
      if (fresh.length > 0) yield { kind: 'prompts', prompts: fresh, total: prompts.length, usage: { ...usage } };
      if (prompts.length === count || live.length === 0) break;
    }
    // The type that has fewest prompts is asked next; more than its share is taken only where no other is below its own.
    const asked = below.length > 0 ? below : live;
    const type = asked.toSorted((a, b) => have(a) + idle.get(a)! - have(b) - idle.get(b)!)[0]!;
    const room = below.length > 0 ? Math.min(lacks(type), count - prompts.length) : Math.ceil((count - prompts.length) / live.length);
    const wanted = Math.min(perRequest, Math.max(5, room));
    const recent = prompts.filter((one) => one.type === type).slice(-30);
    const answer = yield* ask(
      question(
        options,
        type,
        wanted,
        recent.map((one) => one.prompt),
      ),
    );
    const fresh: TypedPrompt[] = [];
    for (const line of answerLines(answer).slice(0, 4 * perRequest)) {
      const one = { prompt: tidyLine(line, className), type };
      if (one.prompt === '') continue;
      if (fresh.length === room) lay(one);
      else if (take(one)) fresh.push(one);
    }
    idle.set(type, fresh.length === 0 ? idle.get(type)! + 1 : 0);
    yield { kind: 'prompts', prompts: fresh, total: prompts.length, usage: { ...usage } };
  }
  if (prompts.length < count) {
    const why = Object.entries(dropped)
      .map(([reason, n]) => `${n} ${reason}`)
      .join(', ');
    throw new UserError(
      `--llm ${url}: ${prompts.length} of ${count} prompts after ${rounds} rounds a type without anything new${why === '' ? '' : ` (left out: ${why})`}: ask for fewer with --count, or another --llm-model`,
      1,
    );
  }
  return { prompts, usage, dropped };
}
