import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, readlink, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { resolveModel } from '../../src/files/hub.ts';
import type { HubEvent, HubOptions } from '../../src/files/hub.ts';
import { scratch } from '../scratch.ts';
import { commit, serveHub } from './hub-server.ts';
import type { Hub } from './hub-server.ts';

const unetPath = 'unet/diffusion_pytorch_model.safetensors';
const files = (): Record<string, Buffer> => ({
  'README.md': Buffer.from('not needed'),
  'model_index.json': Buffer.from('{"_class_name": "StableDiffusionPipeline"}'),
  'scheduler/scheduler_config.json': Buffer.from('{}'),
  'tokenizer/vocab.json': Buffer.from('{}'), // the same blob as the scheduler's
  'tokenizer/merges.txt': Buffer.from('#version'),
  'text_encoder/config.json': Buffer.from('{"a": 1}'),
  'text_encoder/model.safetensors': Buffer.alloc(3000, 't'),
  'unet/config.json': Buffer.from('{"b": 2}'),
  [unetPath]: Buffer.from(Uint8Array.from({ length: 400_000 }, (_, i) => (i * i) % 251)),
  'vae/config.json': Buffer.from('{"c": 3}'),
  'vae/diffusion_pytorch_model.safetensors': Buffer.alloc(5000, 'v'),
  'vae/diffusion_pytorch_model.fp16.safetensors': Buffer.alloc(2500, 'h'),
});
const needed = Object.keys(files()).filter((path) => !/README|fp16/.test(path));

interface Scene {
  hub: Hub;
  home: string;
  store: string;
  snapshot: string;
  blob: (path: string) => string;
  resolve: (name?: string, options?: HubOptions) => Promise<{ folder: string; events: HubEvent[] }>;
  message: (name?: string, options?: HubOptions) => Promise<string>;
}

async function scene(environment: Record<string, string> = {}): Promise<Scene> {
  const hub = await serveHub(files());
  const home = await scratch();
  const store = join(home, 'hub', 'models--owner--name');
  const resolve: Scene['resolve'] = async (name = 'owner/name', options = {}) => {
    const events: HubEvent[] = [];
    const run = resolveModel(name, {
      retryDelay: 1,
      environment: { HF_HOME: home, HF_ENDPOINT: hub.endpoint, ...environment },
      ...options,
    });
    let next = await run.next();
    for (; next.done !== true; next = await run.next()) events.push(next.value);
    return { folder: next.value, events };
  };
  const message: Scene['message'] = (name, options) =>
    resolve(name, options).then(
      () => 'no error',
      (error: Error) => error.message.replaceAll(hub.endpoint, 'http://hub').replaceAll(new URL(hub.endpoint).host, 'hub'),
    );
  return {
    hub,
    home,
    store,
    snapshot: join(store, 'snapshots', commit),
    blob: (path) => join(store, 'blobs', hub.blobOf(path)),
    resolve,
    message,
  };
}

/** Names in the store that are not whole files. */
const leftovers = async (store: string): Promise<string[]> =>
  (await readdir(store, { recursive: true }).catch(() => [])).filter((name) => /incomplete|part$|lock$/.test(name));

async function expectWhole({ snapshot, store }: Scene): Promise<void> {
  for (const path of needed) expect((await readFile(join(snapshot, path))).equals(files()[path]!)).toBe(true);
  expect(await leftovers(store)).toEqual([]);
}

test('fetches what is needed into the layout of huggingface_hub, once', async () => {
  const s = await scene();
  const { folder, events } = await s.resolve();
  expect(folder).toBe(s.snapshot);
  await expectWhole(s);
  expect(await readFile(join(s.store, 'refs', 'main'), 'utf8')).toBe(commit);
  expect(await readlink(join(s.snapshot, unetPath))).toBe(`../../../blobs/${s.hub.blobOf(unetPath)}`);
  expect(existsSync(join(s.snapshot, 'README.md'))).toBe(false);
  expect((await readdir(join(s.store, 'blobs'))).length).toBe(needed.length - 1);
  const total = needed.reduce((sum, path) => sum + files()[path]!.length, 0) - 2;
  expect(events[0]).toEqual({ kind: 'plan', id: 'owner/name', files: needed.length, bytes: total, folder });
  expect(events.at(-1)).toMatchObject({ kind: 'progress', done: needed.length, bytes: total, total });
  const before = s.hub.requests.length;
  expect((await s.resolve()).events).toEqual([]);
  expect(s.hub.requests.slice(before).map(({ path }) => path)).toEqual([
    '/api/models/owner/name/revision/main',
    `/api/models/owner/name/tree/${commit}`,
  ]);
});

