/** contextura prompts, end to end: sets, side-cars, judgements, a language model that is interrupted, wrong requests. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { scratch } from '../scratch.ts';
import { answer, closedAddress, fail, fakeServer, goodPrompt } from '../text/misbehaving-server.ts';

interface Outcome {
  status: number | null;
  stdout: string;
  stderr: string;
}

function contextura(args: readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
  const child = spawn(process.execPath, ['dist/cli/main.js', ...args], {
    env: { ...process.env, OPENAI_API_KEY: '', ...env },
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise((resolve) => child.on('close', (status) => resolve({ status, stdout, stderr })));
}

async function refused(args: readonly string[], message: string, status = 2): Promise<void> {
  expect(await contextura(args)).toEqual({ status, stdout: '', stderr: `contextura: ${message}\n` });
}

test('a set with its side-car, which a check finds faultless', async () => {
  const out = join(await scratch(), 'teapot.txt');
  const made = await contextura(['prompts', '--class', 'teapot', '--count', '80', '--out', out, '--json']);
  expect(made.status).toBe(0);
  const text = await readFile(out, 'utf8');
  expect(text.trim().split('\n')).toHaveLength(80);
  const sidecar = JSON.parse(await readFile(`${out}.json`, 'utf8')) as Record<string, unknown>;
  expect(sidecar).toMatchObject({
    generator: { name: 'grammar', version: 2 },
    class: 'teapot',
    seed: 0,
    count: 80,
    types: { background: 10, viewpoint: 10 },
  });
  expect(sidecar.sha256).toBe(createHash('sha256').update(text).digest('hex'));
  expect(JSON.parse(made.stdout)).toMatchObject({ out, sha256: sidecar.sha256 });
  const checked = await contextura(['prompts', '--check', out, '--class', 'teapot', '--json', '--model', 'tiny', '--quiet']);
  const judgement = JSON.parse(checked.stdout) as { distance: number; count: number };
  expect(judgement.count).toBe(80);
  expect(judgement.distance).toBeGreaterThan(0.05);
  const plain = await contextura(['prompts', '--check', out, '--class', 'teapot']);
  expect(plain).toMatchObject({ status: 0, stderr: '' });
  expect(plain.stdout).toContain('80 prompts');
  await refused(['prompts', '--class', 'teapot', '--count', '8', '--out', out], `${out} exists already: choose another --out`);
  expect(await readFile(out, 'utf8')).toBe(text);
}, 120_000);

test('a poor file: each fault by its line, status 1', async () => {
  const file = join(await scratch(), 'poor.txt');
  await writeFile(file, 'a <v> in the snow\na dog in a hammock\na <v> asleep in a hammock\na photo of a <v> asleep in the hammock\n');
  const outcome = await contextura(['prompts', '--check', file, '--class', 'dog']);
  expect(outcome.status).toBe(1);
  expect(outcome.stderr.trim().split('\n')).toEqual([
    '1: evaluation prompt: "a {subject} in the snow" (a {subject} in the snow)',
    '2: no subject: "a dog in a hammock"',
    '4: near duplicate: "a photo of a {subject} asleep in the hammock" (a {subject} asleep in a hammock)',
    `contextura: ${file}: 3 faults in 4 prompts: mend or remove those lines`,
  ]);
}, 120_000);

test('a file of something else: lines are quoted by their beginning; without --class its word is not judged', async () => {
  const file = join(await scratch(), 'odd.txt');
  await writeFile(file, `${'x'.repeat(1_000_000)}\n\u0000\u001b[31m\u009b\u202e${'😀'.repeat(100)}\na dog and a {subject} in a barn\n`);
  const outcome = await contextura(['prompts', '--check', file]);
  expect(outcome.status).toBe(1);
  expect(outcome.stderr.trim().split('\n')).toEqual([
    'whether the class word stands in a prompt is not judged: say with --class what the subject is',
    `1: too long: "${'x'.repeat(80)}…"`,
    `2: control characters: "\ufffd\ufffd[31m\ufffd\ufffd${'😀'.repeat(72)}…"`,
    `contextura: ${file}: 2 faults in 3 prompts: mend or remove those lines`,
  ]);
}, 120_000);

test('a language model: the key stays out of every file and line, what an interruption left is gone on from', async () => {
  const key = 'sk-very-secret-key';
  let working = true;
  const server = await fakeServer((_, nth, response) => {
    if (!working) return fail(response, 401, `bad key ${key}`);
    if (nth === 3) working = false;
    answer(response, JSON.stringify({ prompts: Array.from({ length: 10 }, (_, i) => goodPrompt(10 * nth + i)) }));
  });
  const folder = await scratch();
  const out = join(folder, 'dog.txt');
  const args = [
    'prompts',
    '--class',
    'dog',
    '--count',
    '60',
    '--llm',
    server.url,
    '--llm-model',
    'm',
    '--types',
    'action,background',
    '--out',
    out,
  ];
  const first = await contextura(args, { OPENAI_API_KEY: key });
  expect(first.status).toBe(1);
  expect(first.stderr.trim().split('\n').at(-1)).toBe(
    `contextura: --llm ${server.url} refuses the request (401 bad key …): check the address, --llm-model m and OPENAI_API_KEY; what came so far is kept in ${out}.partial.jsonl`,
  );
  expect(existsSync(out)).toBe(false);
  expect((await readFile(`${out}.partial.jsonl`, 'utf8')).trim().split('\n')).toHaveLength(31);
  const changed = await contextura([...args, '--types', 'style'], { OPENAI_API_KEY: key });
  expect(changed.stderr).toMatch(
    /partial\.jsonl was begun with types "action,background", not "style": ask for the same, remove the file, or choose another --out/,
  );
  const before = server.asked.length;
  working = true;
  const second = await contextura(args, { OPENAI_API_KEY: key });
  expect(second.status).toBe(0);
  expect(server.asked.length - before).toBeLessThan(6);
  const sidecar = await readFile(`${out}.json`, 'utf8');
  expect(JSON.parse(sidecar)).toMatchObject({ generator: { name: 'llm', model: 'm', host: new URL(server.url).host }, count: 60 });
  expect((await readdir(folder)).toSorted()).toEqual(['dog.txt', 'dog.txt.json']);
  for (const text of [first.stderr, changed.stderr, second.stderr, second.stdout, sidecar]) expect(text).not.toContain(key);
}, 120_000);

test('nothing has come: nothing is left behind, and nothing is said to be kept', async () => {
  const folder = await scratch();
  const locked = await fakeServer((_, __, response) => fail(response, 401, 'bad key'));
  const asking = (url: string): string[] => [
    'prompts',
    '--class',
    'dog',
    '--llm',
    url,
    '--llm-model',
    'm',
    '--out',
    join(folder, 'dog.txt'),
  ];
  await refused(
    asking(locked.url),
    `--llm ${locked.url} refuses the request (401 bad key): check the address, --llm-model m and OPENAI_API_KEY`,
    1,
  );
  await refused([...asking(locked.url), '--rounds', 'many'], '--rounds many: a whole number from 1 to 1000 is expected');
  const closed = await closedAddress();
  await refused(
    [...asking(closed), '--quiet'],
    `--llm ${closed} cannot be reached (ECONNREFUSED, 6 attempts): start the server or check the address`,
    1,
  );
  expect(await readdir(folder)).toEqual([]);
}, 120_000);

test('wrong requests: one line each', async () => {
  await refused(['prompts'], '--class is missing: say what kind of thing the subject is, such as dog; or judge a file with --check FILE');
  await refused(
    ['prompts', '--class', '<b>dog'],
    '--class "<b>dog": a noun is expected, such as dog or teapot, in letters and at most 40 of them',
  );
  await refused(
    ['prompts', '--class', 'dog', '--types', 'mood'],
    '--types mood: some of background, action, variation, property, outfit, style, relation, viewpoint are expected, parted by commas',
  );
  await refused(
    ['prompts', '--class', 'dog', '--llm', 'localhost', '--llm-model', 'm'],
    '--llm localhost: the address of an OpenAI-compatible endpoint is expected, such as http://localhost:11434/v1',
  );
  await refused(
    ['prompts', '--class', 'dog', '--llm', 'http://localhost:1/v1'],
    '--llm-model is missing: name the language model that --llm serves',
  );
  await refused(
    ['prompts', '--class', 'quokka', '--like', 'nosuch'],
    '--like nosuch: the grammar does not know this noun: name one that it knows, such as rabbit, car or vase',
  );
  await refused(
    ['prompts', '--class', 'dog', '--concept-of', 'Dogs'],
    '--concept-of Dogs: it has the word of --class dog, and the two must differ: name another concept, such as man',
  );
  await refused(['prompts', '--check', 'nowhere.txt'], '--check nowhere.txt cannot be read: name a text file with one prompt a line');
  await refused(
    ['pretrain', 'contextualizer'],
    '--out is missing: the embedded model has a contextualizer of its own, so name a .safetensors file for another',
  );
  await refused(
    ['pretrain', 'contextualizer', '--out', 'psi.safetensors', '--corpus', 'nowhere.txt'],
    '--corpus nowhere.txt cannot be read: name a text file with one caption a line, COCO captions, grammar or world',
  );
  await refused(
    ['pretrain', 'contextualizer', '--out', 'psi.safetensors', '--heads', '3'],
    '--heads 3: ψ’s width 128 must be a multiple of it',
  );
}, 240_000);
