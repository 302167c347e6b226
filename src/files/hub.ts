/**
 * Models by the name that a hub knows them by, in the cache that Python's tools share. @huggingface/hub lists; the bytes
 * are moved in hub-fetch.ts, because its own download starts over when it breaks, checks nothing and reports no progress.
 */
import { existsSync } from 'node:fs';
import { lstat, open, readdir, readFile, readlink, rename, rm, stat, statfs, symlink, utimes } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { UserError } from '../errors.ts';
import { makeFolder, writeFailure } from '../disk.ts';
import { writeAtomically } from './atomic.ts';
import { get, transfer, UnreachableError } from './hub-fetch.ts';
import type { HubAccess } from './hub-fetch.ts';
import { isInside, planFiles, planNetwork } from './hub-plan.ts';
import type { Listed, Plan } from './hub-plan.ts';

export interface HubOptions {
  /** What is looked for: a diffusion model in diffusers' layout, or one network as transformers writes it. */
  layout?: 'diffusers' | 'transformers';
  /** Only what is cached already. */
  offline?: boolean;
  /** Weights of a variant, such as fp16, in place of full precision. */
  variant?: string;
  signal?: AbortSignal;
  /** Told what model_index.json holds before anything large is fetched; may throw to refuse the model. */
  accept?: (modelIndex: Readonly<Record<string, unknown>>) => void;
  /** HF_TOKEN, HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_HUB_OFFLINE. */
  environment?: Readonly<Record<string, string | undefined>>;
  retryDelay?: number;
  stallAfter?: number;
}

export type HubEvent =
  | { kind: 'plan'; id: string; files: number; bytes: number; folder: string }
  | { kind: 'progress'; file: string; done: number; bytes: number; total: number }
  | { kind: 'waiting'; file: string }
  | { kind: 'cached'; id: string; why: string };

const expand = (path: string): string => (path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path);

/** Whether a name is a hub's (owner/name, perhaps @revision) and not a place on this disk. */
export const isHubName = (name: string): boolean =>
  !/^[./~]|\\/.test(name) && name.split('@')[0]!.split('/').length === 2 && !existsSync(name);

function parseName(name: string): { id: string; revision: string } {
  const [, owner, model, revision = 'main'] = /^([\w.-]+)\/([\w.-]+)(?:@([\w./-]+))?$/.exec(name) ?? [];
  if (owner === undefined || [owner, model!].some((part) => /^[.-]|\.\.|--|[.-]$/.test(part)) || !isInside(revision))
    throw new UserError(`${name} is neither a folder here nor a hub's name: owner/name or owner/name@revision is expected`);
  return { id: `${owner}/${model}`, revision };
}

const isOn = (value: string | undefined): boolean => /^(1|on|yes|true)$/i.test(value ?? '');

/** Where Python's tools keep what they fetch. */
function cacheFolder(env: NonNullable<HubOptions['environment']>): string {
  const direct = env.HF_HUB_CACHE ?? env.HUGGINGFACE_HUB_CACHE;
  if (direct !== undefined) return expand(direct);
  return join(expand(env.HF_HOME ?? join(env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'huggingface')), 'hub');
}

function accessOf(id: string, options: HubOptions, env: NonNullable<HubOptions['environment']>): HubAccess {
  const endpoint = (env.HF_ENDPOINT ?? '') === '' ? 'https://huggingface.co' : env.HF_ENDPOINT!.replace(/\/+$/, '');
  const url = URL.canParse(endpoint) ? new URL(endpoint) : null;
  // Neither value is repeated in a message: both may hold a secret.
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '')
    throw new UserError('HF_ENDPOINT is not an address that can be used: https://host, without a user or a password, is expected');
  const token = (env.HF_TOKEN ?? '').trim();
  if (!/^[\x21-\x7e]*$/.test(token)) throw new UserError('HF_TOKEN holds characters that no access token has: copy it again');
  const { signal, retryDelay = 1000, stallAfter = 30_000 } = options;
  return { id, endpoint, token: token === '' ? undefined : token, signal, retryDelay, stallAfter };
}

const planOf = <F extends { path: string }>(listing: readonly F[], { layout, variant }: HubOptions): Plan<F> =>
  layout === 'transformers' ? planNetwork(listing) : planFiles(listing, variant);

