/** The second step of oracle/files.py: loads what Python wrote, compares every tensor, writes folders for diffusers to open. */
import { join } from 'node:path';
import { valuesOf } from '../src/files/constants.ts';
import { traceParameters } from '../src/methods/whole.ts';
import { loadModel, singleFile } from '../src/models/load.ts';
import type { DiffusionModel } from '../src/models/load.ts';
import { writeModelFolder } from '../src/models/save.ts';
import { layouts } from '../src/models/stable-diffusion.ts';
import { openFile } from '../src/models/weights.ts';
import { formulaWeights } from '../test/models/formula.ts';

/** The largest difference of the text encoder's and the U-Net's weights from the formula that made them. */
function difference(model: DiffusionModel): string {
  const shapes = traceParameters(model);
  let [worst, count] = [0, 0];
  for (const part of ['textEncoder', 'unet'] as const)
    for (const [name, { shape }] of shapes[part]) {
      const found = valuesOf(model[part].parameters.get(name, shape));
      formulaWeights(name, shape).forEach((x, i) => (worst = Math.max(worst, Math.abs(x - found[i]!))));
      count++;
    }
  return `${count} tensors, ${worst}, ${model.scheduler.prediction_type}`;
}

const root = process.argv[2]!;
for (const version of [1, 2] as const) {
  for (const kind of ['bin', 'shards', 'fp16'])
    process.stdout.write(`${kind}${version}: ${difference(await loadModel(join(root, `${kind}${version}`)))}\n`);
  const { textEncoder, unet, vae } = await loadModel(join(root, `bin${version}`));
  const layout = { ...layouts[version], textEncoder: textEncoder.config, unet: unet.config, vae: vae.config };
  for (const ending of ['safetensors', 'ckpt']) {
    const path = join(root, `single${version}.${ending}`);
    const found = await singleFile(path, await openFile(path), layout, { tokenizer: join(root, `bin${version}`, 'tokenizer') });
    const model = { ...found, contextualizer: undefined };
    process.stdout.write(`single${version}.${ending}: ${difference(model)}\n`);
    if (ending === 'ckpt') await writeModelFolder(join(root, `ours${version}`), model);
  }
}
