/** Weights that are a function of their tensor's name: `weights_of` of oracle/checkpoints.py, bit for bit up to rounding. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { sizeOf } from '../../src/graph/tensor.ts';
import { Parameters, stateSource } from '../../src/nn/parameters.ts';

export interface Weight {
  data: Float32Array;
  shape: readonly number[];
}

/** Numbers in [−1, 1): a 32-bit mix of the index and of the name's FNV-1a hash. */
function uniform(name: string, count: number): number[] {
  const seed = Buffer.from(name).reduce((hash, byte) => Math.imul(hash ^ byte, 0x01000193), 0x811c9dc5);
  return Array.from({ length: count }, (_, i) => {
    let x = (Math.imul(i, 0x9e3779b1) + seed) | 0;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    return ((x ^ (x >>> 16)) >>> 0) / 2 ** 31 - 1;
  });
}

export function formulaWeights(name: string, shape: readonly number[]): Float32Array {
  const u = uniform(name, sizeOf(shape));
  if (name.endsWith('.bias')) return Float32Array.from(u, (x) => 0.1 * x);
  if (shape.length === 1) return Float32Array.from(u, (x) => 1 + 0.1 * x);
  if (name.endsWith('embedding.weight')) return Float32Array.from(u, (x) => 0.3 * x);
  const scale = Math.sqrt(3 / sizeOf(shape.slice(1)));
  return Float32Array.from(u, (x) => x * scale);
}

/** All weights that a model asks for. */
export function weightsFor(trace: (p: Parameters) => unknown): Record<string, Weight> {
  const { source, tensors } = stateSource();
  trace(new Parameters(source));
  return Object.fromEntries([...tensors].map(([name, { shape }]) => [name, { data: formulaWeights(name, shape), shape }]));
}

/** A tensor of the real Stable Diffusion: its component, diffusers' or transformers' name, latent-diffusion's, its shape. */
export type NamedTensor = readonly [part: 'text' | 'unet' | 'vae', name: string, single: string, shape: readonly number[]];

export const realTensors = (version: 1 | 2): NamedTensor[] =>
  JSON.parse(gunzipSync(readFileSync(`test/golden/sd${version}-names.json.gz`)).toString()) as NamedTensor[];