/** The commit behind a revision, and what the repository holds at it. */
async function listRemote(access: HubAccess, revision: string): Promise<{ commit: string; listing: Listed[] }> {
  const { listFiles, modelInfo } = await import('@huggingface/hub');
  const shared = { hubUrl: access.endpoint, fetch: ((url: string) => get(access, url)) as typeof fetch };
  const listing: Listed[] = [];
  let commit: unknown;
  try {
    commit = (await modelInfo({ ...shared, name: access.id, revision, additionalFields: ['sha'] })).sha;
    if (typeof commit === 'string' && /^[0-9a-f]{40}$/.test(commit))
      for await (const { type, path, size, oid, lfs } of listFiles({ ...shared, repo: access.id, revision: commit, recursive: true }))
        if (type === 'file') listing.push({ path, size: lfs?.size ?? size, oid: oid ?? '', ...(lfs && { sha256: lfs.oid }) });
  } catch (error) {
    if (error instanceof UserError || access.signal?.aborted === true) throw error;
    commit = undefined;
  }
  const bad = (what: string): UserError => new UserError(`${access.id}: ${access.endpoint} ${what}`, 1);
  if (typeof commit !== 'string' || !/^[0-9a-f]{40}$/.test(commit)) throw bad('does not answer as a model hub does: check HF_ENDPOINT');
  for (const { path, size, oid, sha256 } of listing) {
    if (typeof path !== 'string' || !isInside(path))
      throw bad(`lists ${JSON.stringify(path)}, which lies outside the model's folder: nothing was fetched`);
    if (!Number.isSafeInteger(size) || size < 0 || !(sha256 === undefined ? /^[0-9a-f]{40}$/ : /^[0-9a-f]{64}$/).test(sha256 ?? oid))
      throw bad(`lists ${path} without a proper size and hash: nothing was fetched`);
  }
  return { commit, listing };
}

/** What a snapshot's folder holds, links followed. */
async function listCached(folder: string): Promise<{ path: string }[]> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  return names.map((path) => ({ path: path.replaceAll('\\', '/') })).filter(({ path }) => existsSync(join(folder, path)));
}

async function cachedCommit(store: string, revision: string): Promise<string | undefined> {
  if (/^[0-9a-f]{40}$/.test(revision)) return revision;
  const text = await readFile(join(store, 'refs', revision), 'utf8').catch(() => '');
  return /^[0-9a-f]{40}$/.test(text.trim()) ? text.trim() : undefined;
}

/** The cached snapshot of a revision and what it lacks; undefined where there is none. */
async function cached(store: string, revision: string, options: HubOptions): Promise<{ folder: string; lacking: string[] } | undefined> {
  const commit = await cachedCommit(store, revision);
  if (commit === undefined || !existsSync(join(store, 'snapshots', commit))) return undefined;
  const folder = join(store, 'snapshots', commit);
  return { folder, lacking: planOf(await listCached(folder), options).lacking };
}

/** Takes a lock file that other runs respect; one that nobody has touched for a while is a dead run's. */
async function tryLock(path: string): Promise<(() => Promise<void>) | undefined> {
  const made = await open(path, 'wx').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw writeFailure(path, error);
  });
  if (made === undefined) {
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > 30_000) await rm(path, { force: true });
    return undefined;
  }
  await made.close();
  const alive = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => undefined), 5000).unref();
  return async () => {
    clearInterval(alive);
    await rm(path, { force: true });
  };
}

