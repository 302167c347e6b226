import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { defineCommand } from 'citty';
import { wholeModelOf } from '../artefacts/read.ts';
import { parseRecipe, readKeys } from '../config.ts';
import { UserError } from '../errors.ts';
import { picturesLeftOut } from '../files/images.ts';
import { versions } from '../package.ts';
import { customize as learn } from '../trainer/customize.ts';
import { RunFolder } from '../trainer/run-folder.ts';
import { autoBalance } from '../trainer/lambda.ts';
import { grammarPrompts } from '../text/grammar/grammar.ts';
import { promptSet } from '../world/captions.ts';
import { classNames } from '../world/identity.ts';
import type { ClassName } from '../world/identity.ts';
import { gigabytes } from '../graph/memory.ts';
import { methodNames } from '../methods/index.ts';
import { completeRecipe } from '../methods/recipe.ts';
import { modelDescription, modelFlags, openModel } from './model.ts';
import {
  counted,
  duration,
  interruptible,
  numberFlag,
  openEngine,
  lowMemoryFlag,
  precisionFlag,
  Progress,
  say,
  sharedFlags,
} from './terminal.ts';

/** Flags that set a key of the recipe, and how to read them. */
const numbers: Record<string, { key: string; integer?: boolean }> = {
  vectors: { key: 'vectors', integer: true },
  lambda: { key: 'lambda' },
  'mask-rate': { key: 'maskRate' },
  steps: { key: 'steps', integer: true },
  batch: { key: 'batchSize', integer: true },
  accumulation: { key: 'accumulation', integer: true },
  'prompt-batch': { key: 'promptBatch', integer: true },
  'learning-rate': { key: 'learningRate' },
  'token-learning-rate': { key: 'tokenLearningRate' },
  'max-gradient-norm': { key: 'maxGradientNorm' },
  warmup: { key: 'warmup', integer: true },
  rank: { key: 'rank', integer: true },
  'prior-count': { key: 'priorCount', integer: true },
  'prior-weight': { key: 'priorWeight' },
  ema: { key: 'ema' },
  crop: { key: 'crop' },
  'sample-every': { key: 'sampleEvery', integer: true },
  'checkpoint-every': { key: 'checkpointEvery', integer: true },
  'keep-checkpoints': { key: 'keepCheckpoints', integer: true },
};
const texts: Record<string, string> = {
  model: 'model',
  tokenizer: 'tokenizer',
  prediction: 'prediction',
  images: 'images',
  class: 'class',
  method: 'method',
  token: 'token',
  prompts: 'prompts',
  initializer: 'initializer',
  schedule: 'schedule',
  'prior-images': 'priorImages',
  masks: 'masks',
  contextualizer: 'contextualizer',
};
const switches: Record<string, string> = { 'lora-text': 'loraText', flip: 'flip', 'scaled-views': 'scaledViews' };

/** Whether a run has taken all its steps and left its artefact. */
const isFinished = async (run: RunFolder, steps: number): Promise<boolean> =>
  (await run.checkpoints()).at(-1) === steps && existsSync(run.in('artefact'));

export const isWorldClass = (name: string): name is ClassName => (classNames as readonly string[]).includes(name);

/** A resumed run keeps its recipe: half of a run under other settings would be neither. */
function refuseOverrides(flags: Record<string, unknown>): void {
  const given = [...Object.keys(texts), ...Object.keys(numbers), ...Object.keys(switches), 'recipe', 'seed', 'out'].find(
    (flag) => flag !== 'steps' && flags[flag] !== undefined,
  );
  if (given !== undefined)
    throw new UserError(`--${given} cannot change a run that is resumed: leave it out (--steps may be given), or start a new run`);
}

