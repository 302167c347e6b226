import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { isInside, planFiles, planNetwork } from '../../src/files/hub-plan.ts';

const plan = (paths: readonly string[], variant?: string) => {
  const { files, lacking } = planFiles(
    paths.map((path) => ({ path })),
    variant,
  );
  return { files: files.map(({ path }) => path).toSorted(), lacking };
};

/** What publishers of Stable Diffusion put into a repository. */
const common = [
  'README.md',
  '.gitattributes',
  'model_index.json',
  'feature_extractor/preprocessor_config.json',
  'safety_checker/config.json',
  'safety_checker/model.safetensors',
  'safety_checker/pytorch_model.bin',
  'scheduler/scheduler_config.json',
  'text_encoder/config.json',
  'tokenizer/merges.txt',
  'tokenizer/special_tokens_map.json',
  'tokenizer/tokenizer_config.json',
  'tokenizer/vocab.json',
  'unet/config.json',
  'vae/config.json',
  'v1-5-pruned.ckpt',
  'v1-5-pruned-emaonly.safetensors',
  'unet/model.onnx',
  'unet/weights.pb',
  'unet/diffusion_flax_model.msgpack',
  'text_encoder/flax_model.msgpack',
];
const weights = (variant: string, format: string): string[] => [
  `text_encoder/${format === 'bin' ? 'pytorch_model' : 'model'}${variant}.${format}`,
  `unet/diffusion_pytorch_model${variant}.${format}`,
  `vae/diffusion_pytorch_model${variant}.${format}`,
];
const kept = common.filter((path) => /^(model_index|scheduler|tokenizer|(text_encoder|unet|vae)\/config)/.test(path));

test('one set of weights a component', () => {
  const all = [...common, ...['', '.fp16', '.non_ema'].flatMap((v) => ['safetensors', 'bin'].flatMap((f) => weights(v, f)))];
  expect(plan(all)).toEqual({ files: [...kept, ...weights('', 'safetensors')].toSorted(), lacking: [] });
  expect(plan(all, 'fp16')).toEqual({ files: [...kept, ...weights('.fp16', 'safetensors')].toSorted(), lacking: [] });
  const halves = [...common, ...weights('.fp16', 'safetensors'), ...weights('.fp16', 'bin')];
  expect(plan(halves).files).toEqual([...kept, ...weights('.fp16', 'safetensors')].toSorted());
  const old = [...common, ...weights('', 'bin'), ...weights('.fp16', 'bin')];
  expect(plan(old).files).toEqual([...kept, ...weights('', 'bin')].toSorted());
});

test('a variant that a component lacks falls back, one that all lack is refused', () => {
  const [text, ...rest] = weights('.fp16', 'safetensors');
  const some = [...common, ...weights('', 'safetensors'), ...rest];
  expect(plan(some, 'fp16').files).toEqual([...kept, 'text_encoder/model.safetensors', ...rest].toSorted());
  expect(plan(some).files).not.toContain(text);
  expect(() => plan([...common, ...weights('', 'safetensors')], 'fp8')).toThrow(
    '--variant fp8: the model has no such weights, it has full precision: leave --variant out',
  );
});

test('shards come with their index, or not at all', () => {
  const shards = [1, 2].map((i) => `unet/diffusion_pytorch_model-0000${i}-of-00002.safetensors`);
  const index = 'unet/diffusion_pytorch_model.safetensors.index.json';
  const [text, , vae] = weights('', 'safetensors') as [string, string, string];
  expect(plan([...common, text, vae, index, ...shards])).toEqual({ files: [...kept, text, vae, index, ...shards].toSorted(), lacking: [] });
  expect(plan([...common, text, vae, index, shards[0]!]).lacking).toEqual(['weights of unet']);
  expect(plan([...common, text, vae, ...shards]).lacking).toEqual(['weights of unet']);
});

test('what is lacking is named', () => {
  expect(plan(['README.md', 'model.safetensors']).lacking).toEqual([
    'model_index.json',
    'text_encoder/config.json',
    'weights of text_encoder',
    'unet/config.json',
    'weights of unet',
    'vae/config.json',
    'weights of vae',
    'scheduler/scheduler_config.json',
    'tokenizer/vocab.json and merges.txt',
  ]);
});

test.each(['../x', 'a/../../x', '/etc/x', 'a//b', '', '.', 'a/.', 'C:\\x', 'a\\..\\b', 'c:x', 'a\0b'])('%j leaves its folder', (path) =>
  expect(isInside(path)).toBe(false),
);

test('a path that stays inside says so, whatever its names', () => {
  fc.assert(
    fc.property(fc.array(fc.stringMatching(/^[\w -]+(\.\w+)*$/), { minLength: 1 }), (parts) => {
      expect(isInside(parts.join('/'))).toBe(true);
      expect(isInside([...parts, '..', 'x'].join('/'))).toBe(false);
    }),
  );
});

test('one network as transformers writes it', () => {
  const of = (paths: readonly string[]) => {
    const { files, lacking } = planNetwork(paths.map((path) => ({ path })));
    return { files: files.map(({ path }) => path), lacking };
  };
  const small = ['config.json', 'merges.txt', 'tokenizer.json', 'tokenizer_config.json', 'vocab.json'];
  const rest = ['README.md', 'preprocessor_config.json', 'tf_model.h5', 'flax_model.msgpack', 'onnx/model.onnx', 'unet/model.safetensors'];
  expect(of([...rest, ...small, 'pytorch_model.bin', 'model.safetensors'])).toEqual({
    files: [...small, 'model.safetensors'],
    lacking: [],
  });
  expect(of([...rest, 'config.json', 'pytorch_model.bin'])).toEqual({ files: ['config.json', 'pytorch_model.bin'], lacking: [] });
  const shards = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors', 'model.safetensors.index.json'];
  expect(of(['config.json', ...shards]).files.toSorted()).toEqual(['config.json', ...shards]);
  expect(of(rest)).toEqual({ files: [], lacking: ['config.json', 'weights'] });
});
