import { execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { encodeSafetensors, writeSafetensors } from '../../src/files/safetensors.ts';
import { Engine } from '../../src/graph/engine.ts';
import { onDemand } from '../../src/graph/values.ts';
import type { Values } from '../../src/graph/values.ts';
import { scratch } from '../scratch.ts';

test('states are set, saved and set again in little more memory than they take', async () => {
  const script = fileURLToPath(new URL('measure-states.ts', import.meta.url));
  const command = ['--import', 'tsx', script, join(await scratch(), 'states.safetensors')];
  const { states, added, last } = JSON.parse(execFileSync(process.execPath, command, { encoding: 'utf8' })) as {
    states: number;
    added: number;
    last: number[];
  };
  expect(last).toEqual([63, 63]);
  expect(added).toBeGreaterThan(states);
  expect(added / states).toBeLessThan(1.5);
});

test('values on demand are read once while they are held', () => {
  let reads = 0;
  const value = onDemand([2], () => Float32Array.of(++reads, 0));
  expect(value.data[0]! + value.data[0]!).toBe(2);
  expect(value.data).toBe(value.data);
});

test('a state is asked for when the one before is set', async () => {
  let [asked, set] = [0, 0];
  class Counting extends Engine {
    override async request(...message: Parameters<Engine['request']>): Promise<unknown> {
      const reply = await super.request(...message);
      if (message[0].kind === 'setState') set++;
      return reply;
    }
  }
  const engine = new Counting({ threads: 1 });
  const value = (): Values =>
    onDemand([2], () => {
      expect(asked++).toBe(set);
      return Float32Array.of(1, 2);
    });
  await engine.setState({ a: value(), b: value(), c: value() });
  expect([asked, set]).toEqual([3, 3]);
  await engine.close();
});

test('a tensor is read when those before it are in the file, and the bytes are those of tensors at hand', async () => {
  const folder = await scratch();
  const path = join(folder, 'turns.safetensors');
  const names = ['a', 'b', 'c'];
  const shape = [1000];
  const values = Object.fromEntries(names.map((name, i) => [name, { data: new Float32Array(1000).fill(i), shape }]));
  const sizes: number[] = [];
  const inTurn = names.map((name) => {
    const read = (): Promise<Float32Array> => {
      sizes.push(statSync(join(folder, readdirSync(folder)[0]!)).size);
      return Promise.resolve(values[name]!.data);
    };
    return [name, { shape, read }] as const;
  });
  await writeSafetensors(path, Object.fromEntries(inTurn), { step: '3' });
  expect([sizes[1]! - sizes[0]!, sizes[2]! - sizes[1]!]).toEqual([4000, 4000]);
  expect((await readFile(path)).equals(encodeSafetensors(values, { step: '3' }))).toBe(true);
  const short = writeSafetensors(path, { a: { shape, read: () => Promise.resolve(new Float32Array(9)) } });
  await expect(short).rejects.toThrow('internal: a of shape [1000] has 9 numbers');
  expect((await readFile(path)).equals(encodeSafetensors(values, { step: '3' }))).toBe(true);
});
