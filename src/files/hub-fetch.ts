/** Requests to a model hub: the token goes to the hub's own host alone, bytes are resumed and checked. */
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { UserError } from '../errors.ts';
import { writeFailure } from '../disk.ts';
import type { Listed } from './hub-plan.ts';

export interface HubAccess {
  /** owner/name, for messages. */
  id: string;
  /** Without a slash at the end. */
  endpoint: string;
  token: string | undefined;
  signal: AbortSignal | undefined;
  /** Milliseconds before the first retry; doubled at each one after it. */
  retryDelay: number;
  /** Milliseconds without a byte after which a connection counts as broken. */
  stallAfter: number;
}

/** The hub cannot be reached: a cached copy may do instead. */
export class UnreachableError extends UserError {}

/** Sizes that do not agree: what has come is of no use. */
class SizeError extends UserError {}

/** An attempt that may go better the next time. */
class BrokenError extends Error {}

const attempts = 5;

const hostOf = ({ endpoint }: HubAccess): string => new URL(endpoint).host;

/** What fetch's bare "fetch failed" was about. */
function causeOf(error: unknown): string {
  const code = ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code ?? (error as NodeJS.ErrnoException).code;
  return code === undefined ? 'no connection' : code;
}

/** One request; redirects are followed here, so that the token is left out wherever another host is asked. */
async function send(access: HubAccess, url: string, headers: Record<string, string>, signal?: AbortSignal): Promise<Response> {
  let target = new URL(url);
  const home = new URL(access.endpoint).origin;
  for (let hop = 0; hop < 10; hop++) {
    const own = target.origin === home && access.token !== undefined ? { authorization: `Bearer ${access.token}` } : {};
    const response = await fetch(target, { headers: { ...headers, ...own }, redirect: 'manual', ...(signal && { signal }) });
    const next = response.headers.get('location');
    if (response.status < 300 || response.status >= 400 || next === null) return response;
    await response.body?.cancel();
    target = new URL(next, target);
  }
  throw new UserError(`${access.id}: ${hostOf(access)} redirects in a circle: check HF_ENDPOINT`, 1);
}

/** A refusal in one line. `what` is the file that was asked for, where it was one. */
function refusal(access: HubAccess, response: Response, what?: string): UserError {
  const { id, endpoint, token } = access;
  const host = hostOf(access);
  const code = response.headers.get('x-error-code') ?? '';
  const page = `${endpoint}/${id}`;
  if (code === 'GatedRepo' || (response.status === 403 && code === ''))
    return new UserError(
      `${id} is gated: accept its licence at ${page}, then ${token === undefined ? 'set HF_TOKEN to your access token' : 'run again; HF_TOKEN must belong to the account that accepted'}`,
    );
  if (response.status === 401 || response.status === 403)
    return new UserError(
      token === undefined
        ? `${id} does not exist on ${host}, or is private or gated: check the id, or accept its licence at ${page} and set HF_TOKEN`
        : `${id}: ${host} does not accept HF_TOKEN for it: check the id and the token, and that its licence is accepted at ${page}`,
    );
  if (response.status === 404 && code === 'RevisionNotFound')
    return new UserError(`${id} has no such revision on ${host}: check what follows the @`);
  if (response.status === 404)
    return new UserError(
      what === undefined
        ? `${id} is neither a folder here nor a model on ${host}: check the name`
        : `${id}: ${host} lists ${what} and does not have it: run again`,
      what === undefined ? 2 : 1,
    );
  return new UserError(`${id}: ${host} answers with status ${response.status}: try again later`, 1);
}

const mayPass = (status: number): boolean => status === 408 || status === 429 || status >= 500;

/** Waits before another attempt. Rejects with the signal's reason when it is aborted meanwhile. */
async function wait(access: HubAccess, failures: number): Promise<void> {
  await pause(access.retryDelay * 2 ** (failures - 1), undefined, { signal: access.signal }).catch(() => access.signal?.throwIfAborted());
}

/** GET of a small answer, tried again where that may help. Throws UnreachableError without a network, UserError otherwise. */
export async function get(access: HubAccess, url: string): Promise<Response> {
  for (let failures = 1; ; failures++) {
    const limit = AbortSignal.timeout(access.stallAfter);
    try {
      const response = await send(
        access,
        url,
        { accept: 'application/json' },
        access.signal ? AbortSignal.any([access.signal, limit]) : limit,
      );
      if (response.ok) return response;
      await response.body?.cancel();
      if (!mayPass(response.status) || failures === attempts) throw refusal(access, response);
    } catch (error) {
      access.signal?.throwIfAborted();
      if (error instanceof UserError) throw error;
      if (failures === attempts || ['ENOTFOUND', 'ECONNREFUSED', 'EAI_AGAIN'].includes(causeOf(error)))
        throw new UnreachableError(
          `${access.id}: ${hostOf(access)} cannot be reached (${limit.aborted ? 'no answer' : causeOf(error)}): check the network`,
          1,
        );
    }
    await wait(access, failures);
  }
}

