import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { defineCommand } from 'citty';
import { UserError } from '../errors.ts';
import { writeAtomically } from '../files/atomic.ts';
import { loadModel } from '../models/load.ts';
import { assetPath, examplePath } from '../package.ts';
import { assetsReadme, gatesTable, measureGates } from '../pretrain/gates.ts';
import { Judges } from '../evaluation/judges.ts';
import { exportJudges, exportTiny, importTiny } from '../pretrain/export.ts';
import { pretrainContextualizer, pretrainDecoder, pretrainFiner, pretrainJudges, pretrainSharper, pretrainTiny } from '../pretrain/tiny.ts';
import type { StageEvent } from '../pretrain/workshop.ts';
import { benchmarkPairs, writePair } from '../world/pairs.ts';
import { contextualizerFlags, pretrainContextualizerVerb } from './pretrain-contextualizer.ts';
import { interruptible, openEngine, Progress, say, sharedFlags } from './terminal.ts';

async function follow(events: AsyncGenerator<StageEvent, void>, progress: Progress, signal: AbortSignal): Promise<void> {
  for await (const e of events) {
    signal.throwIfAborted();
    const metrics = Object.entries(e.metrics).map(([name, value]) => ` ${name} ${value.toFixed(3)}`);
    progress.update(e.stage, e.step, e.steps, `  loss ${e.loss.toFixed(4)}${metrics.join('')}`);
  }
}

export const pretrain = defineCommand({
  meta: { name: 'pretrain', description: 'pretrain a contextualizer for a text encoder, or remake the embedded model' },
  args: {
    what: { type: 'positional', required: true, description: 'contextualizer, or tiny' },
    ...contextualizerFlags,
    work: { type: 'string', description: 'tiny: folder of stages and checkpoints; what is done stays done', default: 'runs/tiny' },
    only: {
      type: 'string',
      description:
        'tiny: import, model, decoder, sharper, finer, contextualizer, judges, export, gates or pairs (examples/pairs); all but import and pairs where nothing is said',
    },
    out: { type: 'string', description: 'where the contextualizer goes; tiny: the assets folder' },
    ...sharedFlags,
  },
  async run({ args, rawArgs }) {
    const progress = new Progress(args.quiet === true);
    const signal = interruptible();
    if (args.what === 'tiny') {
      const assets = args.out ?? assetPath('');
      const stages =
        args.only === undefined ? ['model', 'decoder', 'sharper', 'finer', 'contextualizer', 'judges', 'export', 'gates'] : [args.only];
      for (const stage of stages) {
        // Each stage has an engine of its own: their states share names.
        const engine = openEngine(args.device);
        if (stage === 'model') await follow(pretrainTiny(engine, args.work), progress, signal);
        else if (stage === 'decoder') await follow(pretrainDecoder(engine, args.work), progress, signal);
        else if (stage === 'sharper') await follow(pretrainSharper(engine, args.work), progress, signal);
        else if (stage === 'finer') await follow(pretrainFiner(engine, args.work), progress, signal);
        else if (stage === 'import') await importTiny(assets, args.work);
        else if (stage === 'pairs') for (const pair of benchmarkPairs) await writePair(examplePath(`pairs/${pair.name}`), pair);
        else if (stage === 'judges') await follow(pretrainJudges(engine, args.work), progress, signal);
        else if (stage === 'contextualizer') {
          await exportTiny(args.work, assets);
          await follow(pretrainContextualizer(engine, await loadModel(join(assets, 'tiny')), args.work), progress, signal);
        } else if (stage === 'export') {
          await exportTiny(args.work, assets);
          if (existsSync(join(args.work, 'judge-clip.safetensors'))) await exportJudges(args.work, assets);
        } else if (stage === 'gates') {
          const gates = await measureGates(
            engine,
            await loadModel(join(assets, 'tiny')),
            await Judges.load(engine, join(assets, 'judges')),
          );
          await writeAtomically(join(assets, 'README.md'), assetsReadme(gates));
          say(gatesTable(gates));
        } else
          throw new UserError(
            `--only ${stage}: import, model, decoder, sharper, finer, contextualizer, judges, export, gates or pairs is expected`,
          );
        await engine.close();
      }
      if (args.json === true) process.stdout.write(`${JSON.stringify({ work: args.work, assets })}\n`);
      return;
    }
    if (args.what !== 'contextualizer') throw new UserError(`pretrain ${args.what}: contextualizer or tiny is expected`);
    await pretrainContextualizerVerb(args, rawArgs, progress, signal);
  },
});
