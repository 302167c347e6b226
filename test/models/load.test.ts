/** Loading from all that models are published as, and the refusal of what is no model or not a whole one. */
import { cp, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { UserError } from '../../src/errors.ts';
import { valuesOf } from '../../src/files/constants.ts';
import { toHalves } from '../../src/graph/half.ts';
import { openSafetensors } from '../../src/files/safetensors.ts';
import { readEntry } from '../../src/files/tensors.ts';
import { Engine, evaluate } from '../../src/graph/engine.ts';
import { interpret } from '../../src/graph/interpreter.ts';
import { add, concat, fileConstant, input, matmul } from '../../src/graph/ops.ts';
import type { Tensor } from '../../src/graph/tensor.ts';
import { familyOf } from '../../src/models/family.ts';
import { loadModel } from '../../src/models/load.ts';
import { frozenParameters, openWeights } from '../../src/models/weights.ts';
import { readTokenizer } from '../../src/text/tokenizer.ts';
import { scratch } from '../scratch.ts';
import { rewriteHeader, writeSparse } from './headers.ts';
import type { Header } from './headers.ts';

let engine: Engine;
beforeAll(() => {
  engine = new Engine({ threads: 1 });
});
afterAll(() => engine.close());

/** A copy of the embedded model to change. */
async function copy(): Promise<string> {
  const folder = join(await scratch(), 'model');
  await cp('assets/tiny', folder, { recursive: true });
  return folder;
}
const unetFile = (folder: string, variant = ''): string => join(folder, 'unet', `diffusion_pytorch_model${variant}.safetensors`);

async function refused(load: Promise<unknown>, message: string | RegExp): Promise<void> {
  const error = await load.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UserError);
  if (typeof message === 'string') expect((error as UserError).message).toBe(message);
  else expect((error as UserError).message).toMatch(message);
  expect((error as UserError).message).not.toContain('\n');
}

describe('constants inside files', () => {
  test.each(['float16', 'bfloat16', 'float32'] as const)(
    '%s: ONNX Runtime and the interpreter read what is there, unaligned',
    async (stored) => {
      const path = join(await scratch(), 'numbers.bin');
      const values = [1, -2, 0.5, Math.PI, 65504, 1e-7, -0.1, 3e-5];
      const bits = new Uint32Array(Float32Array.from(values).buffer);
      const bytes =
        stored === 'float32'
          ? Buffer.from(bits.buffer)
          : Buffer.from((stored === 'float16' ? toHalves(Float32Array.from(values)) : Uint16Array.from(bits, (b) => b >>> 16)).buffer);
      await writeFile(path, Buffer.concat([Buffer.from([9]), bytes]));
      const [row, matrix] = [fileConstant(path, 1, [8], stored), fileConstant(path, 1, [4, 2], stored)];
      const outputs = { sum: add(row, 0.25), product: matmul(input('x', [2, 4]), matrix) };
      const feeds = { x: Float32Array.of(1, 0, 0, 1, 0, 1, 0, 0) };
      const native = await evaluate(engine, outputs, feeds);
      const [sum, product] = interpret([outputs.sum, outputs.product], feeds);
      const close = (a: ArrayLike<number>, b: ArrayLike<number>): void =>
        Array.from(a).forEach((x, i) => expect(Math.abs(x - b[i]!)).toBeLessThanOrEqual(1e-7 * Math.abs(b[i]!)));
      close(native.sum!, sum!);
      close(native.product!, product!);
      close(valuesOf(row), sum!.map((x) => x - 0.25).map(Math.fround));
      const error = stored === 'float32' ? 1e-7 : stored === 'float16' ? 2 ** -11 : 2 ** -7;
      values.slice(0, 5).forEach((x, i) => expect(Math.abs(sum![i]! - 0.25 - x)).toBeLessThanOrEqual(error * Math.abs(x)));
    },
  );

  test('files of different trees, one of them behind a link', async () => {
    const [a, b] = [await scratch(), await scratch()];
    await writeFile(join(a, 'a.bin'), Buffer.from(Float32Array.of(1, 2).buffer));
    await mkdir(join(b, 'deep', 'blobs'), { recursive: true });
    await writeSparse(join(b, 'deep', 'blobs', 'b0'), [['x', [2]]]);
    await symlink(join('blobs', 'b0'), join(b, 'deep', 'model.safetensors'));
    const p = frozenParameters(await openWeights(join(b, 'deep'), 'model'));
    const here = fileConstant('assets/tiny/model_index.json', 0, [2]);
    const { y } = await evaluate(engine, { y: concat([fileConstant(join(a, 'a.bin'), 0, [2]), p.get('x', [2]), here], 0) });
    expect([...y!].slice(0, 4)).toEqual([1, 2, 0, 0]);
  });
});

