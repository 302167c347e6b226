/** The working folder's stages → `assets/`, in diffusers' layout, weights as float16. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { internal } from '../errors.ts';
import { writeAtomically } from '../files/atomic.ts';
import { writeSafetensors } from '../files/safetensors.ts';
import { textEncoderHash } from '../models/contextualizer-file.ts';
import { openWeights } from '../models/weights.ts';
import { pipelineIndex } from '../models/save.ts';
import { judgeVision, tinyText } from './clip.ts';
import { judgeVit } from './judges.ts';
import { contextualizerFor } from './contextualizer.ts';
import { tinySchedule, tinyUnet } from './denoiser.ts';
import type { Weights } from './fit.ts';
import { tinyTokenizer, under, without } from './tiny.ts';
import { tinyVae } from './vae.ts';
import { readWeights } from './workshop.ts';
import { vaeConfig } from '../models/vae.ts';

const json = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;

/** A stage's weights; of an unfinished one, the moving average in its checkpoint. */
export async function stageWeights(work: string, name: string): Promise<Weights | undefined> {
  const done = join(work, `${name}.safetensors`);
  if (existsSync(done)) return readWeights(done);
  const partial = join(work, `${name}.partial.safetensors`);
  return existsSync(partial) ? without('ema.', await readWeights(partial)) : undefined;
}

/** Weights of the first of these stages that there is. */
async function latest(work: string, names: readonly string[]): Promise<Weights | undefined> {
  for (const name of names) {
    const weights = await stageWeights(work, name);
    if (weights !== undefined) return weights;
  }
  return undefined;
}

async function component(
  folder: string,
  className: string,
  config: object,
  file: string,
  weights: Weights,
  metadata: Record<string, string> = {},
): Promise<void> {
  await writeAtomically(join(folder, 'config.json'), json({ _class_name: className, ...config }));
  await writeSafetensors(join(folder, file), weights, { format: 'pt', ...metadata }, 'F16');
}

/** Writes assets/tiny from what `work` holds. */
export async function exportTiny(work: string, assets: string): Promise<void> {
  const tokenizer = tinyTokenizer();
  const text = tinyText(tokenizer);
  const out = join(assets, 'tiny');
  const [vae, decoder, psi] = await Promise.all(['vae', 'vae-decoder', 'contextualizer'].map((name) => stageWeights(work, name)));
  const sharper = await latest(work, ['vae-finer', 'vae-sharper']);
  const denoiser = await latest(work, ['denoiser-finer', 'denoiser-sharper', 'denoiser']);
  const autoencoder = sharper ?? (vae === undefined ? undefined : { ...vae, ...decoder });
  if (autoencoder === undefined || denoiser === undefined) throw internal('the VAE and the denoiser are not trained yet');
  const scale = JSON.parse(await readFile(join(work, 'scale.json'), 'utf8')) as number;
  const diffusion = 'diffusion_pytorch_model.safetensors';
  const { vocab, merges } = tokenizer.definition;
  await writeAtomically(join(out, 'tokenizer', 'vocab.json'), `${JSON.stringify(vocab)}\n`);
  await writeAtomically(join(out, 'tokenizer', 'merges.txt'), `#version: 0.2\n${merges.join('\n')}\n`);
  await writeAtomically(
    join(out, 'tokenizer', 'tokenizer_config.json'),
    json({
      tokenizer_class: 'CLIPTokenizer',
      model_max_length: text.max_position_embeddings,
      bos_token: '<|startoftext|>',
      eos_token: '<|endoftext|>',
      pad_token: '<|endoftext|>',
      unk_token: '<|endoftext|>',
    }),
  );
  await component(
    join(out, 'text_encoder'),
    'CLIPTextModel',
    { architectures: ['CLIPTextModel'], model_type: 'clip_text_model', bos_token_id: tokenizer.start, ...text },
    'model.safetensors',
    without('text_encoder.', denoiser),
  );
  await component(join(out, 'unet'), 'UNet2DConditionModel', tinyUnet, diffusion, without('unet.', denoiser));
  await component(
    join(out, 'vae'),
    'AutoencoderKL',
    {
      ...tinyVae,
      scaling_factor: scale,
      down_block_types: tinyVae.block_out_channels.map(() => 'DownEncoderBlock2D'),
      up_block_types: tinyVae.block_out_channels.map(() => 'UpDecoderBlock2D'),
    },
    diffusion,
    autoencoder,
  );
  await writeAtomically(join(out, 'scheduler', 'scheduler_config.json'), json({ _class_name: 'DDIMScheduler', ...tinySchedule }));
  if (psi !== undefined) {
    const { tensors } = await openWeights(join(out, 'text_encoder'), 'model');
    const encoder = { text_encoder_sha256: textEncoderHash(tensors) };
    await component(join(out, 'contextualizer'), 'Contextualizer', contextualizerFor(text), 'model.safetensors', psi, encoder);
  }
  await writeAtomically(join(out, 'model_index.json'), json(pipelineIndex));
}

/** Puts the model of `assets` into an empty workshop, as if its second round had just ended: training can then go on. Its contextualizer is not taken along: it must be trained on what comes of it. */
export async function importTiny(assets: string, work: string): Promise<void> {
  const read = (...parts: string[]): Promise<Weights> => readWeights(join(assets, 'tiny', ...parts));
  const diffusion = 'diffusion_pytorch_model.safetensors';
  const stages: Record<string, Weights> = {
    'vae-sharper': await read('vae', diffusion),
    'denoiser-sharper': {
      ...under('unet.', await read('unet', diffusion)),
      ...under('text_encoder.', await read('text_encoder', 'model.safetensors')),
    },
  };
  for (const [name, weights] of Object.entries(stages)) {
    const path = join(work, `${name}.safetensors`);
    if (!existsSync(path)) await writeSafetensors(path, weights);
  }
  const { scaling_factor } = vaeConfig.parse(JSON.parse(await readFile(join(assets, 'tiny', 'vae', 'config.json'), 'utf8')));
  await writeAtomically(join(work, 'scale.json'), JSON.stringify(scaling_factor));
}

/** Writes assets/judges: clip with its tokenizer, dino, segmenter. */
export async function exportJudges(work: string, assets: string): Promise<void> {
  const tokenizer = tinyTokenizer();
  const out = join(assets, 'judges');
  const [clip, dino, mask] = await Promise.all(['judge-clip', 'judge-dino', 'judge-segmenter'].map((name) => stageWeights(work, name)));
  if (clip === undefined || dino === undefined || mask === undefined) throw internal('the judges are not trained yet');
  const { vocab, merges } = tokenizer.definition;
  await writeAtomically(join(out, 'clip', 'vocab.json'), `${JSON.stringify(vocab)}\n`);
  await writeAtomically(join(out, 'clip', 'merges.txt'), `#version: 0.2\n${merges.join('\n')}\n`);
  await component(
    join(out, 'clip'),
    'CLIPModel',
    { text_config: tinyText(tokenizer), vision_config: judgeVision },
    'model.safetensors',
    clip,
  );
  await component(join(out, 'dino'), 'ViTModel', judgeVit, 'model.safetensors', dino);
  await component(join(out, 'segmenter'), 'Segmenter', {}, 'model.safetensors', mask);
}
