import { followed } from '../events.ts';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { defineCommand } from 'citty';
import { UserError } from '../errors.ts';
import { meanPairwiseDistance } from '../evaluation/text-diversity.ts';
import { writeAtomically } from '../files/atomic.ts';
import { loadModel } from '../models/load.ts';
import type { DiffusionModel } from '../models/load.ts';
import { assetPath, version } from '../package.ts';
import { clipRoom, estimatedTokens, formFault } from '../text/form.ts';
import type { FormRules } from '../text/form.ts';
import { contextTypes, grammarPrompts, grammarVersion } from '../text/grammar/grammar.ts';
import type { ContextType, TypedPrompt } from '../text/grammar/grammar.ts';
import { lookUp } from '../text/grammar/lexicon.ts';
import { llmPrompts } from '../text/llm.ts';
import type { LlmResult } from '../text/llm.ts';
import { PartialPrompts } from '../text/partial.ts';
import { promptLines, quoted, subjectMark, withSubject } from '../text/prompts.ts';
import { judgePrompts, typeOf } from '../text/quality.ts';
import type { Judgement } from '../text/quality.ts';
import { promptSet, specificPrompts, worldWords } from '../world/captions.ts';
import { isWorldClass } from './customize.ts';
import { interruptible, numberFlag, openEngine, Progress, say, sharedFlags } from './terminal.ts';

interface Made {
  prompts: TypedPrompt[];
  generator: Record<string, unknown>;
  partial?: PartialPrompts | undefined;
}

