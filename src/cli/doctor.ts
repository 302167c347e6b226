import { createRequire } from 'node:module';
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';
import { defineCommand } from 'citty';
import { measurePrimitives } from '../sweep/bench.ts';
import { openEngine, say, sharedFlags, version } from './terminal.ts';

export const doctor = defineCommand({
  meta: { name: 'doctor', description: 'what this machine has and how fast it is' },
  args: sharedFlags,
  async run({ args }) {
    const engine = openEngine(args.device);
    const ort = (createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string }).version;
    const speeds = await measurePrimitives(engine, 300);
    await engine.close();
    const result = {
      contextura: version,
      node: process.versions.node,
      onnxruntime: ort,
      device: 'cpu',
      cpu: cpus()[0]?.model ?? 'unknown',
      threads: availableParallelism(),
      memoryGiB: Math.round(totalmem() / 2 ** 27) / 8,
      freeGiB: Math.round(freemem() / 2 ** 27) / 8,
      gflops: Object.fromEntries(speeds.map(({ name, gflops }) => [name, Math.round(gflops)])),
    };
    if (args.json === true) process.stdout.write(`${JSON.stringify(result)}\n`);
    else
      for (const [key, value] of Object.entries(result))
        say(
          `${key.padEnd(12)} ${
            typeof value === 'object'
              ? Object.entries(value)
                  .map(([k, v]) => `${k} ${v} GFLOP/s`)
                  .join(', ')
              : value
          }`,
        );
  },
});
