/** A model hub on 127.0.0.1 that speaks what resolveModel asks, counts it, and misbehaves on request. */
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export const commit = 'c0ffee'.repeat(6) + 'c0de';
const sha256 = (data: Buffer): string => createHash('sha256').update(data).digest('hex');
const gitHash = (data: Buffer): string => createHash('sha1').update(`blob ${data.length}\0`).update(data).digest('hex');

export interface Misbehaviour {
  /** Answers in place of the file or the list; false to go on as usual. */
  answer?: (request: IncomingMessage, response: ServerResponse, path: string) => boolean;
  /** Entries of the list as they are sent. */
  list?: (entries: Record<string, unknown>[]) => unknown[];
  /** Bytes of a file's body after which the connection is cut. */
  cutAfter?: (path: string, request: IncomingMessage) => number | undefined;
}

export interface Hub {
  endpoint: string;
  /** Method-less: path and Range header of each request, in order. */
  requests: { path: string; range: string | undefined; authorization: string | undefined }[];
  /** Replaced while a test runs. */
  behaviour: Misbehaviour;
  /** What a blob of a file is called. */
  blobOf: (path: string) => string;
}

/** Serves owner/name with these files; those that end in .safetensors or .bin are in large-file storage. */
export async function serveHub(files: Record<string, Buffer>): Promise<Hub> {
  const isLarge = (path: string): boolean => /\.(safetensors|bin)$/.test(path);
  const blobOf = (path: string): string => (isLarge(path) ? sha256(files[path]!) : gitHash(files[path]!));
  const hub: Hub = { endpoint: '', requests: [], behaviour: {}, blobOf };
  const json = (response: ServerResponse, value: unknown): void =>
    void response.setHeader('content-type', 'application/json').end(JSON.stringify(value));
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url!, 'http://x').pathname);
    hub.requests.push({ path, range: request.headers.range, authorization: request.headers.authorization });
    if (hub.behaviour.answer?.(request, response, path) === true) return;
    if (path.startsWith('/api/models/owner/name/revision/')) return json(response, { _id: '1', id: 'owner/name', sha: commit });
    if (path.startsWith(`/api/models/owner/name/tree/${commit}`)) {
      const entries = Object.entries(files).map(([name, data]) => ({
        type: 'file',
        path: name,
        size: data.length,
        oid: gitHash(data),
        ...(isLarge(name) && { lfs: { oid: sha256(data), size: data.length, pointerSize: 130 } }),
      }));
      return json(response, hub.behaviour.list?.(entries) ?? entries);
    }
    const name = path.replace(`/owner/name/resolve/${commit}/`, '');
    const data = files[name];
    if (data === undefined) return void response.writeHead(404, { 'x-error-code': 'RepoNotFound' }).end();
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const cut = hub.behaviour.cutAfter?.(name, request);
    response.writeHead(from > 0 ? 206 : 200, {
      'content-length': data.length - from,
      ...(from > 0 && { 'content-range': `bytes ${from}-${data.length - 1}/${data.length}` }),
    });
    if (cut === undefined) response.end(data.subarray(from));
    else response.write(data.subarray(from, from + cut), () => setTimeout(() => response.destroy(), 30));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  hub.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return hub;
}
