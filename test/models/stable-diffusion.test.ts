/** Models of the shape of Stable Diffusion 1 and 2 against diffusers and transformers: oracle/checkpoints.py. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addNoise, alphasCumprod, diffusionFeeds, predictionTarget, schedulerConfig } from '../../src/diffusion/schedule.ts';
import { valuesOf } from '../../src/files/constants.ts';
import { openSafetensors, readTensor, writeSafetensors } from '../../src/files/safetensors.ts';
import { Engine } from '../../src/graph/engine.ts';
import { gradients } from '../../src/graph/gradient.ts';
import { input, mean, square, subtract } from '../../src/graph/ops.ts';
import type { Tensor } from '../../src/graph/tensor.ts';
import { clipText, clipTextConfig, clipTokenEmbedding } from '../../src/models/clip-text.ts';
import { loadModel, singleFile } from '../../src/models/load.ts';
import { writeModelFolder } from '../../src/models/save.ts';
import { isOpenClip, joinCheckpoint, layouts } from '../../src/models/stable-diffusion.ts';
import type { Layout } from '../../src/models/stable-diffusion.ts';
import { unet, unetConfig } from '../../src/models/unet.ts';
import { vaeConfig, vaeDecode, vaeEncode } from '../../src/models/vae.ts';
import { openFile } from '../../src/models/weights.ts';
import { Parameters, stateSource } from '../../src/nn/parameters.ts';
import { startToken, endToken } from '../../src/text/tokenizer.ts';
import { scratch } from '../scratch.ts';
import { realTensors, weightsFor } from './formula.ts';
import type { Weight } from './formula.ts';
import { writeSparse } from './headers.ts';

let engine: Engine;
beforeAll(() => {
  engine = new Engine();
});
afterAll(() => engine.close());

const largest = (values: Float32Array): number => values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);

/** A golden file: its tensors, and the small model's layout. */
async function readGolden(version: 1 | 2): Promise<{ golden: Record<string, Weight>; layout: Layout }> {
  const file = await openSafetensors(`test/golden/sd${version}.safetensors`);
  const golden: Record<string, Weight> = {};
  for (const { name, shape } of file.tensors.values()) golden[name] = { data: await readTensor(file, name), shape };
  const small = JSON.parse(file.metadata.configs!) as Record<'text' | 'unet' | 'vae', object>;
  const layout: Layout = {
    ...layouts[version],
    textEncoder: clipTextConfig.parse(small.text),
    unet: unetConfig.parse({ sample_size: 16, ...small.unet }),
    vae: vaeConfig.parse({ ...small.vae, layers_per_block: 2 }),
  };
  return { golden, layout };
}

const ids = (count: number, length: number): Tensor => input('ids', [count, length], 'int32');

/** What each component is made of, under diffusers' names. */
function statesOf({ textEncoder, unet: denoiser, vae }: Layout): Record<'text' | 'unet' | 'vae', Record<string, Weight>> {
  return {
    text: weightsFor((p) => clipText(p, textEncoder, clipTokenEmbedding(p, textEncoder, ids(1, 2)))),
    unet: weightsFor((p) =>
      unet(p, denoiser, input('x', [1, 4, 8, 8]), input('t', [1]), input('text', [1, 2, denoiser.cross_attention_dim])),
    ),
    vae: weightsFor((p) => [vaeEncode(p, vae, input('pixels', [1, 3, 8, 8])), vaeDecode(p, vae, input('latents', [1, 4, 1, 1]))]),
  };
}

/** Parameters as states of the engine, set. */
async function asStates(prefix: string, weights: Record<string, Weight>): Promise<{ p: Parameters; tensors: Map<string, Tensor> }> {
  const { source, tensors } = stateSource(prefix);
  await engine.setState(Object.fromEntries(Object.entries(weights).map(([name, weight]) => [prefix + name, weight])));
  return { p: new Parameters(source), tensors };
}