test('a place on this disk never touches the network', async () => {
  const s = await scene();
  expect((await s.resolve('assets/tiny')).folder).toBe('assets/tiny');
  expect((await s.resolve(s.home)).folder).toBe(s.home);
  for (const name of ['./no/where', '../owner/name', '/no/where', '~/no-such-folder-here', 'a/b/c', 'nowhere'])
    expect((await s.resolve(name)).folder).toBe(name.replace('~', homedir()));
  expect(await s.message('owner/na..me')).toBe(
    "owner/na..me is neither a folder here nor a hub's name: owner/name or owner/name@revision is expected",
  );
  expect(await s.message('owner/name@../../x')).toMatch(/owner\/name or owner\/name@revision is expected$/);
  expect(s.hub.requests).toEqual([]);
});

test('what Python fetched is used', async () => {
  const s = await scene();
  await s.resolve();
  const other = await scene();
  await mkdir(join(other.store, 'blobs'), { recursive: true });
  await cp(s.blob(unetPath), other.blob(unetPath));
  await other.resolve();
  await expectWhole(other);
  expect(other.hub.requests.filter(({ path }) => path.endsWith(unetPath))).toEqual([]);
  // A snapshot with files in place of links, as on systems without them.
  await rm(join(other.snapshot, 'vae'), { recursive: true });
  await mkdir(join(other.snapshot, 'vae'));
  for (const name of ['config.json', 'diffusion_pytorch_model.safetensors'])
    await writeFile(join(other.snapshot, 'vae', name), files()[`vae/${name}`]!);
  expect((await other.resolve(undefined, { offline: true })).folder).toBe(other.snapshot);
});

test('a variant', async () => {
  const s = await scene();
  await s.resolve(undefined, { variant: 'fp16' });
  expect(await readdir(join(s.snapshot, 'vae'))).toEqual(['config.json', 'diffusion_pytorch_model.fp16.safetensors']);
  await s.resolve();
  expect(existsSync(join(s.snapshot, 'vae', 'diffusion_pytorch_model.safetensors'))).toBe(true);
});

test('a connection that breaks is taken up where it broke', async () => {
  const s = await scene();
  let cuts = 0;
  s.hub.behaviour.cutAfter = (path) => (path === unetPath && ++cuts <= 3 ? 90_000 : undefined);
  await s.resolve();
  await expectWhole(s);
  expect(s.hub.requests.filter(({ path }) => path.endsWith(unetPath)).map(({ range }) => range)).toEqual([
    undefined,
    'bytes=90000-',
    'bytes=180000-',
    'bytes=270000-',
  ]);
});

test('one that breaks for good leaves what came, and the next run goes on from there', async () => {
  const s = await scene();
  s.hub.behaviour.cutAfter = (path, { headers }) => (path === unetPath ? (headers.range === undefined ? 70_000 : 0) : undefined);
  expect(await s.message()).toMatch(
    /^owner\/name: unet\/diffusion_pytorch_model\.safetensors breaks off at 70000 of 400000 bytes \([\w ]+\): run again to go on from there$/,
  );
  expect(await leftovers(s.store)).toEqual([join('blobs', `${s.hub.blobOf(unetPath)}.incomplete`)]);
  expect(existsSync(join(s.store, 'refs', 'main'))).toBe(false);
  s.hub.behaviour = {};
  await s.resolve();
  await expectWhole(s);
  expect(s.hub.requests.at(-1)!.path).not.toMatch(/unet/);
  expect(s.hub.requests.find(({ range }, i) => range === 'bytes=70000-' && i > 10)).toBeDefined();
});

