/** The models and a training step against PyTorch, diffusers and transformers: test/golden, made by oracle/goldens.py. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { addNoise, alphasCumprod, diffusionFeeds, predictionTarget } from '../../src/diffusion/schedule.ts';
import { openSafetensors, readTensor } from '../../src/files/safetensors.ts';
import { Engine } from '../../src/graph/engine.ts';
import { gradients } from '../../src/graph/gradient.ts';
import { input, mean, square, state, subtract } from '../../src/graph/ops.ts';
import type { Tensor } from '../../src/graph/tensor.ts';
import { embedTokens } from '../../src/methods/concept.ts';
import { clipText } from '../../src/models/clip-text.ts';
import { loadModel } from '../../src/models/load.ts';
import type { DiffusionModel } from '../../src/models/load.ts';
import { unet } from '../../src/models/unet.ts';
import { vaeDecode, vaeEncode } from '../../src/models/vae.ts';
import { stateSource, Parameters } from '../../src/nn/parameters.ts';
import { adamw, adamwFeeds } from '../../src/optim/adamw.ts';

let engine: Engine;
let model: DiffusionModel;
let golden: Record<string, { data: Float32Array; shape: readonly number[] }>;
let prompts: string[];
beforeAll(async () => {
  engine = new Engine();
  model = await loadModel('assets/tiny');
  const file = await openSafetensors('test/golden/tiny.safetensors');
  golden = {};
  for (const { name, shape } of file.tensors.values()) golden[name] = { data: await readTensor(file, name), shape };
  prompts = file.metadata.prompts!.split('\n');
});
afterAll(() => engine.close());

const largest = (values: Float32Array): number => values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
/** Differences within 1e-4 of the largest value that the reference has. */
function agrees(ours: ArrayLike<number>, name: string): void {
  const { data } = golden[name]!;
  expect(ours).toHaveLength(data.length);
  expect(largest(data)).toBeGreaterThan(0);
  expect(largest(data.map((x, i) => x - ours[i]!)) / largest(data), name).toBeLessThan(1e-4);
}

test('token ids', () => {
  const tokenizer = model.tokenizer.withPlaceholder('<v>', 1);
  const length = model.textEncoder.config.max_position_embeddings;
  const ids = prompts.flatMap((prompt) => [...tokenizer.pad(prompt, length)]);
  expect(ids).toEqual([...golden.ids!.data]);
});

test('the VAE, both ways', async () => {
  const { parameters, config } = model.vae;
  const { pixels, latents } = golden as Record<'pixels' | 'latents', { data: Float32Array; shape: number[] }>;
  const program = await engine.compile({
    outputs: {
      mean: vaeEncode(parameters, config, input('pixels', pixels.shape)).mean,
      decoded: vaeDecode(parameters, config, input('latents', latents.shape)),
    },
  });
  const out = await program.run({ pixels: pixels.data, latents: latents.data });
  agrees(out.mean as Float32Array, 'vae.mean');
  agrees(out.decoded as Float32Array, 'vae.decoded');
  await program.release();
});

test('text encoder, U-Net, loss, gradients of the concept and of weights, one AdamW step', async () => {
  const { textEncoder, scheduler } = model;
  const { ids, latents, noise, timesteps, concept } = golden as Record<string, { data: Float32Array; shape: number[] }> & typeof golden;
  const learned = state('concept', concept!.shape);
  const states = clipText(textEncoder.parameters, textEncoder.config, embedTokens(textEncoder, input('ids', ids!.shape, 'int32'), learned));
  // The U-Net's weights are states here, so that they have gradients; the model's own are constants.
  const { source, tensors } = stateSource('unet.');
  const [x, n] = [input('latents', latents!.shape), input('noise', noise!.shape)];
  const [t, signal, deviation] = ['timesteps', 'signal', 'deviation'].map((name) => input(name, timesteps!.shape)) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  const predicted = unet(new Parameters(source), model.unet.config, addNoise(x, n, signal, deviation), t, states);
  const loss = mean(square(subtract(predicted, predictionTarget(scheduler.prediction_type, x, n, signal, deviation))));
  const names = Object.keys(golden).flatMap((name) =>
    name.startsWith('gradient.') && name !== 'gradient.concept' ? [name.slice('gradient.'.length)] : [],
  );
  expect(names).toHaveLength(7);
  const [own, ...weights] = gradients(loss, [learned, ...names.map((name) => tensors.get(name)!)]);
  const optimizer = adamw(new Map([['concept', learned]]), [own!], { weightDecay: 0.01 });
  const program = await engine.compile({
    outputs: { states, predicted, loss, own: own!, ...Object.fromEntries(names.map((name, i) => [`weight ${name}`, weights[i]!])) },
    updates: optimizer.updates,
  });
  const file = await openSafetensors('assets/tiny/unet/diffusion_pytorch_model.safetensors');
  for (const [name, { shape }] of tensors) await engine.setState({ [`unet.${name}`]: { data: await readTensor(file, name), shape } });
  await engine.setState({ concept: { data: concept!.data, shape: concept!.shape }, ...optimizer.initial() });
  const out = await program.run({
    ids: Int32Array.from(ids!.data),
    latents: latents!.data,
    noise: noise!.data,
    ...diffusionFeeds(alphasCumprod(scheduler), [...timesteps!.data]),
    ...adamwFeeds(0.06, 1),
  });
  agrees(out.states as Float32Array, 'text.states');
  agrees(out.predicted as Float32Array, 'unet.predicted');
  agrees(out.loss as Float32Array, 'loss');
  agrees(out.own as Float32Array, 'gradient.concept');
  for (const name of names) agrees(out[`weight ${name}`] as Float32Array, `gradient.${name}`);
  agrees((await engine.getState(['concept'])).concept!, 'updated');
  await program.release();
});
