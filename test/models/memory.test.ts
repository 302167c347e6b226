import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { UserError } from '../../src/errors.ts';
import { estimateMemory, predictMemory, predictTogether, refuseShortage } from '../../src/graph/memory.ts';
import { add, constant, exp, input, matmul, reshape, state, sum } from '../../src/graph/ops.ts';

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

afterEach(() => void vi.unstubAllEnvs());

test('what is alive at once is counted, and nothing else', () => {
  const packed = { lean: false, sparing: false };
  const x = input('x', [100, 10]);
  const a = matmul(x, input('w', [10, 50])); // 20 kB
  const b = exp(reshape(a, [50, 100])); // in the place of a
  const c = matmul(b, input('v', [100, 200])); // 40 kB, while b is read
  expect(estimateMemory([sum(c)], packed)).toEqual({ constants: 0, inputs: 4 * (1000 + 500 + 20_000), intermediates: 60_000, copies: 0 });
  // The same, with a needed again at the end.
  expect(estimateMemory([add(sum(a), sum(c))], packed).intermediates).toBe(80_000);
  // Of an operator's inputs the last is made first: here a before b takes its place.
  expect(estimateMemory([add(sum(c), sum(a))], packed).intermediates).toBe(60_004);
});

test('programs together: a file’s constants once, states once, arenas each, passing results of lean ones once', () => {
  const weights = constant(new Float32Array(1e6), [1000, 1000]);
  const kept = state('s', [1000, 1000]);
  const program = (rows: number) => ({ outputs: { y: sum(matmul(input('x', [rows, 1000]), weights)) }, updates: { s: add(kept, kept) } });
  const [one, two] = [program(100), program(200)];
  const beside = 40e6 + 4e6;
  expect(Math.abs(predictTogether([one], true) - (beside + 4e6 + 4e5 + 1.25 * 4e5))).toBeLessThan(100);
  expect(Math.abs(predictTogether([one, two], true) - (beside + 4e6 + 8e5 + 1.25 * 8e5))).toBeLessThan(100);
  expect(Math.abs(predictTogether([one, two], false) - (beside + 4 * 4e6 + 8e5 + 2.7 * (4e5 + 8e5)))).toBeLessThan(100);
  // Where the update is a result like any other, it is there, if not beside all else: the quieter of two orders makes it last.
  const asResult = predictMemory([...Object.values(one.outputs), ...Object.values(one.updates)], true);
  expect(Math.abs(asResult - (predictTogether([one], true) + 1.25 * (4e6 - 4e5)))).toBeLessThan(100);
});

test('a shortage is told in one line, unless that is not wanted', () => {
  const refuse = (): void => refuseShortage('a step at 512 pixels', 9.04e9, 'close other programs, or lower --batch', 6e9);
  expect(refuse).toThrow(
    new UserError(
      'a step at 512 pixels needs about 9.0 GB of memory, 6.0 are free: close other programs, or lower --batch; or set CONTEXTURA_IGNORE_MEMORY=1 to go on all the same',
      1,
    ),
  );
  expect(() => refuseShortage('a step', 1e9, '', 6e9)).not.toThrow();
  vi.stubEnv('CONTEXTURA_IGNORE_MEMORY', '1');
  expect(refuse).not.toThrow();
});