describe.each([1, 2] as const)('Stable Diffusion %i, small', (version) => {
  test('text states, U-Net, loss, and gradients of prompt embeddings and weights', async () => {
    const { golden, layout } = await readGolden(version);
    const states = statesOf(layout);
    const agrees = (ours: ArrayLike<number>, name: string): void => {
      const { data } = golden[name]!;
      expect(ours).toHaveLength(data.length);
      expect(largest(data)).toBeGreaterThan(0);
      expect(largest(data.map((x, i) => x - ours[i]!)) / largest(data), name).toBeLessThan(1e-4);
    };
    const scheduler = schedulerConfig.parse({ prediction_type: layout.prediction });
    const text = await asStates('text.', states.text);
    const denoiser = await asStates('unet.', states.unet);
    const tokens = clipTokenEmbedding(text.p, layout.textEncoder, ids(2, 77));
    const hidden = clipText(text.p, layout.textEncoder, tokens);
    const [x, n] = [input('latents', golden.latents!.shape), input('noise', golden.noise!.shape)];
    const [t, signal, deviation] = ['timesteps', 'signal', 'deviation'].map((name) => input(name, [2])) as [Tensor, Tensor, Tensor];
    const predicted = unet(denoiser.p, layout.unet, addNoise(x, n, signal, deviation), t, hidden);
    const loss = mean(square(subtract(predicted, predictionTarget(scheduler.prediction_type, x, n, signal, deviation))));
    const names = Object.keys(golden).flatMap((name) =>
      /^gradient\.(?!tokens|hidden)/.test(name) ? [name.slice('gradient.'.length)] : [],
    );
    expect(names).toHaveLength(10);
    const [ofTokens, ofHidden, ...ofWeights] = gradients(loss, [tokens, hidden, ...names.map((name) => denoiser.tensors.get(name)!)]);
    const program = await engine.compile({
      outputs: {
        hidden,
        predicted,
        loss,
        'gradient.tokens': ofTokens!,
        'gradient.hidden': ofHidden!,
        ...Object.fromEntries(names.map((name, i) => [`gradient.${name}`, ofWeights[i]!])),
      },
    });
    const out = await program.run({
      ids: Int32Array.from(golden.ids!.data),
      latents: golden.latents!.data,
      noise: golden.noise!.data,
      ...diffusionFeeds(alphasCumprod(scheduler), [...golden.timesteps!.data]),
    });
    for (const [name, values] of Object.entries(out)) agrees(values as Float32Array, name);
    await program.release();

    const vae = await asStates('vae.', states.vae);
    const { mean: latents, logVariance } = vaeEncode(vae.p, layout.vae, input('pixels', golden.pixels!.shape));
    const decoded = vaeDecode(vae.p, layout.vae, input('small', golden.small!.shape));
    const both = await engine.compile({ outputs: { 'vae.mean': latents, 'vae.logvar': logVariance, 'vae.decoded': decoded } });
    const pictures = await both.run({ pixels: golden.pixels!.data, small: golden.small!.data });
    for (const [name, values] of Object.entries(pictures)) agrees(values as Float32Array, name);
    await both.release();
  });

  test('one file in latent-diffusion’s layout gives the same tensors, names and all', async () => {
    const { layout } = await readGolden(version);
    const folder = await scratch();
    const path = join(folder, 'small.safetensors');
    const states = statesOf(layout);
    const single: Record<string, Weight> = {};
    for (const [part, name, singleName] of realTensors(version)) {
      const weight = states[part][name];
      if (weight === undefined) continue; // a layer that the small model does not have
      const shape = part === 'vae' && /attentions\.0\.to_.*weight$/.test(name) ? [...weight.shape, 1, 1] : weight.shape;
      const before = single[singleName];
      // OpenCLIP's three projections are one matrix; text tensors come in no order, so rows are placed by their kind.
      const third = ['q_proj', 'k_proj', 'v_proj'].findIndex((kind) => name.includes(kind));
      if (version === 1 || part !== 'text' || third < 0) single[singleName] = { ...weight, shape };
      else {
        const joined = before ?? { data: new Float32Array(3 * weight.data.length), shape: [3 * shape[0]!, ...shape.slice(1)] };
        joined.data.set(weight.data, third * weight.data.length);
        single[singleName] = joined;
      }
    }
    const extra = { 'model_ema.decay': { data: Float32Array.of(1), shape: [] }, betas: { data: new Float32Array(4), shape: [4] } };
    await writeSafetensors(path, { ...single, ...extra });
    await fakeVocabulary(join(folder, 'tokenizer'), layout.textEncoder.vocab_size);
    const model = await singleFile(path, await openFile(path), layout, {});
    const parts = { text: model.textEncoder, unet: model.unet, vae: model.vae };
    let count = 0;
    for (const [part, weights] of Object.entries(states))
      for (const [name, { data, shape }] of Object.entries(weights)) {
        const tensor = parts[part as keyof typeof parts].parameters.get(name, shape) as Tensor<'constant'>;
        expect(tensor.attributes.source.kind).toBe('file');
        expect(
          valuesOf(tensor).every((x, i) => x === data[i]),
          name,
        ).toBe(true);
        count++;
      }
    const out = join(folder, 'out');
    await writeModelFolder(out, { ...model, contextualizer: undefined });
    const again = await loadModel(out);
    expect([again.textEncoder.config, again.unet.config, again.vae.config, again.scheduler]).toEqual(
      [model.textEncoder.config, model.unet.config, model.vae.config, model.scheduler].map(
        (config) => expect.objectContaining({ ...config, ...('eos_token_id' in config && { eos_token_id: 999 }) }) as unknown,
      ),
    );
    expect(again.tokenizer.padding).toBe(model.tokenizer.padding);
    for (const [name, { data, shape }] of Object.entries(states.unet))
      expect(
        valuesOf(again.unet.parameters.get(name, shape)).every((x, i) => x === data[i]),
        name,
      ).toBe(true);
    expect(count).toBe(686 + 248 + 4 + 16 * layout.textEncoder.num_hidden_layers);
  });

  test('the real model’s tensors go back to the names and shapes of a single file', () => {
    // One number a tensor stands for all of its values; OpenCLIP's joined projections have three.
    const parts: Record<'text' | 'unet' | 'vae', Record<string, Weight>> = { text: {}, unet: {}, vae: {} };
    realTensors(version).forEach(([part, name, , shape], i) => (parts[part][name] = { data: Float32Array.of(i), shape }));
    const layout = layouts[version];
    const joined = joinCheckpoint({ textEncoder: parts.text, unet: parts.unet, vae: parts.vae }, layout);
    const besides = /position_ids|logit_scale|^model_ema|resblocks\.23\./;
    const published = [...singleFileShapes(version)].filter(([name]) => !besides.test(name));
    expect(new Map(Object.entries(joined).map(([name, { shape }]) => [name, shape.join()]))).toEqual(
      new Map(published.map(([name, shape]) => [name, shape.join()])),
    );
    for (const [part, name, single] of realTensors(version)) {
      const third = version === 2 ? ['q_proj', 'k_proj', 'v_proj'].findIndex((kind) => part === 'text' && name.includes(kind)) : -1;
      expect(joined[single]!.data[Math.max(0, third)], single).toBe(parts[part][name]!.data[0]);
    }
    expect(isOpenClip(layout.textEncoder)).toBe(version === 2);
  });

  test('the real model’s tensors, all of them, by both of their names', async () => {
    const rows = realTensors(version);
    const counts = { text: 0, unet: 0, vae: 0 };
    for (const [part] of rows) counts[part]++;
    expect(counts).toEqual({ text: version === 1 ? 196 : 372, unet: 686, vae: 248 });
    const states = { text: new Map<string, string>(), unet: new Map<string, string>(), vae: new Map<string, string>() };
    for (const [part, name, , shape] of rows) states[part].set(name, shape.join());
    const { textEncoder, unet: denoiser, vae } = layouts[version];
    const traced = (trace: (p: Parameters) => unknown): Map<string, string> => {
      const { source, tensors } = stateSource();
      trace(new Parameters(source));
      return new Map([...tensors].map(([name, { shape }]) => [name, shape.join()]));
    };
    expect(traced((p) => clipText(p, textEncoder, clipTokenEmbedding(p, textEncoder, ids(1, 2))))).toEqual(states.text);
    expect(
      traced((p) => unet(p, denoiser, input('x', [1, 4, 8, 8]), input('t', [1]), input('text', [1, 2, denoiser.cross_attention_dim]))),
    ).toEqual(states.unet);
    expect(traced((p) => [vaeEncode(p, vae, input('pixels', [1, 3, 8, 8])), vaeDecode(p, vae, input('latents', [1, 4, 1, 1]))])).toEqual(
      states.vae,
    );

    // A file of the real size, all holes, as publishers lay it out: the header is all that loading reads.
    const folder = await scratch();
    const path = join(folder, `v${version}.safetensors`);
    await writeSparse(path, singleFileShapes(version));
    await fakeVocabulary(join(folder, 'tokenizer'), 49408);
    const model = await loadModel(path);
    expect(model.scheduler.prediction_type).toBe(version === 1 ? 'epsilon' : 'v_prediction');
    expect(model.unet.config.sample_size).toBe(version === 1 ? 64 : 96);
    expect(model.tokenizer.padding).toBe(version === 1 ? model.tokenizer.end : 0);
    expect(model.notes).toEqual(
      version === 1
        ? []
        : [
            `${path} does not say what its U-Net predicts: v at 768 pixels is assumed, as most of Stable Diffusion 2 do; --prediction epsilon is for the others (512 pixels)`,
          ],
    );
    for (const [part, name, , shape] of rows)
      (part === 'text' ? model.textEncoder : part === 'unet' ? model.unet : model.vae).parameters.get(name, shape);
    if (version === 2) {
      const base = await loadModel(path, { prediction: 'epsilon' });
      expect([base.scheduler.prediction_type, base.unet.config.sample_size, base.notes]).toEqual(['epsilon', 64, []]);
      await writeFile(join(folder, 'v2.yaml'), 'model:\n  params:\n    parameterization: "v"\n');
      expect((await loadModel(path)).notes).toEqual([]);
      await writeFile(join(folder, 'v2.yaml'), 'model:\n  params:\n    image_size: 64\n');
      expect((await loadModel(path)).scheduler.prediction_type).toBe('epsilon');
    }
  });
});