describe('a folder', () => {
  test('half-precision variants, where there is nothing better', async () => {
    const folder = await copy();
    await rename(unetFile(folder), unetFile(folder, '.fp16'));
    expect((await openWeights(join(folder, 'unet'), 'diffusion_pytorch_model')).source).toBe(unetFile(folder, '.fp16'));
    await loadModel(folder);
    await cp(unetFile(folder, '.fp16'), unetFile(folder));
    expect((await openWeights(join(folder, 'unet'), 'diffusion_pytorch_model')).source).toBe(unetFile(folder));
  });

  test('shards with an index', async () => {
    const folder = await copy();
    const { tensors } = await openSafetensors(unetFile(folder));
    const before = new Map([...tensors.values()].map((entry) => [entry.name, readEntry(entry)]));
    const shardOf = (name: string): string => `diffusion_pytorch_model-0000${name.startsWith('up') ? 2 : 1}-of-00002.safetensors`;
    for (const shard of [shardOf('up'), shardOf('down')])
      await rewriteHeader(
        unetFile(folder),
        (header) => Object.fromEntries(Object.entries(header).filter(([name]) => shardOf(name) === shard)),
        join(folder, 'unet', shard),
      );
    await rm(unetFile(folder));
    const index = `${unetFile(folder)}.index.json`;
    const map = Object.fromEntries([...tensors.keys()].map((name) => [name, shardOf(name)]));
    await writeFile(index, JSON.stringify({ metadata: {}, weight_map: map }));
    const sharded = (await loadModel(folder)).unet;
    // Expectations of whole weights take half a minute.
    const bytes = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer =>
      Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
    for (const { name, shape } of tensors.values()) {
      const isSame = bytes(valuesOf(sharded.parameters.get(name, shape)) as Float32Array).equals(bytes(before.get(name)!));
      expect(isSame, name).toBe(true);
    }
    await writeFile(index, JSON.stringify({ weight_map: { ...map, 'conv_in.weight': shardOf('up') } }));
    await refused(loadModel(folder), `${index} says that ${shardOf('up')} holds conv_in.weight, which it does not: fetch the model again`);
    await writeFile(index, JSON.stringify({ weight_map: { ...map, 'conv_in.weight': '../../x.safetensors' } }));
    await refused(loadModel(folder), `${index} names ../../x.safetensors, which is outside its folder: fetch the model again`);
    await writeFile(index, JSON.stringify({ weight_map: map }));
    await rm(join(folder, 'unet', shardOf('up')));
    await refused(loadModel(folder), `${join(folder, 'unet', shardOf('up'))} does not exist`);
  });

  test('PyTorch’s .bin, where there is no .safetensors', async () => {
    const folder = await scratch();
    await cp('test/golden/pickles/checkpoint.pt', join(folder, 'pytorch_model.bin'));
    const { tensors } = await openWeights(folder, 'model', 'pytorch_model');
    expect(tensors.get('half')).toMatchObject({ dtype: 'F16', shape: [2, 3] });
    const p = frozenParameters({ source: folder, tensors });
    const kinds = ['single', 'half', 'brain', 'double'].map((name) => p.get(name, tensors.get(name)!.shape) as Tensor<'constant'>);
    expect(kinds.map((tensor) => tensor.attributes.source.kind)).toEqual(['file', 'file', 'file', 'memory']);
    for (const tensor of kinds) expect([...valuesOf(tensor)]).toEqual([-0.5, -0.25, 0, 0.25, 0.5, 0.75]);
    await refused(
      openWeights(folder, 'diffusion_pytorch_model'),
      `${folder} holds no diffusion_pytorch_model.safetensors (nor shards, a variant or diffusion_pytorch_model.bin of it): fetch the model again`,
    );
  });

  test('names that older files have', async () => {
    const folder = await copy();
    const now = await loadModel('assets/tiny');
    await rewriteHeader(join(folder, 'vae', 'diffusion_pytorch_model.safetensors'), (header) =>
      Object.fromEntries(
        Object.entries(header).map(([name, entry]) => {
          const old = name
            .replace('.to_q.', '.query.')
            .replace('.to_k.', '.key.')
            .replace('.to_v.', '.value.')
            .replace('.to_out.0.', '.proj_attn.');
          return [old, old !== name && name.endsWith('weight') ? { ...entry, shape: [...entry.shape, 1, 1] } : entry];
        }),
      ),
    );
    await rewriteHeader(join(folder, 'text_encoder', 'model.safetensors'), (header) => ({
      ...Object.fromEntries(Object.entries(header).map(([name, entry]) => [name.replace(/^text_model\./, ''), entry])),
      'embeddings.position_ids': { dtype: 'I64', shape: [0], data_offsets: [0, 0] },
    }));
    const old = await loadModel(folder);
    for (const [part, name, shape] of [
      ['vae', 'decoder.mid_block.attentions.0.to_out.0.weight', [64, 64]],
      ['vae', 'encoder.mid_block.attentions.0.to_q.bias', [64]],
      ['textEncoder', 'text_model.final_layer_norm.weight', [128]],
    ] as const)
      expect(valuesOf(old[part].parameters.get(name, shape))).toEqual(valuesOf(now[part].parameters.get(name, shape)));
  });

  test.each<[string, (header: Header) => Header | undefined, string]>([
    [
      'lacks tensors',
      (header) => Object.fromEntries(Object.entries(header).filter(([name]) => !name.startsWith('conv_in.'))),
      'lacks conv_in.weight and 1 more, which its config.json asks for',
    ],
    [
      'has one too many',
      (header) => ({ ...header, 'controlnet.weight': { dtype: 'F16', shape: [0], data_offsets: [0, 0] } }),
      'holds controlnet.weight, which its config.json does not ask for',
    ],
    [
      'has one of another shape',
      (header) => void header['conv_in.weight']!.shape.reverse(),
      ': tensor conv_in.weight is [3, 3, 4, 48], its config.json asks for [48, 4, 3, 3]',
    ],
    [
      'has whole numbers',
      (header) => void (header['conv_in.bias']!.dtype = 'I16'),
      ': tensor conv_in.bias has dtype I16; floating-point weights are expected',
    ],
  ])('whose U-Net %s', async (_, change, message) => {
    const folder = await copy();
    await rewriteHeader(unetFile(folder), change);
    const path = unetFile(folder);
    await refused(loadModel(folder), message.startsWith(':') ? `${path}${message}` : `${path} ${message}`);
  });

  test.each<[string, string, Record<string, unknown>, RegExp]>([
    [
      'of Stable Diffusion XL',
      'model_index.json',
      { _class_name: 'StableDiffusionXLPipeline' },
      /is a Stable Diffusion XL model \(StableDiffusionXLPipeline\), not supported yet; --model takes a folder/,
    ],
    ['of Flux', 'model_index.json', { _class_name: 'FluxPipeline' }, /is a Flux model \(FluxPipeline\), not /],
    ['of something else', 'model_index.json', { _class_name: 'KandinskyPipeline' }, /is a KandinskyPipeline, not supported yet/],
    ['that inpaints', 'unet/config.json', { in_channels: 9 }, /config\.json: in_channels is 9, which is not supported yet; 4 is$/],
    [
      'of deeper transformers',
      'unet/config.json',
      { transformer_layers_per_block: [1, 2, 10] },
      /transformer_layers_per_block is \[1,2,10\], which is not supported yet; 1 is$/,
    ],
    [
      'with heads that do not divide its widths',
      'unet/config.json',
      { attention_head_dim: 7 },
      /unet\/config\.json contradicts itself: 48 channels can not be split into 16 groups and 7 heads$/,
    ],
    [
      'without a terminal signal',
      'scheduler/scheduler_config.json',
      { rescale_betas_zero_snr: true },
      /rescale_betas_zero_snr is true, which is not supported yet; false is$/,
    ],
    [
      'of another number of words',
      'text_encoder/config.json',
      { vocab_size: 1604 },
      /token_embedding\.weight is \[1603, 128\], its config\.json asks for \[1604, 128\]$/,
    ],
  ])('%s', async (_, name, change, message) => {
    const folder = await copy();
    const { default: before } = (await import(join(process.cwd(), 'assets/tiny', name), { with: { type: 'json' } })) as { default: object };
    await writeFile(join(folder, name), JSON.stringify({ ...before, ...change }));
    await refused(loadModel(folder), message);
  });

  test('that is none, or is not there', async () => {
    const folder = await scratch();
    await refused(
      loadModel(folder),
      `${folder} has no model_index.json: --model takes a folder in diffusers’ layout, one .safetensors or .ckpt file of Stable Diffusion 1 or 2, a hub’s owner/name, or tiny`,
    );
    await refused(loadModel(join(folder, 'none')), /none does not exist: name a folder in diffusers’ layout/);
    const model = await copy();
    await writeFile(
      join(model, 'contextualizer', 'config.json'),
      JSON.stringify({ vocab_size: 49408, hidden_size: 128, intermediate_size: 512, num_attention_heads: 4 }),
    );
    await refused(
      loadModel(model),
      `${join(model, 'contextualizer')} is for a text encoder of width 128 and 49408 tokens; this one has 128 and 1603: pretrain a contextualizer for this model`,
    );
  });
});