test('abortion keeps what came', async () => {
  const s = await scene();
  const controller = new AbortController();
  s.hub.behaviour.answer = (_, response, path) => {
    if (!path.endsWith(unetPath)) return false;
    response.writeHead(200, { 'content-length': 400_000 });
    response.write(files()[unetPath]!.subarray(0, 50_000));
    setTimeout(() => controller.abort(), 150);
    return true;
  };
  await expect(s.resolve(undefined, { signal: controller.signal })).rejects.toMatchObject({ name: 'AbortError' });
  expect(await readFile(`${s.blob(unetPath)}.incomplete`)).toHaveLength(50_000);
  expect((await leftovers(s.store)).filter((name) => name.endsWith('lock'))).toEqual([]);
  s.hub.behaviour = {};
  await s.resolve();
  await expectWhole(s);
  expect(s.hub.requests.filter(({ path }) => path.endsWith(unetPath)).at(-1)!.range).toBe('bytes=50000-');
});

test('a server that stalls is asked again; one without ranges starts over', async () => {
  const s = await scene();
  let calls = 0;
  s.hub.behaviour.answer = (_, response, path) => {
    if (!path.endsWith(unetPath)) return false;
    response.writeHead(200, { 'content-length': 400_000 });
    if (calls++ === 0) response.write(files()[unetPath]!.subarray(0, 1000));
    else response.end(files()[unetPath]!);
    return true;
  };
  await s.resolve(undefined, { stallAfter: 1000 });
  await expectWhole(s);
  expect(calls).toBe(2);
});

test('errors of the server that pass are waited out, others are told', async () => {
  const s = await scene();
  let busy = 0;
  s.hub.behaviour.answer = (_, response) => busy++ % 2 === 0 && (response.writeHead(503).end(), true);
  await s.resolve();
  await expectWhole(s);
  const broken = await scene();
  broken.hub.behaviour.answer = (_, response) => (response.writeHead(500).end('<html>'), true);
  expect(await broken.message()).toBe('owner/name: hub answers with status 500: try again later');
  broken.hub.behaviour.answer = (_, response) => (response.end('<html>'), true);
  expect(await broken.message()).toBe('owner/name: http://hub does not answer as a model hub does: check HF_ENDPOINT');
  broken.hub.behaviour.answer = (_, response) => (response.writeHead(302, { location: '/again' }).end(), true);
  expect(await broken.message()).toBe('owner/name: hub redirects in a circle: check HF_ENDPOINT');
  expect(existsSync(broken.store)).toBe(false);
});

test('names that do not exist, and gated models', async () => {
  const s = await scene();
  expect(await s.message('owner/other')).toBe('owner/other is neither a folder here nor a model on hub: check the name');
  const refuse = (status: number, code?: string): void => {
    s.hub.behaviour.answer = (_, response) => (response.writeHead(status, code === undefined ? {} : { 'x-error-code': code }).end(), true);
  };
  refuse(404, 'RevisionNotFound');
  expect(await s.message('owner/name@v9')).toBe('owner/name has no such revision on hub: check what follows the @');
  refuse(401);
  expect(await s.message()).toBe(
    'owner/name does not exist on hub, or is private or gated: check the id, or accept its licence at http://hub/owner/name and set HF_TOKEN',
  );
  refuse(401, 'GatedRepo');
  expect(await s.message()).toBe(
    'owner/name is gated: accept its licence at http://hub/owner/name, then set HF_TOKEN to your access token',
  );
  refuse(403);
  expect(await s.message()).toMatch(/^owner\/name is gated: accept its licence/);
  expect(existsSync(s.store)).toBe(false);
});