export const customize = defineCommand({
  meta: { name: 'customize', description: 'learn a subject from a folder of pictures' },
  args: {
    recipe: { type: 'positional', required: false, description: 'a recipe file; flags override its keys' },
    model: { type: 'string', description: modelDescription },
    ...modelFlags,
    images: { type: 'string', description: 'folder of PNG, JPEG or WebP pictures' },
    class: { type: 'string', description: 'what kind of thing it is: dog, teapot, …' },
    method: { type: 'string', description: `${methodNames().join(', ')}; ti` },
    token: { type: 'string', description: 'the subject’s name: a new word (<v>), or a rare one (sks) for dreambooth and lora' },
    vectors: {
      type: 'string',
      description: 'vectors behind the placeholder; 1, on the embedded model 4 of ti and 2 of xti and custom-diffusion',
    },
    initializer: { type: 'string', description: 'word that the vectors start from; the class' },
    prompts: { type: 'string', description: 'file of rich prompts, {subject} where the subject stands' },
    lambda: { type: 'string', description: 'weight λ of the MLM objective; 0 for none, auto to measure it as the run begins' },
    contextualizer: { type: 'string', description: 'file of another contextualizer than the model’s own' },
    'mask-rate': { type: 'string', description: 'ρ; 0.15' },
    steps: { type: 'string', description: 'training steps' },
    batch: { type: 'string', description: 'pictures per step' },
    accumulation: {
      type: 'string',
      description: 'batches whose mean gradient makes one update; 1, of ti 4 and xti 8 where --batch is not given',
    },
    'prompt-batch': { type: 'string', description: 'rich prompts per batch; 16 shared out among those of an update' },
    'learning-rate': { type: 'string', description: 'AdamW’s learning rate' },
    'token-learning-rate': { type: 'string', description: 'that of the new word’s vectors, where it is another' },
    'max-gradient-norm': { type: 'string', description: 'gradients are scaled down to this norm; 1' },
    rank: { type: 'string', description: 'lora: rank' },
    'lora-text': { type: 'boolean', description: 'lora: on the text encoder, too' },
    'prior-count': { type: 'string', description: 'pictures of the class for prior preservation; 0 for none' },
    'prior-images': { type: 'string', description: 'folder of such pictures; by default they are drawn first' },
    'prior-weight': { type: 'string', description: 'weight of the loss on them; 1' },
    masks: { type: 'string', description: 'folder of masks, named as the pictures: white is learned' },
    flip: { type: 'boolean', description: 'show pictures mirrored, too; --no-flip for none' },
    'scaled-views': {
      type: 'boolean',
      description: 'show pictures smaller and larger, too, with words for it; custom-diffusion does, --no-scaled-views for none',
    },
    schedule: { type: 'string', description: 'constant or cosine' },
    warmup: { type: 'string', description: 'steps over which the learning rate rises to its own; 0' },
    ema: { type: 'string', description: 'decay of the moving average of what is learned; 0 for none' },
    crop: { type: 'string', description: 'smallest side of random crops, as a share; 1 for none' },
    'sample-every': { type: 'string', description: 'steps between sample pictures; 0 for none' },
    'checkpoint-every': { type: 'string', description: 'steps between checkpoints' },
    'keep-checkpoints': { type: 'string', description: 'how many of the latest stay; 2. evaluate --checkpoints scores all that do' },
    out: { type: 'string', description: 'the run’s folder' },
    resume: { type: 'string', description: 'go on with the run in this folder' },
    ...precisionFlag,
    ...lowMemoryFlag,
    ...sharedFlags,
    seed: { type: 'string', description: 'seed of all randomness; 0' },
  },
  async run({ args }) {
    const flags = args as Record<string, string | boolean | undefined>;
    const resume = flags.resume as string | undefined;
    let base: Record<string, unknown> = {};
    let earlier: RunFolder | undefined;
    if (resume !== undefined) {
      refuseOverrides(flags);
      const { run, record } = await RunFolder.open(resume);
      earlier = run;
      base = record.recipe as Record<string, unknown>;
    } else if (typeof flags.recipe === 'string') base = await readKeys(flags.recipe);
    for (const [flag, key] of Object.entries(texts)) if (typeof flags[flag] === 'string') base[key] = flags[flag];
    const auto = flags.lambda === 'auto';
    if (auto) Object.assign(base, { lambda: 1, lambdaBalance: autoBalance });
    for (const [flag, { key, integer }] of Object.entries(numbers))
      if (typeof flags[flag] === 'string' && !(auto && flag === 'lambda'))
        base[key] = numberFlag(flag, flags[flag], { integer: integer === true });
    for (const [flag, key] of Object.entries(switches)) if (typeof flags[flag] === 'boolean') base[key] = flags[flag];
    if (typeof flags.seed === 'string') base.seed = numberFlag('seed', flags.seed, { min: 0, integer: true });
    if (base.images === undefined) throw new UserError('--images is missing: name the folder of the subject’s pictures');
    if (base.class === undefined) throw new UserError('--class is missing: say what kind of thing the subject is, such as dog');
    const tiny = (base.model ?? 'tiny') === 'tiny';
    const where = typeof flags.recipe === 'string' ? flags.recipe : 'the request';
    const recipe = resume === undefined ? completeRecipe(base, where) : parseRecipe(base, join(resume, 'run.json'));
    if (tiny && !isWorldClass(recipe.class))
      throw new UserError(`--class ${recipe.class} is unknown to the embedded model: choose one of ${classNames.join(', ')}`);
    const out = resume ?? (flags.out as string | undefined);
    if (out === undefined) throw new UserError('--out is missing: name a folder for the run');
    if (earlier === undefined) await RunFolder.refuseTaken(out);
    else if (await isFinished(earlier, recipe.steps)) {
      if (args.json === true)
        process.stdout.write(`${JSON.stringify({ artefact: earlier.in('artefact'), step: recipe.steps, seconds: 0 })}\n`);
      else say(`the run in ${out} is finished, with ${counted(recipe.steps, 'step')}: --steps names more of them`);
      return;
    }
    const engine = openEngine(args.device, args.precision, args['low-memory']);
    const model = await openModel({ ...recipe, variant: args.variant, offline: args.offline }, args.quiet);
    const prompts = (className: string): string[] => {
      if (!tiny) return grammarPrompts(className, { count: 200, seed: recipe.seed }).map(({ prompt }) => prompt);
      return isWorldClass(className) ? promptSet(className, 200) : [];
    };
    const progress = new Progress(args.quiet === true);
    const started = performance.now();
    let last: { step: number; diffusion?: number; mlm?: number } | undefined;
    let artefact = '';
    const signal = interruptible();
    const stopping = (): void =>
      say(
        existsSync(join(out, 'run.json'))
          ? `stopping after this step; go on with: contextura customize --resume ${out}`
          : 'stopping; nothing has been written yet',
      );
    signal.addEventListener('abort', stopping, { once: true });
    for await (const e of learn({
      engine,
      model,
      recipe,
      prompts,
      out,
      resume: resume !== undefined,
      versions: versions(),
      signal,
      timed: args.quiet !== true,
    })) {
      if (e.kind === 'forecast' && e.seconds !== undefined)
        say(
          `about ${duration(e.seconds)}${e.memory === undefined ? '' : ` and ${gigabytes(e.memory.needed)} GB of memory, of ${gigabytes(e.memory.free)} GB free`}`,
        );
      if (e.kind === 'forecast') progress.restart();
      if (e.kind === 'encoded') progress.update('picture encoded', e.done, e.of);
      if (e.kind === 'prior') progress.update('picture of the class', e.done, e.of);
      if (e.kind === 'lambda' && args.quiet !== true) say(`λ ${e.lambda.toPrecision(3)}`);
      if (e.kind === 'start') progress.restart();
      if (e.kind === 'start') last = { step: e.step };
      if (e.kind === 'start' && args.quiet !== true) {
        const from = resume === undefined ? '' : e.step === 0 ? 'from the beginning (no checkpoint is kept), ' : `from step ${e.step}, `;
        const few = e.pictures.length < 3 ? ' (3 to 5 pictures work better)' : '';
        say(`learning ${recipe.token} from ${counted(e.pictures.length, 'picture')}, ${from}${counted(e.steps, 'step')}${few}`);
        const leftOut = await picturesLeftOut(recipe.images);
        if (leftOut.length > 0) say(`left out: ${leftOut.join(', ')} (PNG, JPEG and WebP are read)`);
      }
      if (e.kind === 'step') {
        const { diffusion, mlm, step } = e.event;
        last = { step, diffusion, ...(mlm !== undefined && { mlm }) };
        progress.update('step', step, e.steps, `  loss ${diffusion.toFixed(3)}${mlm === undefined ? '' : ` mlm ${mlm.toFixed(2)}`}`);
      }
      if (e.kind === 'done') artefact = e.artefact;
    }
    const seconds = Math.round((performance.now() - started) / 100) / 10;
    if (args.json === true) process.stdout.write(`${JSON.stringify({ artefact, ...last, seconds })}\n`);
    else
      say(
        `${seconds} s; pictures with it: contextura generate ${wholeModelOf(out) === undefined ? `--artefact ${out}` : `--model ${artefact}`} --prompt "a ${recipe.token} ${recipe.class} in the snow" --out pictures`,
      );
    await engine.close();
  },
});
