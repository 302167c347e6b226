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

/** A file with a header of one's own, and `size` bytes behind it. */
async function withHeader(header: unknown, size: number, claimed?: bigint): Promise<string> {
  const path = join(folder, 'header.safetensors');
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(claimed ?? BigInt(json.length));
  await writeFile(path, Buffer.concat([prefix, json, Buffer.alloc(size)]));
  return path;
}
const f32 = (shape: number[], ...range: number[]): object => ({ dtype: 'F32', shape, data_offsets: range });

test.each<[string, unknown, number, bigint | undefined, string]>([
  ['that overlaps', { a: f32([2], 0, 8), b: f32([2], 4, 12) }, 12, undefined, 'tensors a and b overlap'],
  ['that leaves the file', { a: f32([4], 0, 16) }, 8, undefined, 'tensor a ends at byte 79 and the file at 71 (truncated?)'],
  ['whose shape lies', { a: f32([3], 0, 8) }, 8, undefined, 'tensor a of shape [3] and dtype F32 takes 12 bytes, its range has 8'],
  ['whose range is reversed', { a: f32([2], 8, 0) }, 8, undefined, 'tensor a has no proper data_offsets'],
  ['whose shape is negative', { a: f32([-2], 0, 8) }, 8, undefined, 'tensor a has no proper shape'],
  ['of an unknown dtype', { a: { ...f32([2], 0, 8), dtype: 'F8_E4M3' } }, 8, undefined, 'tensor a has the unknown dtype F8_E4M3'],
  ['of an inherited dtype', { a: { ...f32([2], 0, 8), dtype: 'constructor' } }, 8, undefined, 'tensor a has the unknown dtype constructor'],
  ['of 2 GB', {}, 0, 2n ** 31n, 'its header claims 2147483648 bytes, more than the 100000000 that are allowed'],
  ['of 2 to the 63rd bytes', {}, 0, 2n ** 63n, 'its header claims 9223372036854776000 bytes, more than the 100000000 that are allowed'],
  ['longer than the file', {}, 0, 50n, 'its header should have 50 bytes and the file has 10 (truncated?)'],
  ['that is a list', [], 0, undefined, 'its header is not a JSON object'],
  ['that is no JSON', '{', 0, undefined, 'its header is not JSON'],
])('a header %s is refused', async (_, header, size, claimed, what) => {
  const path = await withHeader(header, size, claimed);
  await expect(openSafetensors(path)).rejects.toThrow(
    new UserError(`${path} is not a usable .safetensors file: ${what}. Fetch or export it again`),
  );
});

test('a failed write leaves nothing behind', async () => {
  await writeFile(join(folder, 'file'), '');
  await expect(writeSafetensors(join(folder, 'file', 'x.safetensors'), tensors)).rejects.toThrow();
  expect((await readdir(folder)).filter((name) => name.endsWith('.part'))).toEqual([]);
});