const ldm = 'model.diffusion_model.';
const attended = `${ldm}input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight`;
const clip = 'cond_stage_model.transformer.text_model.final_layer_norm.weight';
/** A telling tensor or two of each kind of file, and what it is. */
const kinds: [name: string, shapes: Record<string, number[]>][] = [
  ['a LoRA (kohya’s layout)', { 'lora_unet_mid_block_attentions_0_proj_in.lora_down.weight': [4, 8], 'lora_te_x.alpha': [] }],
  ['a LoRA (diffusers’ layout)', { 'unet.mid_block.attentions.0.to_q.lora_A.weight': [4, 8] }],
  ['Custom Diffusion weights', { 'mid_block.attentions.0.transformer_blocks.0.attn2.processor.to_k_custom_diffusion.weight': [8, 8] }],
  ['a Flux checkpoint', { 'model.diffusion_model.double_blocks.0.img_attn.qkv.weight': [8, 8] }],
  ['a Stable Diffusion 3 checkpoint', { 'model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight': [8, 8] }],
  ['a Stable Diffusion XL checkpoint', { [`${ldm}label_emb.0.0.weight`]: [8, 8], 'conditioner.embedders.0.x': [1] }],
  ['a ControlNet', { 'control_model.input_blocks.0.0.weight': [8, 4, 3, 3] }],
  [
    'an inpainting checkpoint of Stable Diffusion',
    { [`${ldm}input_blocks.0.0.weight`]: [320, 9, 3, 3], [attended]: [320, 768], [clip]: [768] },
  ],
  [
    'a variant of Stable Diffusion with further inputs (depth, editing or upscaling)',
    { [`${ldm}input_blocks.0.0.weight`]: [320, 5, 3, 3], [attended]: [320, 1024] },
  ],
  ['Stable Diffusion 1 (single file)', { [`${ldm}input_blocks.0.0.weight`]: [320, 4, 3, 3], [attended]: [320, 768], [clip]: [768] }],
  ['Stable Diffusion 2 (single file)', { [attended]: [320, 1024], 'cond_stage_model.model.ln_final.weight': [1024] }],
  ['a U-Net in latent-diffusion’s layout without its text encoder', { [attended]: [320, 768] }],
  ['a VAE', { 'decoder.mid_block.resnets.0.conv1.weight': [8, 8, 3, 3] }],
  ['a CLIP text encoder', { 'text_model.encoder.layers.0.mlp.fc1.weight': [8, 8] }],
  ['a textual-inversion embedding', { '<v>': [4, 768] }],
  ['an embedding of Stable Diffusion XL', { clip_l: [1, 768], clip_g: [1, 1280] }],
];