test('the token goes to the hub and to no other host, and into no message', async () => {
  const s = await scene({ HF_TOKEN: 'a-secret-word' });
  const seen: (string | undefined)[] = [];
  const elsewhere = createServer((request, response) => {
    seen.push(request.headers.authorization);
    response.end(files()[unetPath]!);
  });
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void elsewhere.close());
  const address = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/blob`;
  s.hub.behaviour.answer = (_, response, path) => path.endsWith(unetPath) && (response.writeHead(302, { location: address }).end(), true);
  const { events } = await s.resolve();
  await expectWhole(s);
  expect(seen).toEqual([undefined]);
  expect(new Set(s.hub.requests.map(({ authorization }) => authorization))).toEqual(new Set(['Bearer a-secret-word']));
  expect(JSON.stringify(events)).not.toContain('a-secret-word');
  s.hub.behaviour.answer = (_, response) => (response.writeHead(401).end('a-secret-word'), true);
  expect(await s.message()).toBe(
    'owner/name: hub does not accept HF_TOKEN for it: check the id and the token, and that its licence is accepted at http://hub/owner/name',
  );
  const malformed = await scene({ HF_TOKEN: 'a-secret\nword' });
  expect(await malformed.message()).toBe('HF_TOKEN holds characters that no access token has: copy it again');
  const inAddress = await scene({ HF_ENDPOINT: 'https://me:a-secret-word@hub' });
  expect(await inAddress.message()).toBe(
    'HF_ENDPOINT is not an address that can be used: https://host, without a user or a password, is expected',
  );
});

test('offline', async () => {
  const s = await scene();
  const forbidden = { HF_HUB_OFFLINE: '1', HF_HOME: s.home, HF_ENDPOINT: s.hub.endpoint };
  const absent = `owner/name is not in the cache (${s.store}), and nothing is fetched offline: run once without --offline and HF_HUB_OFFLINE`;
  expect(await s.message(undefined, { offline: true })).toBe(absent);
  expect(await s.message(undefined, { environment: forbidden })).toBe(absent);
  expect(s.hub.requests).toEqual([]);
  await s.resolve();
  const asked = s.hub.requests.length;
  expect((await s.resolve(undefined, { environment: forbidden })).folder).toBe(s.snapshot);
  expect((await s.resolve(`owner/name@${commit}`)).folder).toBe(s.snapshot);
  await rm(s.blob(unetPath));
  expect(await s.message(undefined, { offline: true })).toBe(
    'owner/name is in the cache only in part (no weights of unet), and nothing is fetched offline: run once without --offline and HF_HUB_OFFLINE',
  );
  expect(s.hub.requests).toHaveLength(asked);
  await s.resolve();
  await expectWhole(s);
});

test('no network', async () => {
  const s = await scene();
  const closed = createServer();
  await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
  const { port } = closed.address() as AddressInfo;
  await new Promise((resolve) => closed.close(resolve));
  const environment = { HF_HOME: s.home, HF_ENDPOINT: `http://127.0.0.1:${port}` };
  expect(await s.message(undefined, { environment })).toBe(
    `owner/name: 127.0.0.1:${port} cannot be reached (ECONNREFUSED): check the network; owner/name is not in the cache either`,
  );
  await s.resolve();
  const { folder, events } = await s.resolve(undefined, { environment });
  expect(folder).toBe(s.snapshot);
  expect(events).toMatchObject([{ kind: 'cached', why: expect.stringContaining('ECONNREFUSED') as string }]);
});

test('a full disk', async () => {
  const s = await scene();
  await mkdir(join(s.store, 'blobs'), { recursive: true });
  const staged = `${s.blob(unetPath)}.incomplete`;
  await symlink('/dev/full', staged);
  expect(await s.message()).toBe(
    `${staged} cannot be written: the disk is full: free some space and run again; what has come is kept and will be gone on with`,
  );
  expect(existsSync(s.blob(unetPath))).toBe(false);
  expect(existsSync(join(s.snapshot, unetPath))).toBe(false);
  s.hub.behaviour.list = (entries) =>
    entries.map((e) => (e.path === unetPath ? { ...e, size: 9e15, lfs: { ...(e.lfs as object), size: 9e15 } } : e));
  expect(await s.message()).toMatch(
    /^owner\/name needs 9000000\.0 GB in .*, and [\d.]+ GB are free: free some space, or set HF_HOME to another disk$/,
  );
});

