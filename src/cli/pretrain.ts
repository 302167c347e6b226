/** `contextura pretrain tiny`: remake the embedded model. */
import { Engine } from '../graph/engine.ts';
import { pretrainTiny } from '../pretrain/tiny.ts';

const engine = new Engine();
for await (const e of pretrainTiny(engine, process.argv[2] ?? 'runs/tiny', JSON.parse(process.argv[3] ?? '{}'))) {
  if (e.step % 50 === 0) process.stderr.write(`${e.stage} ${e.step}/${e.steps} loss ${e.loss.toFixed(4)} ${Object.entries(e.metrics).map(([k, v]) => `${k} ${v.toFixed(4)}`).join(' ')} ${e.seconds.toFixed(0)}s\n`);
}
await engine.close();
