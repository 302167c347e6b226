/** Requests that are wrong: one line each, the right exit status, and nothing left behind. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, cp, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { writeSafetensors } from '../../src/files/safetensors.ts';
import { scratch } from '../scratch.ts';

interface Outcome {
  status: number | null;
  stdout: string;
  stderr: string;
}

function contextura(
  args: readonly string[],
  options: { shell?: string; onError?: (text: string, kill: () => void) => void } = {},
): Promise<Outcome> {
  const words = ['dist/cli/main.js', ...args];
  const child =
    options.shell === undefined
      ? spawn(process.execPath, words)
      : spawn('bash', ['-c', `${options.shell}; exec "$0" "$@"`, process.execPath, ...words]);
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
    options.onError?.(stderr, () => child.kill('SIGINT'));
  });
  return new Promise((resolve) => child.on('close', (status) => resolve({ status, stdout, stderr })));
}

const dog = 'examples/subjects/dog';
const short = ['--steps', '2', '--batch', '1', '--prompt-batch', '2', '--sample-every', '0', '--quiet'];
const learn = (out: string, ...more: string[]): string[] => [
  'customize',
  '--images',
  dog,
  '--class',
  'dog',
  '--out',
  out,
  ...short,
  ...more,
];

async function refused(args: readonly string[], message: RegExp, status = 2): Promise<void> {
  const outcome = await contextura(args);
  const lines = outcome.stderr.split('\n').filter((line) => line !== '' && !line.startsWith('npm '));
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(message);
  expect(outcome).toMatchObject({ status, stdout: '' });
}

describe('requests that are wrong', () => {
  test('pictures', async () => {
    const folder = await scratch();
    const out = join(folder, 'run');
    const withImages = (path: string): string[] => ['customize', '--images', path, '--class', 'dog', '--out', out, ...short];
    await refused(withImages(join(folder, 'missing')), /does not exist: name a folder/);
    await mkdir(join(folder, 'empty'));
    await refused(withImages(join(folder, 'empty')), /holds no pictures: 3 to 5 PNG, JPEG or WebP files are expected/);
    await writeFile(join(folder, 'empty', 'IMG_1.HEIC'), '');
    await refused(withImages(join(folder, 'empty')), /holds no pictures \(IMG_1\.HEIC is of another kind: convert it\)/);
    const masks = join(folder, 'masks');
    await mkdir(masks);
    for (const i of [1, 2, 3, 4, 5])
      await sharp({ create: { width: 100, height: 40, channels: 3, background: '#fff' } }).toFile(join(masks, `${i}.png`));
    await refused([...withImages(dog), '--masks', masks], /mask .*1\.png is 100 × 40 pixels and .*1\.png 256 × 256: a mask has the shape/);
    await rm(masks, { recursive: true });
    await refused(withImages('package.json'), /is a file: name the folder/);
    const mixed = join(folder, 'mixed');
    await cp(dog, mixed, { recursive: true });
    await writeFile(join(mixed, '9.png'), 'this is no picture');
    await refused(withImages(mixed), /9\.png cannot be read as a picture/);
    await sharp({ create: { width: 1, height: 1, channels: 3, background: '#f00' } }).toFile(join(mixed, '9.png'));
    await refused(withImages(mixed), /9\.png is 1 × 1 pixels; at least 16 × 16 are needed/);
    await writeFile(
      join(mixed, '9.png'),
      '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><rect width="64" height="64"/></svg>',
    );
    await refused(withImages(mixed), /9\.png is of the kind svg, whatever its name says; PNG, JPEG or WebP are read: convert it/);
    await rm(join(mixed, '9.png'));
    execFileSync('mkfifo', [join(mixed, '9.png')]);
    await refused(withImages(mixed), /9\.png is no file: replace it by a picture or leave it out/);
    expect(existsSync(out)).toBe(false);
  });

  test('words and numbers', async () => {
    const out = join(await scratch(), 'run');
    await refused(learn(out, '--class', 'zeppelin'), /--class zeppelin is unknown to the embedded model: choose one of dog/);
    await refused(learn(out, '--lambda', '-1'), /lambda \(λ\) is -1/);
    await refused(learn(out, '--lambda', 'much'), /--lambda much: a number is expected/);
    await refused(learn(out, '--mask-rate', '1'), /maskRate \(ρ\) is 1/);
    await refused(learn(out, '--mask-rate', '0'), /maskRate \(ρ\) is 0/);
    await refused(learn(out, '--steps', '0'), /steps is 0/);
    await refused(learn(out, '--token', 'dog'), /--token dog is a word that the model knows/);
    await refused(learn(out, '--colour', 'red'), /--colour is not a flag of customize/);
    await refused(learn(out, '--device', 'abacus'), /--device abacus: auto, cpu, webgpu or cuda is expected/);
    await refused(['generate', '--prompt', 'a dog', '--out', '--json'], /--out asks for a value: contextura generate --help tells which/);
    await refused(['generate', '--out', out, '--prompt'], /--prompt asks for a value/);
    await refused(['generate', '--prompt', 'a dog', '--out', out, '--prompt=a cat'], /--prompt is given more than once/);
    await refused(['generate', '--prompt', 'a dog', '--artefact', 'a', '--artefact', 'b', '--out', out], /several in one, with commas/);
    await refused(
      ['generate', '--prompt', 'a dog', '-n', '2', '--out', out],
      /-n is not a flag of generate: flags begin with two dashes, as in --n/,
    );
    await refused(['custumize'], /custumize is not a verb/);
    await refused(learn(out, 'recipe.json', 'another.json'), /another\.json is one word too many: contextura customize --help/);
    const few = ['--method', 'dreambooth', '--token', 'sks', '--prior-images', dog, '--prior-count', '50'];
    await refused(learn(out, ...few), /--prior-images .* holds 5 pictures, --prior-count asks for 50: add some, or ask for fewer/);
    expect(existsSync(out)).toBe(false);
  });

  test('recipes and prompt files', async () => {
    const folder = await scratch();
    const out = join(folder, 'run');
    const recipe = join(folder, 'recipe.json');
    await writeFile(recipe, JSON.stringify({ images: dog, class: 'dog', lamda: 1 }));
    await refused(['customize', recipe, '--out', out], /unknown key lamda; it takes model, images/);
    await writeFile(recipe, '{"images": ');
    await refused(['customize', recipe, '--out', out], /recipe\.json is not JSON: see its end/);
    await writeFile(recipe, '{"images": "x",\n "class": "dog", }');
    await refused(['customize', recipe, '--out', out], /recipe\.json is not JSON: see line 2, column 18 \(no comments/);
    await writeFile(recipe, '[1]');
    await refused(['customize', recipe, '--out', out], /recipe\.json holds a list: an object of keys is expected/);
    await writeFile(recipe, '\uFEFF{"images": "nowhere", "class": "dog", "steps": "two"}');
    await refused(['customize', recipe, '--out', out], /recipe\.json: steps is "two": a number is expected/);
    await refused(['customize', join(folder, 'none.json'), '--out', out], /none\.json cannot be read/);
    const prompts = join(folder, 'prompts.txt');
    await writeFile(prompts, '\n\n');
    await refused(learn(out, '--prompts', prompts), /prompts\.txt/);
    await writeFile(prompts, 'a dog without its mark\n');
    await refused(learn(out, '--prompts', prompts), /prompts\.txt/);
    expect(existsSync(out)).toBe(false);
  });

  test('models and artefacts that are damaged', async () => {
    const folder = await scratch();
    const model = join(folder, 'model');
    await cp('assets/tiny', model, { recursive: true });
    await truncate(join(model, 'unet', 'diffusion_pytorch_model.safetensors'), 100_000);
    await refused(learn(join(folder, 'run'), '--model', model), /diffusion_pytorch_model\.safetensors/);
    const lora = join(folder, 'lora.safetensors');
    await writeSafetensors(lora, { 'lora_unet_x.lora_down.weight': { data: new Float32Array(4), shape: [2, 2] } });
    await refused(
      learn(join(folder, 'run'), '--model', lora),
      /lora\.safetensors is a LoRA \(kohya’s layout\), which goes to --artefact, beside the model/,
    );
    const wrong = ['generate', '--prompt', 'a dog', '--out', join(folder, 'pictures')];
    await refused([...wrong, '--prediction', 'x'], /--prediction x: epsilon or v is expected/);
    await refused([...wrong, '--model', join(folder, 'none')], /--model .*none does not exist: name a folder in diffusers’ layout/);
    const artefact = join(folder, 'learned_embeds.safetensors');
    await copyFile('package.json', artefact);
    await refused(
      ['generate', '--prompt', 'a dog', '--artefact', artefact, '--out', join(folder, 'pictures')],
      /learned_embeds\.safetensors/,
    );
    expect((await readdir(folder)).toSorted()).toEqual(['learned_embeds.safetensors', 'lora.safetensors', 'model']);
  });

  test('an output folder that holds another run, or something else', async () => {
    const folder = await scratch();
    const out = join(folder, 'run');
    expect(await contextura(learn(out))).toMatchObject({ status: 0 });
    const before = await readFile(join(out, 'run.json'));
    await refused(learn(out), /holds another run: choose another folder, or go on with --resume/);
    expect((await readFile(join(out, 'run.json'))).equals(before)).toBe(true);
    await refused(learn(folder), /is not empty and holds no run/);
    await refused(learn(join(folder, 'elsewhere'), '--resume', out), /cannot change a run that is resumed/);
    await refused(['customize', '--resume', folder], /there is no run\.json/);
  });

  test('a disk that takes no more', async () => {
    const folder = await scratch();
    const out = join(folder, 'run');
    const outcome = await contextura(learn(out), { shell: 'ulimit -f 1' });
    expect(outcome.stderr.trim()).toMatch(/cannot be written/);
    expect(outcome.status).toBe(1);
    const left = existsSync(out) ? await readdir(out, { recursive: true }) : [];
    expect(left.filter((name) => name.endsWith('.part'))).toEqual([]);
    expect(left.filter((name) => name.endsWith('learned_embeds.safetensors'))).toEqual([]);
  });
});

describe('interruption', () => {
  test('Ctrl-C keeps a checkpoint, says how to go on, and ends with 130', async () => {
    const out = join(await scratch(), 'run');
    const args = ['customize', '--images', dog, '--class', 'dog', '--out', out, '--steps', '100000', '--batch', '1', '--sample-every', '0'];
    let sent = false;
    const outcome = await contextura(args, {
      onError: (text, kill) => {
        if (!sent && text.includes('step ')) {
          sent = true;
          kill();
        }
      },
    });
    expect(outcome.status).toBe(130);
    expect(outcome.stderr).toContain(`--resume ${out}`);
    const names = await readdir(join(out, 'checkpoints'));
    const step = Math.max(...names.map((name) => Number(/\d+/.exec(name)![0])));
    await refused(['customize', '--resume', out, '--steps', String(step - 1)], /is at step \d+ already/);
    const resumed = await contextura(['customize', '--resume', out, '--steps', String(step + 2), '--json', '--quiet']);
    expect(resumed).toMatchObject({ status: 0 });
    expect(JSON.parse(resumed.stdout)).toMatchObject({ step: step + 2 });
  });
});
