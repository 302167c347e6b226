/** Run by itself: what a step's peak was predicted to add to the process, and what it added. Arguments: model folder, batch, lean. */
import { Engine } from '../../src/graph/engine.ts';
import { gradients } from '../../src/graph/gradient.ts';
import { estimateMemory, isLarge, predictMemory } from '../../src/graph/memory.ts';
import { input, mean, square, subtract } from '../../src/graph/ops.ts';
import { Random } from '../../src/graph/random.ts';
import { loadModel } from '../../src/models/load.ts';
import { unet } from '../../src/models/unet.ts';

const [folder, batchText, leanText] = process.argv.slice(2) as [string, string, string];
const batch = Number(batchText);
const { unet: denoiser, textEncoder } = await loadModel(folder);
const { sample_size: size, in_channels: channels, cross_attention_dim: width } = denoiser.config;
const length = textEncoder.config.max_position_embeddings;
const text = input('text', [batch, length, width]);
const [latents, noise] = [input('latents', [batch, channels, size, size]), input('noise', [batch, channels, size, size])];
const predicted = unet(denoiser.parameters, denoiser.config, latents, input('timesteps', [batch]), text);
const loss = mean(square(subtract(predicted, noise)));
const outputs = { loss, gradient: gradients(loss, [text])[0]! };
const roots = Object.values(outputs);
const lean = leanText === 'default' ? isLarge(roots) : leanText === 'lean';
const random = new Random(0);
const feeds = {
  text: random.normals(batch * length * width),
  latents: random.normals(batch * channels * size * size),
  noise: random.normals(batch * channels * size * size),
  timesteps: new Float32Array(batch).fill(500),
};
const engine = new Engine();
const first = await engine.compile({ outputs: { y: mean(input('x', [4])) } });
await first.run({ x: new Float32Array(4) });
const peak = (): number => process.resourceUsage().maxRSS * 1024;
const before = process.memoryUsage().rss;
const program = await engine.compile({ outputs, lean });
for (let i = 0; i < (lean ? 2 : 4); i++) await program.run(feeds);
process.stdout.write(
  JSON.stringify({
    predicted: predictMemory(roots, lean),
    measured: peak() - before,
    estimate: estimateMemory(roots, { lean, sparing: false }),
  }),
);
await engine.close();
