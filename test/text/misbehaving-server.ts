/** A small HTTP server that speaks the chat completions protocol, and misbehaves as told. */
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Asked {
  url: string;
  authorization: string | undefined;
  body: { model: string; messages: { role: string; content: string }[]; response_format?: { type: string } };
}

export type Behaviour = (asked: Asked, nth: number, response: ServerResponse) => void;

export interface FakeServer {
  url: string;
  asked: Asked[];
}

export async function fakeServer(behave: Behaviour): Promise<FakeServer> {
  const asked: Asked[] = [];
  const server = createServer((request: IncomingMessage, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      const one: Asked = { url: request.url!, authorization: request.headers.authorization, body: JSON.parse(text) as Asked['body'] };
      asked.push(one);
      behave(one, asked.length, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, asked };
}

/** An address where nobody listens. */
export async function closedAddress(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}/v1`;
}

/** An answer as OpenAI wraps it. */
export function answer(response: ServerResponse, content: string, more: object = {}): void {
  response.setHeader('content-type', 'application/json');
  response.end(
    JSON.stringify({
      id: 'x',
      object: 'chat.completion',
      created: 0,
      model: 'm',
      choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content } }],
      usage: { prompt_tokens: 100, completion_tokens: 50, total_tokens: 150 },
      ...more,
    }),
  );
}

export function fail(response: ServerResponse, status: number, message: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify({ error: { message, type: 'x', code: null, param: null } }));
}

const things =
  'lantern wagon kettle violin tractor basket pillow ladder anchor saddle trumpet barrel compass hammock lobster beetle curtain parrot marble candle'.split(
    ' ',
  );
const acts = 'guarding chasing sketching polishing balancing admiring burying juggling repairing hiding'.split(' ');
const places = 'orchard harbour library stable rooftop canyon tunnel meadow bakery ballroom cellar lighthouse workshop desert garden'.split(
  ' ',
);

/** The nth good prompt: no two of the first thousands are alike. */
export const goodPrompt = (n: number): string =>
  `a {subject} ${acts[n % 10]} a ${things[Math.floor(n / 10) % 20]} in a ${places[(n + Math.floor(n / 10) + 3 * Math.floor(n / 200)) % 15]}`;
