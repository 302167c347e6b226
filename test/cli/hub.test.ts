/** A model that a hub names, from the command line on: fetched, loaded out of the cache, and used. */
import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { serveHub } from '../files/hub-server.ts';
import { scratch } from '../scratch.ts';

async function folder(path: string): Promise<Record<string, Buffer>> {
  const entries = (await readdir(path, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const names = entries.map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name.slice(path.length + 1), await readFile(name)] as const)));
}

function contextura(args: readonly string[], env: Record<string, string>, onStart: (interrupt: () => void) => void = () => undefined) {
  const child = spawn(process.execPath, ['dist/cli/main.js', ...args], { env: { ...process.env, ...env } });
  onStart(() => void child.kill('SIGINT'));
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise<{ status: number | null; stdout: string; stderr: string }>((resolve) =>
    child.on('close', (status) => resolve({ status, stdout, stderr })),
  );
}

test('generate fetches a model once and gives the pictures of the same model on disk', async () => {
  const hub = await serveHub(await folder('assets/tiny'));
  const home = await scratch();
  const env = { HF_HOME: home, HF_ENDPOINT: hub.endpoint, HF_TOKEN: 'a-secret-word' };
  const common = ['--prompt', 'a dog', '--n', '1', '--steps', '1'];
  const generate = (model: string, out: string, ...more: string[]): string[] => [
    'generate',
    ...common,
    '--model',
    model,
    '--out',
    join(home, out),
    ...more,
  ];
  const first = await contextura(generate('owner/name', 'a'), env);
  expect(first).toMatchObject({ status: 0 });
  expect(first.stderr).toMatch(/fetching owner\/name: \d+ files, \d+ MB, to .*snapshots/);
  expect(first.stderr).not.toContain('secret');
  const requests = hub.requests.length;
  expect(await contextura(generate('owner/name', 'b', '--offline'), env)).toMatchObject({ status: 0 });
  expect(hub.requests).toHaveLength(requests);
  expect(await contextura(generate('tiny', 'c'), env)).toMatchObject({ status: 0 });
  const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((out) => readFile(join(home, out, '0000.png'))));
  expect(a!.equals(c!) && b!.equals(c!)).toBe(true);
  const inspected = await contextura(['inspect', 'owner/name', '--offline', '--json'], env);
  expect(JSON.parse(inspected.stdout)).toMatchObject({ class: 'StableDiffusionPipeline' });
});

test('what cannot be used is named before its weights are fetched; Ctrl-C says how to go on', async () => {
  const files = await folder('assets/tiny');
  const hub = await serveHub({ ...files, 'model_index.json': Buffer.from('{"_class_name": "StableDiffusionXLPipeline"}') });
  const home = await scratch();
  const env = { HF_HOME: home, HF_ENDPOINT: hub.endpoint };
  const refused = await contextura(['inspect', 'owner/name'], env);
  expect(refused.stderr).toMatch(
    /\ncontextura: owner\/name is a Stable Diffusion XL model \(StableDiffusionXLPipeline\), .*; --model takes a folder in diffusers’ layout/,
  );
  expect(refused.status).toBe(2);
  expect(hub.requests.filter(({ path }) => path.endsWith('.safetensors'))).toEqual([]);
  const slow = await serveHub(files);
  const weights = 'unet/diffusion_pytorch_model.safetensors';
  let interrupt = (): void => undefined;
  slow.behaviour.answer = (_, response, path) => {
    if (!path.endsWith(weights)) return false;
    response.writeHead(200, { 'content-length': files[weights]!.length }).write(Buffer.alloc(10));
    setTimeout(() => interrupt(), 200);
    return true;
  };
  const stopped = await contextura(['inspect', 'owner/name'], { HF_HOME: await scratch(), HF_ENDPOINT: slow.endpoint }, (kill) => {
    interrupt = kill;
  });
  expect(stopped.status).toBe(130);
  expect(stopped.stderr).toContain('stopping; what has been fetched is kept, and the same command goes on from there');
});
