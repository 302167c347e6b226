/** First values of parameters, by name and shape. */
import type { Random } from '../graph/random.ts';
import { sizeOf } from '../graph/tensor.ts';
import type { Shape, Tensor } from '../graph/tensor.ts';

/** Layers whose output is added to a residual stream start small. */
const residual = /(conv2|to_out\.0|out_proj|fc2|proj_out|ff\.net\.2|output\.dense)\.weight$/;

/** One parameter: gains 1, biases 0, embeddings N(0, 0.02²), matrices and kernels N(0, 1 / fan-in). */
export function initialValue(name: string, shape: Shape, random: Random): Float32Array {
  const size = sizeOf(shape);
  const stream = random.fork(name);
  if (name.endsWith('bias')) return new Float32Array(size);
  if (shape.length === 1 && name.endsWith('weight')) return new Float32Array(size).fill(1);
  const isTable = /embedding|embeddings|token/.test(name) && !/projection|patch|time/.test(name);
  const fanIn = sizeOf(shape.slice(1));
  const deviation = isTable || shape.length < 2 ? 0.02 : (residual.test(name) ? 0.3 : 1) / Math.sqrt(fanIn);
  return stream.normals(size).map((x) => x * deviation);
}

export function initialValues(
  parameters: ReadonlyMap<string, Tensor>,
  random: Random,
): Record<string, { data: Float32Array; shape: Shape }> {
  return Object.fromEntries([...parameters].map(([name, { shape }]) => [name, { data: initialValue(name, shape, random), shape }]));
}
