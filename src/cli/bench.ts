import { defineCommand } from 'citty';
import { loadModel } from '../models/load.ts';
import { measureModel, measurePrimitives } from '../sweep/bench.ts';
import { measureFeatures } from '../sweep/bench-features.ts';
import { assetPath, openEngine, say, sharedFlags } from './terminal.ts';

export const bench = defineCommand({
  meta: { name: 'bench', description: 'steps per second and GFLOP/s on this machine' },
  args: { model: { type: 'string', description: 'a folder in diffusers’ layout, or tiny', default: 'tiny' }, ...sharedFlags },
  async run({ args }) {
    const engine = openEngine(args.device);
    const primitives = await measurePrimitives(engine);
    const model = await loadModel(args.model === 'tiny' ? assetPath('tiny') : args.model);
    const steps = await measureModel(engine, model);
    const features = await measureFeatures(engine);
    await engine.close();
    if (args.json === true) process.stdout.write(`${JSON.stringify({ primitives, steps, features })}\n`);
    else {
      for (const { name, perSecond, gflops } of [...primitives, ...steps, ...features])
        say(`${name.padEnd(34)} ${perSecond.toFixed(1).padStart(8)}/s  ${gflops.toFixed(0).padStart(5)} GFLOP/s`);
    }
  },
});
