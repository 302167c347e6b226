/** Many rows through a program that was compiled for a few. */
import type { Program } from '../graph/engine.ts';

/** Rows of any number through a program of a fixed batch; the last row fills up. */
export async function inBatches<T extends Float32Array | Int32Array>(
  program: Program,
  name: string,
  rows: readonly T[],
  batch: number,
): Promise<Float32Array[]> {
  const out: Float32Array[] = [];
  for (let from = 0; from < rows.length; from += batch) {
    const part = rows.slice(from, from + batch);
    const { length } = part[0]!;
    const feed = part[0] instanceof Int32Array ? new Int32Array(batch * length) : new Float32Array(batch * length);
    for (let i = 0; i < batch; i++) feed.set(part[Math.min(i, part.length - 1)]!, i * length);
    const result = (await program.run({ [name]: feed })).out as Float32Array;
    const width = result.length / batch;
    part.forEach((_, i) => out.push(result.slice(i * width, (i + 1) * width)));
  }
  return out;
}