/** Puts a blob into a snapshot: a relative link, or, where links are not allowed, the file itself. */
async function place(blob: string, path: string): Promise<void> {
  await makeFolder(dirname(path));
  const target = relative(dirname(path), blob);
  const there = await lstat(path).catch(() => undefined);
  if (there !== undefined) {
    if (there.isSymbolicLink() && (await readlink(path)) === target) return;
    await rm(path, { force: true });
  }
  await symlink(target, path).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST') return;
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(error.code ?? '')) throw writeFailure(path, error);
    await rename(blob, path);
  });
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(bytes < 1e9 ? 3 : 1)} GB`;

async function checkSpace(access: HubAccess, store: string, bytes: number): Promise<void> {
  const { bavail, bsize, blocks } = await statfs(store).catch(() => ({ bavail: 0, bsize: 0, blocks: 0 }));
  if (blocks > 0 && bavail * bsize < bytes)
    throw new UserError(
      `${access.id} needs ${gigabytes(bytes)} in ${store}, and ${gigabytes(bavail * bsize)} are free: free some space, or set HF_HOME to another disk`,
      1,
    );
}

/** Fetches what is missing of `listing` into the store. */
async function* fill(access: HubAccess, store: string, commit: string, listing: Listed[], options: HubOptions): AsyncGenerator<HubEvent> {
  const { files, lacking } = planOf(listing, options);
  const { id } = access;
  if (lacking.length > 0)
    throw new UserError(
      `${id} has no ${lacking.join(', no ')}: a repository ${options.layout === 'transformers' ? 'as transformers writes it' : "in diffusers' layout"}, with PyTorch weights, is expected`,
    );
  const folder = join(store, 'snapshots', commit);
  const blobOf = ({ sha256, oid }: Listed): string => join(store, 'blobs', sha256 ?? oid);
  const sizeAt = async (path: string): Promise<number | undefined> => (await stat(path).catch(() => undefined))?.size;
  const missing: Listed[] = [];
  const toFetch = new Set<string>(); // files of the same content share a blob
  let [total, started] = [0, 0];
  for (const file of files) {
    if ((await sizeAt(join(folder, file.path))) === file.size) continue;
    missing.push(file);
    if (toFetch.has(blobOf(file)) || (await sizeAt(blobOf(file))) === file.size) continue;
    toFetch.add(blobOf(file));
    total += file.size;
    started += (await sizeAt(`${blobOf(file)}.incomplete`)) ?? 0;
  }
  if (missing.length === 0) return;
  await makeFolder(join(store, 'blobs'));
  await checkSpace(access, store, total - started);
  if (total > 0) yield { kind: 'plan', id, files: missing.length, bytes: total, folder };
  let done = 0;
  for (const [i, file] of missing.entries()) {
    const blob = blobOf(file);
    let release = await tryLock(`${blob}.lock`);
    if (release === undefined) yield { kind: 'waiting', file: file.path };
    for (; release === undefined; release = await tryLock(`${blob}.lock`)) await pause(500, undefined, { signal: options.signal });
    try {
      const path = file.path.split('/').map(encodeURIComponent).join('/');
      let told = -Infinity;
      if ((await sizeAt(blob)) !== file.size)
        for await (const bytes of transfer(access, `${access.endpoint}/${id}/resolve/${commit}/${path}`, file, blob)) {
          if (performance.now() - told < 100) continue;
          told = performance.now();
          yield { kind: 'progress', file: file.path, done: i, bytes: done + bytes, total };
        }
      await place(blob, join(folder, file.path));
    } finally {
      await release();
    }
    if (toFetch.delete(blob)) done += file.size;
    if (total > 0) yield { kind: 'progress', file: file.path, done: i + 1, bytes: done, total };
    if (file.path === 'model_index.json') await judge(folder, options);
  }
}

async function judge(folder: string, options: HubOptions): Promise<void> {
  if (options.accept === undefined) return;
  const path = join(folder, 'model_index.json');
  let index: unknown;
  try {
    index = JSON.parse(await readFile(path, 'utf8'));
  } catch {
    throw new UserError(`${path} is not JSON: fetch the model again`);
  }
  options.accept(index as Record<string, unknown>);
}

/**
 * The local folder of a model: `name` itself where it is, or can only be, a place on this disk, and otherwise a snapshot in the cache of
 * Python's huggingface_hub, into which is fetched what is missing. Only the latter uses the network. Throws a UserError of
 * one line for whatever stands in the way; when the signal is aborted, its reason. What has been fetched by then stays.
 */
export async function* resolveModel(name: string, options: HubOptions = {}): AsyncGenerator<HubEvent, string> {
  if (!isHubName(name)) return expand(name);
  const env = options.environment ?? process.env;
  const { id, revision } = parseName(name);
  const store = join(cacheFolder(env), `models--${id.replace('/', '--')}`);
  const access = accessOf(id, options, env);
  const pinned = /^[0-9a-f]{40}$/.test(revision);
  const offline = options.offline === true || isOn(env.HF_HUB_OFFLINE);
  if (offline || pinned) {
    const here = await cached(store, revision, options);
    if (here?.lacking.length === 0) {
      await judge(here.folder, options);
      return here.folder;
    }
    if (offline)
      throw new UserError(
        here === undefined
          ? `${name} is not in the cache (${store}), and nothing is fetched offline: run once without --offline and HF_HUB_OFFLINE`
          : `${name} is in the cache only in part (no ${here.lacking.join(', no ')}), and nothing is fetched offline: run once without --offline and HF_HUB_OFFLINE`,
      );
  }
  try {
    const { commit, listing } = await listRemote(access, revision);
    yield* fill(access, store, commit, listing, options);
    if (!pinned) await writeAtomically(join(store, 'refs', revision), commit);
    const folder = join(store, 'snapshots', commit);
    await judge(folder, options);
    return folder;
  } catch (error) {
    if (!(error instanceof UnreachableError)) throw error;
    const here = await cached(store, revision, options);
    if (here?.lacking.length !== 0) throw new UserError(`${error.message}; ${name} is not in the cache either`, 1);
    yield { kind: 'cached', id, why: error.message };
    await judge(here.folder, options);
    return here.folder;
  }
}
