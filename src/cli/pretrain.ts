import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defineCommand } from 'citty';
import { UserError } from '../errors.ts';
import { writeAtomically } from '../files/atomic.ts';
import { writeSafetensors } from '../files/safetensors.ts';
import { contextualizerFolder, loadModel } from '../models/load.ts';
import { contextualizerFor, trainContextualizer } from '../pretrain/contextualizer.ts';
import { assetsReadme, gatesTable, measureGates } from '../pretrain/gates.ts';
import { Judges } from '../evaluation/judges.ts';
import { exportJudges, exportTiny, importTiny } from '../pretrain/export.ts';
import { pretrainContextualizer, pretrainDecoder, pretrainJudges, pretrainSharper, pretrainTiny } from '../pretrain/tiny.ts';
import type { StageEvent } from '../pretrain/workshop.ts';
import { locateModel, modelDescription, modelFlags } from './model.ts';
import { assetPath, interruptible, numberFlag, openEngine, Progress, say, sharedFlags } from './terminal.ts';

async function follow(events: AsyncGenerator<StageEvent, void>, progress: Progress, signal: AbortSignal): Promise<void> {
  let stage = '';
  for await (const e of events) {
    signal.throwIfAborted();
    if (e.stage !== stage) progress.restart();
    stage = e.stage;
    const metrics = Object.entries(e.metrics).map(([name, value]) => ` ${name} ${value.toFixed(3)}`);
    progress.update(e.stage, e.step, e.steps, `  loss ${e.loss.toFixed(4)}${metrics.join('')}`);
  }
}

export const pretrain = defineCommand({
  meta: { name: 'pretrain', description: 'pretrain a contextualizer for a text encoder, or remake the embedded model' },
  args: {
    what: { type: 'positional', required: true, description: 'contextualizer, or tiny' },
    model: { type: 'string', description: `contextualizer: ${modelDescription}`, default: 'tiny' },
    variant: { ...modelFlags.variant, description: `contextualizer: ${modelFlags.variant.description}` },
    offline: { ...modelFlags.offline, description: `contextualizer: ${modelFlags.offline.description}` },
    corpus: { type: 'string', description: 'contextualizer: captions, one a line' },
    steps: { type: 'string', description: 'contextualizer: training steps', default: '2000' },
    batch: { type: 'string', description: 'contextualizer: captions per step', default: '48' },
    'mask-rate': { type: 'string', description: 'contextualizer: ρ', default: '0.15' },
    'learning-rate': { type: 'string', description: 'contextualizer: AdamW’s learning rate', default: '1e-3' },
    work: { type: 'string', description: 'tiny: folder of stages and checkpoints; what is done stays done', default: 'runs/tiny' },
    only: {
      type: 'string',
      description: 'tiny: import, model, decoder, sharper, contextualizer, judges, export or gates; all but import where nothing is said',
    },
    out: { type: 'string', description: 'where the contextualizer goes; tiny: the assets folder' },
    ...sharedFlags,
  },
  async run({ args }) {
    const progress = new Progress(args.quiet === true);
    const signal = interruptible();
    if (args.what === 'tiny') {
      const assets = args.out ?? assetPath('');
      const stages = args.only === undefined ? ['model', 'decoder', 'sharper', 'contextualizer', 'judges', 'export', 'gates'] : [args.only];
      for (const stage of stages) {
        // Each stage has an engine of its own: their states share names.
        const engine = openEngine(args.device);
        if (stage === 'model') await follow(pretrainTiny(engine, args.work), progress, signal);
        else if (stage === 'decoder') await follow(pretrainDecoder(engine, args.work), progress, signal);
        else if (stage === 'sharper') await follow(pretrainSharper(engine, args.work), progress, signal);
        else if (stage === 'import') await importTiny(assets, args.work);
        else if (stage === 'judges') await follow(pretrainJudges(engine, args.work), progress, signal);
        else if (stage === 'contextualizer') {
          await exportTiny(args.work, assets);
          await follow(pretrainContextualizer(engine, await loadModel(join(assets, 'tiny')), args.work), progress, signal);
        } else if (stage === 'export') {
          await exportTiny(args.work, assets);
          await exportJudges(args.work, assets);
        } else if (stage === 'gates') {
          const gates = await measureGates(
            engine,
            await loadModel(join(assets, 'tiny')),
            await Judges.load(engine, join(assets, 'judges')),
          );
          await writeAtomically(join(assets, 'README.md'), assetsReadme(gates));
          say(gatesTable(gates));
        } else throw new UserError(`--only ${stage}: import, model, decoder, sharper, contextualizer, judges, export or gates is expected`);
        await engine.close();
      }
      if (args.json === true) process.stdout.write(`${JSON.stringify({ work: args.work, assets })}\n`);
      return;
    }
    if (args.what !== 'contextualizer') throw new UserError(`pretrain ${args.what}: contextualizer or tiny is expected`);
    if (args.corpus === undefined) throw new UserError('--corpus is missing: name a text file with one caption a line');
    const text = await readFile(args.corpus, 'utf8').catch(() => {
      throw new UserError(`--corpus ${args.corpus} cannot be read: name a text file with one caption a line`);
    });
    const corpus = text
      .split(/\r?\n/)
      .map((line) => line.trim())
      .filter((line) => line !== '');
    if (corpus.length === 0) throw new UserError(`--corpus ${args.corpus} holds no captions: one a line is expected`);
    const folder = await locateModel(args, args.quiet);
    const model = await loadModel(folder);
    const engine = openEngine(args.device);
    const steps = numberFlag('steps', args.steps, { min: 1, integer: true });
    const training = trainContextualizer(
      engine,
      { textEncoder: model.textEncoder.parameters, text: model.textEncoder.config, tokenizer: model.tokenizer },
      corpus,
      {
        steps,
        batchSize: numberFlag('batch', args.batch, { min: 1, max: 4096, integer: true }),
        maskRate: numberFlag('mask-rate', args['mask-rate'], { min: 0.01, max: 0.99 }),
        learningRate: numberFlag('learning-rate', args['learning-rate'], { min: 0, max: 10 }),
        seed: numberFlag('seed', args.seed, { min: 0, integer: true }),
      },
    );
    let next = await training.next();
    let last = {};
    for (; next.done !== true; next = await training.next()) {
      signal.throwIfAborted();
      const { step, loss, metrics } = next.value;
      last = { step, loss, ...metrics };
      progress.update('contextualizer', step, steps, `  loss ${loss.toFixed(3)} accuracy ${metrics.accuracy!.toFixed(3)}`);
    }
    const out = args.out ?? contextualizerFolder(folder);
    await writeSafetensors(join(out, 'model.safetensors'), next.value, { format: 'pt' });
    await writeAtomically(join(out, 'config.json'), `${JSON.stringify(contextualizerFor(model.textEncoder.config), undefined, 2)}\n`);
    if (args.json === true) process.stdout.write(`${JSON.stringify({ out, ...last })}\n`);
    else say(`contextualizer in ${out}`);
    await engine.close();
  },
});