/** A tokenizer's files of a given size, whose words mean nothing. */
async function fakeVocabulary(folder: string, size: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  const tokens = ['!', ...Array.from({ length: size - 3 }, (_, i) => `w${i}</w>`), startToken, endToken];
  await writeFile(join(folder, 'vocab.json'), JSON.stringify(Object.fromEntries(tokens.map((token, i) => [token, i]))));
  await writeFile(join(folder, 'merges.txt'), '#version: 0.2\n');
}

/** Names and shapes of a single file as publishers lay it out, with what it holds besides the three components. */
function* singleFileShapes(version: 1 | 2): Generator<readonly [string, readonly number[]]> {
  for (const [part, name, single, shape] of realTensors(version)) {
    if (single.includes('in_proj')) yield [single, [3 * shape[0]!, ...shape.slice(1)]];
    else yield [single, part === 'vae' && /attentions\.0\.to_.*weight$/.test(name) ? [...shape, 1, 1] : shape];
  }
  yield [`cond_stage_model.${version === 1 ? 'transformer.text_model.embeddings.position_ids' : 'model.logit_scale'}`, []];
  yield ['model_ema.diffusion_modeltime_embed0bias', [1280]];
  if (version === 2)
    for (const name of ['ln_1.weight', 'ln_1.bias']) yield [`cond_stage_model.model.transformer.resblocks.23.${name}`, [1024]];
}
