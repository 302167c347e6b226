/** The process that tries a device: multiplies matrices on the device named by its argument and writes a `Report` to its output. */
import { availableParallelism } from 'node:os';
import type { Device } from './device.ts';
import { lower } from './lower.ts';
import { constant, input, matmul, multiply, sum } from './ops.ts';
import { InferenceSession, OrtTensor, providersOf } from './ort.ts';
import type { Report } from './probe.ts';

/** GFLOP/s of products of two matrices of n × n, of which only a sum comes back. */
async function speed(device: Device, n: number): Promise<number> {
  const ones = constant(new Float32Array(n * n).fill(1), [n, n]);
  const y = sum(matmul(multiply(ones, input('x', [])), ones));
  const session = await InferenceSession.create(lower({ y }, { device }).bytes, {
    executionProviders: providersOf(device),
    intraOpNumThreads: availableParallelism(),
    logSeverityLevel: 4,
  });
  let best = Infinity;
  for (let i = 0; i < 3; i++) {
    const start = performance.now();
    const out = await session.run({ x: new OrtTensor('float32', Float32Array.of(1), []) });
    best = Math.min(best, performance.now() - start);
    const got = (out.y!.data as Float32Array)[0]!;
    if (Math.abs(got / n ** 3 - 1) > 1e-3) throw new Error(`the sum of a product of ones is ${got} where ${n ** 3} is expected`);
  }
  return (2 * n ** 3) / best / 1e6;
}

async function report(device: Device): Promise<Report> {
  try {
    const gflops = await speed(device, 256);
    // Too little work keeps a fast device waiting for its orders, too much keeps us waiting for a slow one.
    return { gflops: gflops < 4 ? gflops : await speed(device, 2048) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

process.stdout.write(`${JSON.stringify(await report(process.argv[2] as Device))}\n`);
