/** What oracle/sd15_gradient.py compares: the U-Net of a folder, forwards and backwards to the prompt's states, as a .safetensors file. */
import { parseArgs } from 'node:util';
import type { Device } from '../src/graph/device.ts';
import { Engine } from '../src/graph/engine.ts';
import { gradients } from '../src/graph/gradient.ts';
import { input, mean, multiply, square, subtract } from '../src/graph/ops.ts';
import type { Precision } from '../src/graph/precision.ts';
import { Random } from '../src/graph/random.ts';
import { sizeOf } from '../src/graph/tensor.ts';
import { writeSafetensors } from '../src/files/safetensors.ts';
import { loadModel } from '../src/models/load.ts';
import { unet } from '../src/models/unet.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { device: { type: 'string' }, precision: { type: 'string' }, 'low-memory': { type: 'boolean' } },
});
const [folder, out] = positionals as [string, string];
const model = await loadModel(folder);
const engine = new Engine({
  device: (values.device ?? 'cpu') as Device,
  precision: (values.precision ?? 'float32') as Precision,
  lowMemory: values['low-memory'] ?? false,
});
const shapes = { latents: [1, 4, 64, 64], noise: [1, 4, 64, 64], states: [1, 77, 768] };
const random = new Random(0);
const given = Object.fromEntries(
  Object.entries(shapes).map(([name, shape]) => [name, { data: random.fork(name).normals(sizeOf(shape)), shape }]),
);
const states = input('states', shapes.states);
const prediction = unet(model.unet.parameters, model.unet.config, input('latents', shapes.latents), input('timesteps', [1]), states);
const loss = mean(square(subtract(prediction, input('noise', shapes.noise))));
// As a training step has it.
const scale = engine.precision === 'float16' ? 2 ** 16 : 1;
const [scaled] = gradients(multiply(loss, scale), [states], { sparing: engine.lowMemory });
const program = await engine.compile({ outputs: { prediction, gradient: multiply(scaled!, 1 / scale) } });
const feeds = Object.fromEntries(Object.entries(given).map(([name, { data }]) => [name, data]));
const { prediction: y, gradient } = await program.run({ ...feeds, timesteps: Float32Array.of(500) });
await writeSafetensors(out, {
  ...given,
  prediction: { data: y as Float32Array, shape: shapes.latents },
  gradient: { data: gradient as Float32Array, shape: shapes.states },
});
await engine.close();
