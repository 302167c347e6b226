/** Where the concept's and the context's attention goes: SKL of cross-attention maps, and maps as pictures. */
import { internal } from '../errors.ts';
import type { Probe, ReadPrompt, StepMaps } from './probe.ts';

/** Attention of one token over the picture, [side²], summing to 1. Maps [B, side², T]. */
export function tokenMap(maps: Float32Array, side: number, length: number, picture: number, token: number): Float64Array {
  const count = side * side;
  const out = Float64Array.from({ length: count }, (_, q) => maps[(picture * count + q) * length + token]!);
  const total = out.reduce((a, b) => a + b, 0);
  if (!(total > 0)) throw internal('an attention map is empty');
  return out.map((x) => x / total);
}

/** ½ KL(p‖q) + ½ KL(q‖p) of two distributions. */
export function symmetricKl(p: Float64Array, q: Float64Array): number {
  const floor = 1e-12;
  let total = 0;
  for (let i = 0; i < p.length; i++) {
    const [a, b] = [Math.max(p[i]!, floor), Math.max(q[i]!, floor)];
    total += (a - b) * Math.log(a / b);
  }
  return total / 2;
}

export interface AttentionRow {
  prompt: string;
  word: string;
  /** Sampling step, from 0: much noise first. */
  step: number;
  /** Side of the maps. */
  side: number;
  skl: number;
}

/** SKL of the concept's map (mean over its vectors) to each context token's. */
export function attentionRows(maps: StepMaps, step: number, read: readonly ReadPrompt[], length: number): AttentionRow[] {
  return [...maps].flatMap(([side, values]) =>
    read.flatMap(({ prompt, concept, context, words }, picture) => {
      const own = concept.map((at) => tokenMap(values, side, length, picture, at));
      const concepts = own[0]!.map((_, i) => own.reduce((sum, map) => sum + map[i]!, 0) / own.length);
      return context.with.map((at, k) => ({
        prompt,
        word: words[k]!,
        step,
        side,
        skl: symmetricKl(concepts, tokenMap(values, side, length, picture, at)),
      }));
    }),
  );
}

/** The maps that the paper looks at: 16×16, or the largest that is no larger. */
export const headlineSide = (rows: readonly AttentionRow[]): number => {
  const sides = [...new Set(rows.map(({ side }) => side))].toSorted((a, b) => b - a);
  return sides.find((side) => side <= 16) ?? sides.at(-1)!;
};

export interface AttentionPicture {
  read: ReadPrompt;
  pixels: Float32Array;
  /** Mean over steps, by resolution [side², T]. */
  maps: Map<number, Float32Array>;
}

/** Attention over the sampling of every prompt; whole pictures and maps of the first `shown`. Yields the number of prompts done. */
export async function* measureAttention(
  probe: Probe,
  read: readonly ReadPrompt[],
  options: { batch: number; steps: number; guidance: number; seed: number; shown: number; signal?: AbortSignal },
): AsyncGenerator<number, { rows: AttentionRow[]; pictures: AttentionPicture[] }> {
  const { shown, signal, ...sampling } = options;
  const { length } = probe;
  const rows: AttentionRow[] = [];
  const pictures: AttentionPicture[] = [];
  for await (const { from, count, steps, pixels } of probe.sample(read, { ...sampling, decode: shown > 0 })) {
    signal?.throwIfAborted();
    const part = read.slice(from, from + count);
    for (const [step, maps] of steps.entries()) rows.push(...attentionRows(maps, step, part, length));
    for (let i = 0; i < count && from + i < shown; i++) {
      const each = pixels!.length / sampling.batch;
      const maps = new Map<number, Float32Array>();
      for (const [side] of steps[0]!) {
        const size = side * side * length;
        const total = new Float32Array(size);
        for (const step of steps)
          step
            .get(side)!
            .subarray(i * size, (i + 1) * size)
            .forEach((x, k) => (total[k]! += x / steps.length));
        maps.set(side, total);
      }
      pictures.push({ read: part[i]!, pixels: pixels!.slice(i * each, (i + 1) * each), maps });
    }
    yield from + count;
  }
  return { rows, pictures };
}

/** Mean SKL of each prompt at a resolution, over its context tokens and all steps. */
export function sklByPrompt(rows: readonly AttentionRow[], side: number): Map<string, number> {
  const sums = new Map<string, { sum: number; n: number }>();
  for (const row of rows) {
    if (row.side !== side) continue;
    const { sum, n } = sums.get(row.prompt) ?? { sum: 0, n: 0 };
    sums.set(row.prompt, { sum: sum + row.skl, n: n + 1 });
  }
  return new Map([...sums].map(([prompt, { sum, n }]) => [prompt, sum / n]));
}

/** Mean SKL by the value of one column. */
export function meanSklBy(rows: readonly AttentionRow[], key: 'step' | 'word' | 'side'): { [key: string]: number } {
  const sums = new Map<string, { sum: number; n: number }>();
  for (const row of rows) {
    const at = String(row[key]);
    const { sum, n } = sums.get(at) ?? { sum: 0, n: 0 };
    sums.set(at, { sum: sum + row.skl, n: n + 1 });
  }
  return Object.fromEntries([...sums].map(([at, { sum, n }]) => [at, sum / n]));
}

/** A picture [3, S, S] under a heat map of one token's attention, as bytes [S, S, 3]; the hottest place is red. */
export function heatMap(pixels: Float32Array, size: number, map: Float64Array): Uint8Array {
  const side = Math.sqrt(map.length);
  const most = map.reduce((a, b) => Math.max(a, b), 0);
  const out = new Uint8Array(3 * size * size);
  const at = (y: number, x: number): number => map[Math.max(0, Math.min(side - 1, y)) * side + Math.max(0, Math.min(side - 1, x))]!;
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const [v, u] = [((y + 0.5) * side) / size - 0.5, ((x + 0.5) * side) / size - 0.5];
      const [i, j] = [Math.floor(v), Math.floor(u)];
      const [a, b] = [v - i, u - j];
      const heat =
        ((1 - a) * ((1 - b) * at(i, j) + b * at(i, j + 1)) + a * ((1 - b) * at(i + 1, j) + b * at(i + 1, j + 1))) / Math.max(most, 1e-12);
      const colour = [Math.min(1, 2 * heat), Math.max(0, 1 - Math.abs(2 * heat - 1)), Math.max(0, 1 - 2 * heat)];
      for (let c = 0; c < 3; c++) {
        const own = (pixels[(c * size + y) * size + x]! + 1) / 2;
        out[3 * (y * size + x) + c] = Math.max(0, Math.min(255, Math.round(255 * (0.45 * own + 0.55 * colour[c]!))));
      }
    }
  return out;
}
