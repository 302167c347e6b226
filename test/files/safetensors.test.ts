import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { UserError } from '../../src/errors.ts';
import { encodeSafetensors, openSafetensors, readTensor, writeSafetensors } from '../../src/files/safetensors.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contextura-'));
});
afterAll(() => rm(folder, { recursive: true }));

const tensors = { b: { data: Float32Array.of(1, -2, 0.5), shape: [3] }, a: { data: Float32Array.of(3, 4), shape: [2, 1] } };

test.each(['F32', 'F16'] as const)('what is written as %s is read', async (dtype) => {
  const path = join(folder, `${dtype}.safetensors`);
  await writeSafetensors(path, tensors, { step: '7' }, dtype);
  const file = await openSafetensors(path);
  expect(file.metadata).toEqual({ step: '7' });
  expect([...file.tensors.keys()]).toEqual(['a', 'b']);
  expect(await readTensor(file, 'b')).toEqual(tensors.b.data);
  expect(file.tensors.get('a')!.shape).toEqual([2, 1]);
});

test('a truncated file is told of, with its name', async () => {
  const path = join(folder, 'short.safetensors');
  await writeSafetensors(path, tensors);
  await truncate(path, (await readFile(path)).length - 3);
  await expect(openSafetensors(path)).rejects.toThrow(
    /short\.safetensors is not a usable .safetensors file: tensor b ends at byte .* \(truncated\?\)/,
  );
});

test('any damage gives the file back or a UserError, never another failure', async () => {
  const whole = encodeSafetensors(tensors);
  const path = join(folder, 'damaged.safetensors');
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length), async (at, byte, length) => {
      const bytes = Uint8Array.from(whole.subarray(0, length));
      if (at < length) bytes[at] = byte;
      await writeFile(path, bytes);
      try {
        await openSafetensors(path);
      } catch (error) {
        expect(error).toBeInstanceOf(UserError);
      }
    }),
    { numRuns: 200 },
  );
});

test('a failed write leaves nothing behind', async () => {
  await writeFile(join(folder, 'file'), '');
  await expect(writeSafetensors(join(folder, 'file', 'x.safetensors'), tensors)).rejects.toThrow();
  expect((await readdir(folder)).filter((name) => name.endsWith('.part'))).toEqual([]);
});