/** The hash that the hub gives: SHA-256 of large files, Git's of others. */
const hashOf = ({ size, sha256 }: Listed): Hash =>
  sha256 === undefined ? createHash('sha1').update(`blob ${size}\0`) : createHash('sha256');

/** A file on its way: what is there of it, and the hash so far. */
class Arrival {
  readonly file: Listed;
  readonly path: string;
  readonly handle: FileHandle;
  hash: Hash;
  have = 0;
  constructor(file: Listed, path: string, handle: FileHandle) {
    this.file = file;
    this.path = path;
    this.handle = handle;
    this.hash = hashOf(file);
  }

  /** Takes up what an earlier run left; more than there can be is thrown away. */
  async *resume(): AsyncGenerator<number> {
    const { size } = await this.handle.stat();
    if (size > this.file.size) return await this.restart();
    if (size === 0) return;
    for await (const chunk of createReadStream(this.path)) {
      this.hash.update(chunk as Buffer);
      this.have += (chunk as Buffer).length;
      yield this.have;
    }
  }

  async restart(): Promise<void> {
    await this.handle.truncate(0);
    this.hash = hashOf(this.file);
    this.have = 0;
  }

  async append(chunk: Uint8Array): Promise<void> {
    await this.handle.appendFile(chunk).catch((error: unknown) => {
      const failure = writeFailure(this.path, error);
      const message = failure instanceof UserError ? failure.message : `${this.path} cannot be written (${causeOf(error)})`;
      throw new UserError(`${message}; what has come is kept and will be gone on with`, 1);
    });
    this.hash.update(chunk);
    this.have += chunk.length;
  }
}

/** The rest of a file as the server sends it; yields the bytes that are here. Throws what broke it off. */
async function* receive(access: HubAccess, url: string, partial: Arrival): AsyncGenerator<number> {
  const { file } = partial;
  const stall = new AbortController();
  const signal = access.signal ? AbortSignal.any([access.signal, stall.signal]) : stall.signal;
  const lie = (sent: string): SizeError =>
    new SizeError(`${access.id}: ${file.path} has ${file.size} bytes by the hub's list and ${sent} as it is sent: try again later`, 1);
  let timer = setTimeout(() => stall.abort(), access.stallAfter);
  try {
    const range = partial.have > 0 ? { range: `bytes=${partial.have}-` } : {};
    const response = await send(access, url, { 'accept-encoding': 'identity', ...range }, signal);
    try {
      if (response.status === 416) return await partial.restart();
      if (mayPass(response.status)) throw new BrokenError(`status ${response.status}`);
      if (!response.ok) throw refusal(access, response, file.path);
      if (response.status === 206) {
        const [, from, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '') ?? [];
        if (total !== undefined && total !== '*' && Number(total) !== file.size) throw lie(total);
        if (Number(from) !== partial.have) return await partial.restart();
      } else if (partial.have > 0) await partial.restart();
      const announced = response.headers.get('content-length');
      if (announced !== null && Number(announced) !== file.size - partial.have) throw lie(String(Number(announced) + partial.have));
      for await (const chunk of response.body ?? []) {
        if (partial.have + chunk.length > file.size) throw lie('more');
        await partial.append(chunk);
        clearTimeout(timer);
        timer = setTimeout(() => stall.abort(), access.stallAfter);
        yield partial.have;
      }
    } finally {
      if (response.body?.locked === false) await response.body.cancel().catch(() => undefined);
    }
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Fetches `url` to `path` by way of `path.incomplete`, from where an earlier attempt stopped; yields the bytes that are
 * here. The file has its name only when it is whole and its hash is right. A broken connection is tried again; an aborted
 * one, or a full disk, leaves what has come for the next run.
 */
export async function* transfer(access: HubAccess, url: string, file: Listed, path: string): AsyncGenerator<number> {
  const staged = `${path}.incomplete`;
  const handle = await open(staged, 'a+').catch((error: unknown) => {
    throw writeFailure(staged, error);
  });
  try {
    const partial = new Arrival(file, staged, handle);
    yield* partial.resume();
    for (let failures = 0; partial.have < file.size;) {
      const before = partial.have;
      let reason = 'the connection closes early';
      try {
        for await (const bytes of receive(access, url, partial)) {
          yield bytes;
          access.signal?.throwIfAborted();
        }
      } catch (error) {
        access.signal?.throwIfAborted();
        if (error instanceof SizeError) await rm(staged, { force: true });
        if (error instanceof UserError) throw error;
        reason = error instanceof BrokenError ? error.message : causeOf(error);
      }
      if (partial.have === file.size) break;
      failures = partial.have > before ? 1 : failures + 1;
      if (failures === attempts)
        throw new UserError(
          `${access.id}: ${file.path} breaks off at ${partial.have} of ${file.size} bytes (${reason}): run again to go on from there`,
          1,
        );
      await wait(access, failures);
    }
    if (partial.hash.digest('hex') !== (file.sha256 ?? file.oid)) {
      await rm(staged, { force: true });
      throw new UserError(`${access.id}: the checksum of ${file.path} is wrong, and what was fetched of it is deleted: run again`, 1);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(staged, path);
}