describe('one file', () => {
  test.each(kinds)('%s is told by its tensors, and refused as a model where it is none', async (name, shapes) => {
    const path = join(await scratch(), 'file.safetensors');
    await writeSparse(path, Object.entries(shapes));
    expect(familyOf((await openSafetensors(path)).tensors)?.name).toBe(name);
    if (/single file/.test(name)) await refused(loadModel(path), /lacks|brings no tokenizer/);
    else await refused(loadModel(path), new RegExp(`file\\.safetensors is ${name.replace(/[()]/g, '\\$&')}, .*; --model takes a folder`));
  });

  test('of no known kind', async () => {
    const path = join(await scratch(), 'file.safetensors');
    await writeSparse(path, [['transformer.h.0.weight', [8, 8]]]);
    await refused(loadModel(path), /file\.safetensors holds 1 tensors of no known kind; --model takes a folder/);
    await refused(loadModel('package.json'), /package\.json is not a usable \.safetensors file: /);
  });

  test('without a tokenizer says where one is looked for', async () => {
    const path = join(await scratch(), 'sd.safetensors');
    await writeSparse(path, Object.entries(kinds.find(([name]) => name.startsWith('Stable Diffusion 1'))![1]));
    const folder = join(dirname(path), 'tokenizer');
    await refused(
      loadModel(path),
      `${path} brings no tokenizer: put CLIP's vocab.json and merges.txt into ${folder}, or name their folder with --tokenizer`,
    );
    await cp('assets/tiny/tokenizer', folder, { recursive: true });
    await refused(
      loadModel(path),
      new RegExp(
        `^${path} \\(text encoder\\) lacks text_model\\.embeddings\\.token_embedding\\.weight and 194 more, which Stable Diffusion 1 asks for$`,
      ),
    );
    await refused(
      loadModel(path, { tokenizer: dirname(path) }),
      `${dirname(path)} holds no CLIP tokenizer: vocab.json and merges.txt, or tokenizer.json, are expected`,
    );
    expect(basename(path)).toBe('sd.safetensors');
  });
});

