import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { toolsFor } from '../../src/cli/scorers.ts';
import { listImages } from '../../src/files/images.ts';
import { writeSafetensors } from '../../src/files/safetensors.ts';
import { Engine } from '../../src/graph/engine.ts';
import { input } from '../../src/graph/ops.ts';
import { Random } from '../../src/graph/random.ts';
import { clipText, clipTextConfig, clipTextProjection, clipTokenEmbedding } from '../../src/models/clip-text.ts';
import { clipImage, vit, vitConfig } from '../../src/models/vit.ts';
import { initialValues } from '../../src/nn/initialize.ts';
import { Parameters, stateSource } from '../../src/nn/parameters.ts';
import { serveHub } from '../files/hub-server.ts';
import { scratch } from '../scratch.ts';

let engine: Engine;
beforeAll(() => void (engine = new Engine()));
afterAll(() => engine.close());

const vision = { hidden_size: 32, intermediate_size: 64, num_hidden_layers: 1, num_attention_heads: 2, image_size: 224, patch_size: 32 };
const words = { vocab_size: 1603, hidden_size: 16, intermediate_size: 32, num_hidden_layers: 1, num_attention_heads: 2 };

async function weights(path: string, trace: (p: Parameters) => void): Promise<void> {
  const { source, tensors } = stateSource();
  trace(new Parameters(source));
  await writeSafetensors(path, initialValues(tensors, new Random(1)));
}

/** A small CLIP and a small DINO as transformers writes them. */
async function networks(): Promise<{ clip: string; dino: string }> {
  const folder = await scratch();
  const [clip, dino] = [join(folder, 'clip'), join(folder, 'dino')];
  await mkdir(clip);
  await mkdir(dino);
  const text = clipTextConfig.parse({ ...words, max_position_embeddings: 77, projection_dim: 24 });
  const ids = input('ids', [1, 77], 'int32');
  await writeFile(
    join(clip, 'config.json'),
    JSON.stringify({ model_type: 'clip', projection_dim: 24, text_config: words, vision_config: vision }),
  );
  for (const name of ['vocab.json', 'merges.txt']) await writeFile(join(clip, name), await readFile(join('assets/tiny/tokenizer', name)));
  await weights(join(clip, 'model.safetensors'), (p) => {
    clipTextProjection(p, text, clipText(p, text, clipTokenEmbedding(p, text, ids)), ids);
    const config = vitConfig.parse({ ...vision, hidden_act: 'quick_gelu', projection_dim: 24 });
    clipImage(p, config, input('pixels', [1, 3, 224, 224]));
  });
  await writeFile(join(dino, 'config.json'), JSON.stringify({ model_type: 'vit', ...vision }));
  await weights(join(dino, 'model.safetensors'), (p) => void vit(p, vitConfig.parse(vision), input('pixels', [1, 3, 224, 224])));
  return { clip, dino };
}

const filesOf = async (folder: string, names: readonly string[]): Promise<Record<string, Buffer>> =>
  Object.fromEntries(await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name))] as const)));

test('a CLIP by its hub’s name is fetched once, without what is not needed, and is the one of the folder', async () => {
  const { clip, dino } = await networks();
  const files = await filesOf(clip, ['config.json', 'vocab.json', 'merges.txt', 'model.safetensors']);
  const hub = await serveHub({
    ...files,
    'README.md': Buffer.from('x'),
    'pytorch_model.bin': Buffer.from('x'),
    'onnx/model.onnx': Buffer.from('x'),
  });
  vi.stubEnv('HF_HOME', await scratch());
  vi.stubEnv('HF_ENDPOINT', hub.endpoint);
  try {
    const [picture] = await listImages('examples/subjects/dog');
    const tools = (name: string, offline = false) =>
      toolsFor(engine, picture!, { clip: name, dino, segmenter: 'none', offline, quiet: true });
    const [fetched, there] = [await tools('owner/name'), await tools(clip)];
    const asked = hub.requests.filter(({ path }) => path.includes('/resolve/')).map(({ path }) => path.split('/').at(-1));
    expect(new Set(asked)).toEqual(new Set(['config.json', 'merges.txt', 'model.safetensors', 'vocab.json']));
    expect(asked).toHaveLength(4);
    const [a, b] = await Promise.all([fetched, there].map(({ clip: one }) => one.embedTexts(['a dog'])));
    expect([...a![0]!]).toEqual([...b![0]!]);
    expect([fetched.clip.name, there.clip.name, fetched.dino.name]).toEqual(['owner/name', 'clip', 'dino']);
    expect(fetched.clip.id).toBe(there.clip.id);
    const requests = hub.requests.length;
    await tools('owner/name', true);
    expect(hub.requests).toHaveLength(requests);
  } finally {
    vi.unstubAllEnvs();
  }
});

test('what is no such network is named', async () => {
  const { clip, dino } = await networks();
  const { 'config.json': config } = await filesOf(clip, ['config.json']);
  const hub = await serveHub({ 'config.json': config!, 'unet/model.safetensors': Buffer.from('x') });
  vi.stubEnv('HF_HOME', await scratch());
  vi.stubEnv('HF_ENDPOINT', hub.endpoint);
  try {
    const [picture] = await listImages('examples/subjects/dog');
    await expect(toolsFor(engine, picture!, { clip: 'owner/name', dino, segmenter: 'none', quiet: true })).rejects.toThrow(
      'owner/name has no weights: a repository as transformers writes it, with PyTorch weights, is expected',
    );
    await expect(toolsFor(engine, picture!, { clip: dino, dino, segmenter: 'none', quiet: true })).rejects.toThrow(
      /^--clip .*dino: its config.json says model_type vit; clip is expected$/,
    );
  } finally {
    vi.unstubAllEnvs();
  }
});
