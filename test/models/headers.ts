/** Safetensors files with other headers than they had, or with nothing behind theirs. */
import { readFile, truncate, writeFile } from 'node:fs/promises';

export interface HeaderEntry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}
export type Header = Record<string, HeaderEntry>;

const withPrefix = (header: object): Buffer => {
  const json = Buffer.from(JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([prefix, json]);
};

/** The same bytes under a changed header. */
export async function rewriteHeader(path: string, change: (header: Header) => Header | undefined, to = path): Promise<void> {
  const bytes = await readFile(path);
  const length = Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length)) as Header;
  await writeFile(to, Buffer.concat([withPrefix(change(header) ?? header), bytes.subarray(8 + length)]));
}

/** A file of tensors that are holes on the disk: names and shapes, all of one dtype of two bytes. */
export async function writeSparse(
  path: string,
  shapes: Iterable<readonly [name: string, shape: readonly number[]]>,
  metadata?: Record<string, string>,
): Promise<void> {
  const header: Record<string, unknown> = metadata === undefined ? {} : { __metadata__: metadata };
  let end = 0;
  for (const [name, shape] of shapes)
    header[name] ??= { dtype: 'F16', shape, data_offsets: [end, (end += 2 * shape.reduce((a, b) => a * b, 1))] };
  const head = withPrefix(header);
  await writeFile(path, head);
  await truncate(path, head.length + end);
}