describe('a tokenizer’s folder', () => {
  test('tokenizer.json alone says the same; special_tokens_map.json says what fills up', async () => {
    const folder = await scratch();
    const usual = await readTokenizer('assets/tiny/tokenizer');
    const { vocab, merges } = usual.definition;
    const text = 'a photo of a dog in the snow';
    for (const pairs of [merges, merges.map((merge) => merge.split(' '))]) {
      await writeFile(join(folder, 'tokenizer.json'), JSON.stringify({ model: { type: 'BPE', vocab, merges: pairs } }));
      expect((await readTokenizer(folder)).encode(text)).toEqual(usual.encode(text));
    }
    await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify({ pad_token: { content: '<|endoftext|>' } }));
    await writeFile(join(folder, 'special_tokens_map.json'), JSON.stringify({ pad_token: '!' }));
    const filled = (await readTokenizer(folder)).withPlaceholder('<v>', 1);
    expect([...filled.pad('a dog', 6)].slice(-3)).toEqual([filled.end, vocab['!'], vocab['!']]);
    await writeFile(join(folder, 'tokenizer.json'), '{"model":{"vocab":[]}}');
    await refused(readTokenizer(folder), `${join(folder, 'tokenizer.json')} is no CLIP vocabulary: fetch the tokenizer again`);
  });

  test.each([
    ['added_tokens.json', (words: Record<string, number>) => words],
    ['tokenizer_config.json', (words: Record<string, number>) => ({ added_tokens_decoder: swapped(words) })],
    [
      'tokenizer.json',
      (words: Record<string, number>) => ({ added_tokens: Object.entries(words).map(([content, id]) => ({ content, id })) }),
    ],
  ])('words that were added to the vocabulary are read from %s', async (name, holding) => {
    const folder = join(await scratch(), 'tokenizer');
    await cp('assets/tiny/tokenizer', folder, { recursive: true });
    const { vocabularySize: first } = await readTokenizer(folder);
    const write = (words: Record<string, number>): Promise<void> => writeFile(join(folder, name), JSON.stringify(holding(words)));
    // Special tokens, which stand in the vocabulary, are listed with them.
    await write({ '<|endoftext|>': first - 1, '<rex>': first, '<rex>_1': first + 1 });
    const tokenizer = await readTokenizer(folder);
    const [a, dog] = tokenizer.encode('a dog');
    expect(tokenizer.encode('a <rex> <rex>_1 dog')).toEqual([a, first, first + 1, dog]);
    expect(tokenizer.vocabularySize).toBe(first + 2);
    expect(tokenizer.withPlaceholder('<v>', 1).encode('<v><rex>')).toEqual([first + 2, first]);
    await write({ '<rex>': first + 1 });
    await refused(
      readTokenizer(folder),
      `${folder}: the words that were added to the vocabulary have ids ${first + 1}, where ${first} and what follows are expected: fetch the tokenizer again`,
    );
  });
});

const swapped = (words: Record<string, number>): object =>
  Object.fromEntries(Object.entries(words).map(([content, id]) => [id, { content }]));