test('a server that lies', async () => {
  const s = await scene();
  const relisted = (change: Record<string, unknown>): void => {
    s.hub.behaviour.list = (entries) => entries.map((e) => (e.path === unetPath ? { ...e, ...change } : e));
  };
  const real = { oid: s.hub.blobOf(unetPath), pointerSize: 130 };
  for (const size of [399_999, 400_001]) {
    relisted({ lfs: { ...real, size } });
    expect(await s.message()).toBe(`owner/name: ${unetPath} has ${size} bytes by the hub's list and 400000 as it is sent: try again later`);
    expect(await leftovers(s.store)).toEqual([]);
  }
  s.hub.behaviour = {
    answer: (_, response, path) => path.endsWith(unetPath) && (response.end(Buffer.alloc(500_000)), true),
  };
  expect(await s.message()).toMatch(/has 400000 bytes by the hub's list and (more|500000) as it is sent/);
  for (const path of [unetPath, 'unet/config.json']) {
    const other = await scene();
    other.hub.behaviour.answer = (_, response, asked) => asked.endsWith(path) && (response.end(Buffer.alloc(files()[path]!.length)), true);
    expect(await other.message()).toBe(`owner/name: the checksum of ${path} is wrong, and what was fetched of it is deleted: run again`);
    expect(await leftovers(other.store)).toEqual([]);
    expect(existsSync(other.blob(path))).toBe(false);
  }
  s.hub.behaviour = {};
  for (const path of ['../../evil.json', '/etc/evil.json', 'unet/..\\evil.json']) {
    relisted({ path });
    expect(await s.message()).toBe(
      `owner/name: http://hub lists ${JSON.stringify(path)}, which lies outside the model's folder: nothing was fetched`,
    );
  }
  relisted({ lfs: { ...real, size: 400_000, oid: '../../../evil' } });
  expect(await s.message()).toBe(`owner/name: http://hub lists ${unetPath} without a proper size and hash: nothing was fetched`);
  s.hub.behaviour = {};
  await s.resolve();
  await expectWhole(s);
});

test('a partial file that is wrong or too long does no harm', async () => {
  const s = await scene();
  await mkdir(join(s.store, 'blobs'), { recursive: true });
  const staged = `${s.blob(unetPath)}.incomplete`;
  await writeFile(staged, Buffer.alloc(1000));
  expect(await s.message()).toMatch(
    /the checksum of unet\/diffusion_pytorch_model\.safetensors is wrong, and what was fetched of it is deleted/,
  );
  await writeFile(staged, Buffer.alloc(500_000));
  await s.resolve();
  await expectWhole(s);
  // A blob that was cut is fetched again.
  await truncate(s.blob(unetPath), 10);
  await s.resolve();
  await expectWhole(s);
});

test('two runs at once fetch a file once', async () => {
  const s = await scene();
  s.hub.behaviour.answer = (_, response, path) =>
    path.endsWith(unetPath) && (setTimeout(() => response.end(files()[unetPath]!), 200), true);
  const [a, b] = await Promise.all([s.resolve(), s.resolve()]);
  expect([a.folder, b.folder]).toEqual([s.snapshot, s.snapshot]);
  await expectWhole(s);
  expect(s.hub.requests.filter(({ path }) => path.endsWith(unetPath))).toHaveLength(1);
});

test('a model that is not wanted is refused before its weights are fetched', async () => {
  const s = await scene();
  const accept = (index: Readonly<Record<string, unknown>>): void => {
    throw new Error(`no ${String(index._class_name)}`);
  };
  expect(await s.message(undefined, { accept })).toBe('no StableDiffusionPipeline');
  expect(s.hub.requests.filter(({ path }) => /safetensors/.test(path))).toEqual([]);
});

test('a repository without a model', async () => {
  const s = await scene();
  s.hub.behaviour.list = (entries) => entries.filter(({ path }) => path === 'README.md' || String(path).startsWith('vae'));
  expect(await s.message()).toMatch(/^owner\/name has no model_index\.json, no text_encoder\/config\.json, .* is expected$/);
  expect(existsSync(s.store)).toBe(false);
});
