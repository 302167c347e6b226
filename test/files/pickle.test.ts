/** PyTorch's files: test/golden/pickles, made by oracle/pickles.py. */
import { existsSync } from 'node:fs';
import { copyFile, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UserError } from '../../src/errors.ts';
import { openPickle } from '../../src/files/pickle.ts';
import { readEntry } from '../../src/files/tensors.ts';
import { scratch } from '../scratch.ts';

const golden = (name: string): string => `test/golden/pickles/${name}.pt`;
const row = [-0.5, -0.25, 0, 0.25, 0.5, 0.75];

test('a checkpoint’s tensors, of every kind; classes that it names are names, no more', async () => {
  const tensors = await openPickle(golden('checkpoint'));
  expect(Object.fromEntries([...tensors].map(([name, { dtype, shape }]) => [name, `${dtype} ${shape.join('×')}`]))).toEqual({
    single: 'F32 6',
    half: 'F16 2×3',
    brain: 'BF16 3×2',
    double: 'F64 6',
    parameter: 'F32 2',
    count: 'I64 ',
    rows: 'F32 2×2',
  });
  for (const name of ['single', 'half', 'brain', 'double']) expect([...readEntry(tensors.get(name)!)], name).toEqual(row);
  expect([...readEntry(tensors.get('parameter')!)]).toEqual(row.slice(0, 2));
  expect([...readEntry(tensors.get('rows')!)]).toEqual(row.slice(2));
  expect(() => readEntry(tensors.get('count')!)).toThrow('tensor count has dtype I64; floating-point weights are expected');
});

test('an embedding as A1111 saves it', async () => {
  const tensors = await openPickle(golden('embedding'));
  expect([...tensors.keys()]).toEqual(['string_to_param.*']);
  expect([...readEntry(tensors.get('string_to_param.*')!)]).toEqual(row);
});

test.each([
  ['code', /^test\/golden\/pickles\/code\.pt cannot be used: it asks to run (posix|nt)\.system; nothing was run$/],
  ['code4', /^test\/golden\/pickles\/code4\.pt cannot be used: it asks to run (posix|nt)\.system; nothing was run$/],
  ['strided', /cannot be used: tensor strided is not contiguous: save the model as \.safetensors$/],
  ['legacy', /cannot be used: it is not a zip, as PyTorch 1\.6 and later write \(save it again with a newer PyTorch\)$/],
])('%s.pt is refused', async (name, message) => {
  await expect(openPickle(golden(name))).rejects.toThrow(message);
  await expect(openPickle(golden(name))).rejects.toBeInstanceOf(UserError);
  expect(existsSync('/tmp/contextura-was-run')).toBe(false);
});

test('what is no such file at all', async () => {
  const folder = await scratch();
  await expect(openPickle(join(folder, 'none.pt'))).rejects.toThrow('none.pt does not exist');
  await expect(openPickle(folder)).rejects.toThrow('is not a file; weights are expected');
  await writeFile(join(folder, 'empty.pt'), '');
  await expect(openPickle(join(folder, 'empty.pt'))).rejects.toThrow('it is not a zip');
  const cut = join(folder, 'cut.pt');
  await copyFile(golden('checkpoint'), cut);
  await truncate(cut, (await readFile(cut)).length - 40);
  await expect(openPickle(cut)).rejects.toThrow(/cut\.pt cannot be used: /);
});

/** A zip of one stored entry. */
function zipOf(name: string, content: Buffer): Buffer {
  const [local, central, end] = [Buffer.alloc(30), Buffer.alloc(46), Buffer.alloc(22)];
  local.writeUInt32LE(0x04034b50);
  local.writeUInt16LE(name.length, 26);
  central.writeUInt32LE(0x02014b50);
  for (const at of [20, 24]) central.writeUInt32LE(content.length, at);
  central.writeUInt16LE(name.length, 28);
  const start = 30 + name.length + content.length;
  end.writeUInt32LE(0x06054b50);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(46 + name.length, 12);
  end.writeUInt32LE(start, 16);
  return Buffer.concat([local, Buffer.from(name), content, central, Buffer.from(name), end]);
}

async function openBytes(pickle: Buffer): Promise<unknown> {
  const path = join(await scratch(), 'made.pt');
  await writeFile(path, zipOf('archive/data.pkl', pickle));
  return openPickle(path);
}

test('pickles that would exhaust a naive reader', async () => {
  // d = {}; d['x'] = d
  await expect(openBytes(Buffer.from('}q\0X\u0001\0\0\0xh\0s.', 'latin1'))).resolves.toEqual(new Map());
  const nested = `${'}X\u0001\0\0\0x'.repeat(100_000)}}${'s'.repeat(100_000)}.`;
  await expect(openBytes(Buffer.from(nested, 'latin1'))).rejects.toThrow('its dictionaries lie too deep in one another');
  await expect(openBytes(Buffer.from(`](${'K\u0001'.repeat(300_000)}e0}.`, 'latin1'))).resolves.toEqual(new Map());
  await expect(openBytes(Buffer.from('X\xff\xff\xff\xffx', 'latin1'))).rejects.toThrow('its pickle ends too early');
  await expect(openBytes(Buffer.from('cos\nsystem\nX\u0004\0\0\0true\x85R.', 'latin1'))).rejects.toThrow(
    'it asks to run os.system; nothing was run',
  );
  await expect(openBytes(Buffer.from('cos\nsystem\n)\x81.', 'latin1'))).rejects.toThrow('its pickle asks for instruction 0x81');
});

test('any damage gives tensors or a UserError, never another failure', async () => {
  const folder = await scratch();
  const whole = await readFile(golden('checkpoint'));
  const pickleAt = whole.indexOf('\x80\x02}', 0, 'latin1');
  expect(pickleAt).toBeGreaterThan(0);
  const path = join(folder, 'damaged.pt');
  const somewhere = fc.oneof(
    fc.nat(whole.length - 1),
    fc.integer({ min: pickleAt, max: pickleAt + 1000 }),
    fc.integer({ min: whole.length - 1500, max: whole.length - 1 }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(somewhere, fc.nat(255)), { minLength: 1, maxLength: 4 }),
      fc.option(fc.nat(whole.length)),
      async (flips, length) => {
        const bytes = Buffer.from(whole);
        for (const [at, byte] of flips) bytes[at] = byte;
        await writeFile(path, length === null ? bytes : bytes.subarray(0, length));
        try {
          for (const entry of (await openPickle(path)).values()) {
            expect(entry.offset + entry.length).toBeLessThanOrEqual(bytes.length);
            if (/^B?F/.test(entry.dtype)) readEntry(entry);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(UserError);
        }
      },
    ),
    { numRuns: 1500 },
  );
});
