/** `contextura pretrain tiny`: remake the embedded model. */
import { Engine } from '../graph/engine.ts';
import { loadModel } from '../models/load.ts';
import { exportTiny } from '../pretrain/export.ts';
import { pretrainContextualizer, pretrainJudges, pretrainTiny } from '../pretrain/tiny.ts';

const [what = 'tiny', folder = 'runs/tiny'] = process.argv.slice(2);
const engine = new Engine();
if (what === 'export') await exportTiny(folder, 'assets');
else {
  const training = what === 'judges' ? pretrainJudges(engine, folder) : what === 'contextualizer' ? pretrainContextualizer(engine, await loadModel('assets/tiny'), folder) : pretrainTiny(engine, folder, JSON.parse(process.argv[4] ?? '{}'));
  for await (const e of training) {
    if (e.step % 50 === 0) process.stderr.write(`${e.stage} ${e.step}/${e.steps} loss ${e.loss.toFixed(4)} ${Object.entries(e.metrics).map(([k, v]) => `${k} ${v.toFixed(4)}`).join(' ')} ${e.seconds.toFixed(0)}s\n`);
  }
}
await engine.close();
