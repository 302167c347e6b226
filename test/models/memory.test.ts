import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { estimateMemory, refuseShortage } from '../../src/graph/memory.ts';
import { add, exp, input, matmul, reshape, sum } from '../../src/graph/ops.ts';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
/** In a process of its own, whose peak is the step's. */
function measure(folder: string, batch: number, lean: string): { predicted: number; measured: number } {
  const script = here('measure-memory.ts');
  return JSON.parse(execFileSync(process.execPath, ['--import', 'tsx', script, folder, String(batch), lean], { encoding: 'utf8' }));
}
const within = (ratio: number): void => {
  expect(ratio).toBeGreaterThan(0.7);
  expect(ratio).toBeLessThan(1.3);
};

test.each(['lean', 'packed'])('the embedded model’s step takes the memory that was predicted: %s', (lean) => {
  const { predicted, measured } = measure(here('../../assets/tiny'), 16, lean);
  within(predicted / measured);
});

const sd15 = process.env.CONTEXTURA_SD15;
describe.skipIf(sd15 === undefined)('with CONTEXTURA_SD15, a folder that bench --sd15 wrote (6 GB, minutes)', () => {
  test('the step takes the memory that was predicted', { timeout: 900_000 }, () => {
    const { predicted, measured } = measure(sd15!, 1, 'default');
    within(predicted / measured);
  });
});

test('what is alive at once is counted, and nothing else', () => {
  const x = input('x', [100, 10]);
  const a = matmul(x, input('w', [10, 50])); // 20 kB
  const b = exp(reshape(a, [50, 100])); // in the place of a
  const c = matmul(b, input('v', [100, 200])); // 40 kB, while b is read
  expect(estimateMemory([sum(c)], false)).toEqual({ constants: 0, inputs: 4 * (1000 + 500 + 20_000), intermediates: 60_000, copies: 0 });
  // The same, with a needed again at the end.
  expect(estimateMemory([add(sum(c), sum(a))], false).intermediates).toBe(80_000);
});

test('a shortage is told in one line', () => {
  expect(() => refuseShortage('a step at 512 pixels', 9.04e9, 'close other programs, or lower --batch', 6e9)).toThrow(
    'a step at 512 pixels needs about 9.0 GB of memory, 6.0 are free: close other programs, or lower --batch',
  );
  expect(() => refuseShortage('a step', 1e9, '', 6e9)).not.toThrow();
});