/** A noun phrase that may stand in a prompt. */
function nounFlag(name: string, text: string): string {
  const words = text.trim().replace(/\s+/g, ' ');
  if (!/^\p{L}[\p{L}\p{N}' -]{0,39}$/u.test(words))
    throw new UserError(`--${name} ${JSON.stringify(text)}: a noun is expected, such as dog or teapot, in letters and at most 40 of them`);
  return words;
}

function typesFlag(text: string | undefined): readonly ContextType[] {
  if (text === undefined) return contextTypes;
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !(contextTypes as readonly string[]).includes(name));
  if (unknown !== undefined) throw new UserError(`--types ${unknown}: some of ${contextTypes.join(', ')} are expected, parted by commas`);
  return [...new Set(names)] as ContextType[];
}

/** The address without anything secret, for the provenance. */
function hostOf(url: string): string {
  try {
    const { protocol, host } = new URL(url);
    if (protocol === 'http:' || protocol === 'https:') return host;
  } catch {
    // told below
  }
  throw new UserError(`--llm ${url}: the address of an OpenAI-compatible endpoint is expected, such as http://localhost:11434/v1`);
}

function table(judgement: Judgement, distance: number | undefined, estimated: boolean): string {
  const { count, distinct1, distinct2, meanTokens, mostTokens, coverage } = judgement;
  const rows = Object.entries(coverage).map(
    ([type, n]) => `  ${type.padEnd(12)} ${String(n).padStart(5)}  ${((100 * n) / Math.max(1, count)).toFixed(0).padStart(3)} %`,
  );
  return [
    `${count} prompts, ${meanTokens.toFixed(1)} tokens on average, ${mostTokens} at most${estimated ? ' (estimated; --model counts them)' : ''}`,
    `distinct-1 ${distinct1.toFixed(3)}, distinct-2 ${distinct2.toFixed(3)}${distance === undefined ? '' : `, mean pairwise distance ${distance.toFixed(3)}`}`,
    ...rows,
  ].join('\n');
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

export const prompts = defineCommand({
  meta: { name: 'prompts', description: 'a contextually diverse prompt set for a class, or a judgement of one' },
  args: {
    class: { type: 'string', description: 'what the subject is: dog, teapot, berry bowl, …' },
    count: { type: 'string', description: 'how many prompts', default: '200' },
    out: { type: 'string', description: 'file for the prompts, one a line; FILE.json tells where they come from' },
    types: { type: 'string', description: `types of context, parted by commas: ${contextTypes.join(', ')}; all` },
    'concept-of': {
      type: 'string',
      description:
        'another concept of the same pictures, such as man: each prompt shows both; with --model tiny, what is said of --class alone',
    },
    like: { type: 'string', description: 'a class whose vocabulary suits, where the grammar does not know --class' },
    llm: { type: 'string', description: 'address of an OpenAI-compatible endpoint; its key is in OPENAI_API_KEY' },
    'llm-model': { type: 'string', description: 'name of the language model' },
    timeout: { type: 'string', description: 'seconds that one answer of the language model may take', default: '60' },
    rounds: { type: 'string', description: 'requests for a type that may bring nothing new', default: '6' },
    check: { type: 'string', description: 'judge this file instead of making one' },
    model: {
      type: 'string',
      description:
        'a model folder, or tiny: count tokens and measure distances with its text encoder; tiny brings its own words, and --llm and --check know no others',
    },
    token: { type: 'string', description: 'placeholder that a file to be checked may have in place of {subject}', default: '<v>' },
    vectors: { type: 'string', description: 'vectors behind the placeholder: they leave room for fewer tokens', default: '1' },
    ...sharedFlags,
  },
  async run({ args }) {
    const types = typesFlag(args.types);
    const count = numberFlag('count', args.count, { min: 1, max: 20_000, integer: true });
    const seed = numberFlag('seed', args.seed, { min: 0, integer: true });
    const vectors = numberFlag('vectors', args.vectors, { min: 1, max: 64, integer: true });
    const className = args.class === undefined ? undefined : nounFlag('class', args.class);
    if (className === undefined && args.check === undefined)
      throw new UserError('--class is missing: say what kind of thing the subject is, such as dog; or judge a file with --check FILE');
    if (args['llm-model'] !== undefined && args.llm === undefined)
      throw new UserError('--llm is missing: give the address of the endpoint that has --llm-model, such as http://localhost:11434/v1');
    const model = args.model === undefined ? undefined : await loadModel(args.model === 'tiny' ? assetPath('tiny') : args.model);
    const rules: FormRules = {
      ...(className !== undefined && { className: className.toLowerCase() }),
      tokens: model === undefined ? estimatedTokens : (text) => model.tokenizer.encode(text).length,
      longest: clipRoom(model?.textEncoder.config.max_position_embeddings ?? 77, vectors),
      ...(args.model === 'tiny' && (args.llm !== undefined || args.check !== undefined) && { words: worldWords() }),
    };

    if (args.check !== undefined) {
      const text = await readFile(args.check, 'utf8').catch(() => {
        throw new UserError(`--check ${args.check} cannot be read: name a text file with one prompt a line`);
      });
      const lines = promptLines(text).map((line) => line.replaceAll(args.token, subjectMark));
      if (lines.length === 0)
        throw new UserError(`--check ${args.check} holds no prompts: one a line is expected, with ${subjectMark} where the subject stands`);
      if (className === undefined) say('whether the class word stands in a prompt is not judged: say with --class what the subject is');
      const judgement = judgePrompts(lines, rules);
      const distance = await distanceOf(model, args.device, lines, className);
      if (args.json === true)
        process.stdout.write(
          `${JSON.stringify({ file: args.check, sha256: sha256(text), ...judgement, ...(distance !== undefined && { distance }) })}\n`,
        );
      else {
        for (const { line, prompt, fault, other } of judgement.findings.slice(0, 50))
          say(`${line}: ${fault}: ${quoted(prompt)}${other === undefined ? '' : ` (${quoted(other).slice(1, -1)})`}`);
        if (judgement.findings.length > 50) say(`… and ${judgement.findings.length - 50} more`);
        process.stdout.write(`${table(judgement, distance, model === undefined)}\n`);
      }
      if (judgement.findings.length > 0)
        throw new UserError(`${args.check}: ${judgement.findings.length} faults in ${lines.length} prompts: mend or remove those lines`, 1);
      return;
    }

    const conceptOf = args['concept-of'] === undefined ? undefined : nounFlag('concept-of', args['concept-of']);
    if (conceptOf !== undefined && formFault(`a ${subjectMark} next to a ${conceptOf}`, rules) === 'class word')
      throw new UserError(
        `--concept-of ${conceptOf}: it has the word of --class ${className}, and the two must differ: name another concept, such as ${className === 'man' ? 'dog' : 'man'}`,
      );
    const like = args.like === undefined ? undefined : nounFlag('like', args.like);
    if (like !== undefined && !lookUp(like).known)
      throw new UserError(`--like ${like}: the grammar does not know this noun: name one that it knows, such as rabbit, car or vase`);
    const taken = args.out === undefined ? undefined : [args.out, `${args.out}.json`].find((path) => existsSync(path));
    if (taken !== undefined) throw new UserError(`${taken} exists already: choose another --out`);
    const shared = { className: className!, count, types, seed, ...(conceptOf !== undefined && { conceptOf }) };
    const started = performance.now();
    let made: Made;
    if (args.llm !== undefined) made = await ask(args, shared, rules);
    else if (args.model === 'tiny' && isWorldClass(className!) && (conceptOf === undefined || isWorldClass(conceptOf))) {
      const set = conceptOf === undefined ? promptSet(className, count, seed) : specificPrompts(className, conceptOf, count, seed);
      if (set.length === 0)
        throw new UserError(
          `--concept-of ${conceptOf}: nothing in the embedded model’s world is said of a ${className} and not of a ${conceptOf}: name a class of another kind`,
        );
      made = { prompts: set.map((prompt) => ({ prompt, type: typeOf(prompt) })), generator: { name: 'world' } };
    } else {
      const fits = (prompt: string): boolean => formFault(prompt, rules) === undefined;
      const set = grammarPrompts(className!, { ...shared, fits, ...(like !== undefined && { like }) });
      made = { prompts: set, generator: { name: 'grammar', version: grammarVersion, ...(like !== undefined && { like }) } };
      const noun = className!.toLowerCase();
      if (set.length < count)
        throw new UserError(
          `--count ${count}: the grammar has ${set.length} different prompts for ${noun}${args.types === undefined ? '' : ` and ${types.join(', ')}`}: ask for fewer, or for more --types`,
        );
    }
    const lines = made.prompts.map(({ prompt }) => prompt);
    const judgement = judgePrompts(lines, rules);
    const distance = await distanceOf(model, args.device, lines, className);
    const text = `${lines.join('\n')}\n`;
    const coverage = Object.fromEntries(types.map((type) => [type, made.prompts.filter((one) => one.type === type).length]));
    const { distinct1, distinct2, meanTokens, mostTokens } = judgement;
    const provenance = {
      generator: made.generator,
      contextura: version,
      class: className,
      ...(conceptOf !== undefined && { conceptOf }),
      seed,
      count: lines.length,
      types: coverage,
      diversity: { distinct1, distinct2, ...(distance !== undefined && { distance }) },
      tokens: { mean: meanTokens, most: mostTokens, counted: model === undefined ? 'estimated' : 'by the model' },
      sha256: sha256(text),
    };
    if (args.out !== undefined) {
      await writeAtomically(args.out, text);
      await writeAtomically(`${args.out}.json`, `${JSON.stringify(provenance, undefined, 2)}\n`);
      await made.partial?.remove();
    }
    if (args.json === true)
      process.stdout.write(`${JSON.stringify({ ...provenance, ...(args.out === undefined ? { prompts: lines } : { out: args.out }) })}\n`);
    else {
      if (args.out === undefined) process.stdout.write(text);
      if (args.quiet !== true)
        say(
          `${table({ ...judgement, coverage: coverage as Judgement['coverage'] }, distance, model === undefined)}\n${((performance.now() - started) / 1000).toFixed(1)} s${args.out === undefined ? '' : `, in ${args.out}`}`,
        );
    }
  },
});

async function distanceOf(
  model: DiffusionModel | undefined,
  device: string,
  lines: readonly string[],
  className = 'object',
): Promise<number | undefined> {
  if (model === undefined) return undefined;
  const engine = openEngine(device);
  const { textEncoder, tokenizer } = model;
  const texts = lines.map((line) => withSubject(line, className));
  const distance = await meanPairwiseDistance(engine, { textEncoder: textEncoder.parameters, text: textEncoder.config, tokenizer }, texts);
  await engine.close();
  return distance;
}

/** Through a language model: progress shown, what has come kept beside --out until the set is whole. */
async function ask(
  args: {
    llm?: string | undefined;
    'llm-model'?: string | undefined;
    timeout: string;
    rounds: string;
    out?: string | undefined;
    quiet?: boolean | undefined;
  },
  request: { className: string; count: number; types: readonly ContextType[]; seed: number; conceptOf?: string },
  rules: FormRules,
): Promise<Made> {
  const url = args.llm!;
  const host = hostOf(url);
  const name = args['llm-model'];
  if (name === undefined) throw new UserError('--llm-model is missing: name the language model that --llm serves');
  const timeout = 1000 * numberFlag('timeout', args.timeout, { min: 0.1, max: 3600 });
  const rounds = numberFlag('rounds', args.rounds, { min: 1, max: 1000, integer: true });
  const partial =
    args.out === undefined
      ? undefined
      : await PartialPrompts.open(`${args.out}.partial.jsonl`, {
          class: request.className,
          types: request.types.join(','),
          model: name,
          ...(request.conceptOf !== undefined && { 'concept-of': request.conceptOf }),
        });
  const progress = new Progress(args.quiet === true);
  const generator = llmPrompts({
    ...request,
    url,
    model: name,
    apiKey: process.env.OPENAI_API_KEY || undefined,
    rules,
    known: partial?.prompts ?? [],
    timeout,
    rounds,
    signal: interruptible(),
  });
  const {
    prompts: set,
    usage,
    dropped,
  }: LlmResult = await followed(generator, (event) => {
    if (event.kind === 'prompts') {
      partial?.add(event.prompts);
      const { promptTokens, completionTokens, cost } = event.usage;
      const spent =
        promptTokens + completionTokens === 0
          ? ''
          : `  ${promptTokens} + ${completionTokens} tokens${cost === undefined ? '' : `, cost ${cost.toFixed(4)}`}`;
      progress.update('prompts', event.total, request.count, spent);
    } else if (args.quiet !== true) say(`${event.reason}: attempt ${event.attempt + 1} in ${event.seconds.toFixed(1)} s`);
  }).catch(async (error: unknown) => {
    if (partial?.count === 0) await partial.remove();
    else if (partial !== undefined && error instanceof UserError) error.message += `; what came so far is kept in ${partial.path}`;
    throw error;
  });
  return { prompts: set, generator: { name: 'llm', model: name, host, usage, leftOut: dropped }, partial };
}
