/** Networks of the true shapes with weights by a formula: what oracle/features.py gives to transformers. */
import { stateSource, Parameters } from '../../src/nn/parameters.ts';
import { writeSafetensors } from '../../src/files/safetensors.ts';

function spread(i: number, n: number): number {
  let x = (i + n * 2654435761) >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b) >>> 0;
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35) >>> 0;
  return (((x ^ (x >>> 16)) >>> 0) / 2 ** 32 - 0.5) * Math.sqrt(12);
}

/** Writes the seeded weights of what `trace` asks for, and of `more`, which files have and graphs do not read. */
export async function writeSeeded(
  path: string,
  trace: (p: Parameters) => void,
  more: Record<string, readonly number[]> = {},
): Promise<void> {
  const { source, tensors } = stateSource();
  trace(new Parameters(source));
  const shapes = new Map<string, readonly number[]>([...tensors].map(([name, { shape }]) => [name, shape]));
  for (const [name, shape] of Object.entries(more)) shapes.set(name, shape);
  const names = [...shapes.keys()].toSorted((a, b) => (a < b ? -1 : 1));
  const made = names.map((name, n) => {
    const shape = shapes.get(name)!;
    const count = shape.reduce((product, size) => product * size, 1);
    let value: (x: number) => number;
    if ((name.includes('norm') && name.endsWith('weight')) || name.includes('lambda1')) value = (x) => 1 + 0.1 * x;
    else if (shape.length < 2 || name.includes('token') || name.includes('position')) value = (x) => 0.1 * x;
    else value = (x) => x / Math.sqrt(count / shape[0]!);
    const data = new Float32Array(count);
    for (let i = 0; i < count; i++) data[i] = value(spread(i, n));
    return [name, { data, shape }] as const;
  });
  await writeSafetensors(path, Object.fromEntries(made));
}
