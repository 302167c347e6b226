import { expect, test } from 'vitest';
import { interpret } from '../../src/graph/interpreter.ts';
import { input } from '../../src/graph/ops.ts';
import { LossScale } from '../../src/optim/loss-scale.ts';

test('a scale halves when a step overflows, and gives up below one', () => {
  const scale = new LossScale();
  expect(scale.overflowed(3)).toBe(false);
  expect(scale.feeds().lossScale).toEqual(Float32Array.of(65536));
  expect(scale.overflowed(Infinity)).toBe(true);
  expect(scale.overflowed(Number.NaN)).toBe(true);
  expect(scale.feeds().lossScale).toEqual(Float32Array.of(16384));
  for (let i = 0; i < 15; i++) scale.overflowed(Infinity);
  expect(() => scale.overflowed(Infinity)).toThrow(
    '--precision float16: gradients overflow at every scale of the loss: use --precision float32',
  );
});

test('a step that overflows leaves states as they were', () => {
  const scale = new LossScale();
  const y = scale.guarded(input('norm', []), input('next', [2]), input('old', [2]));
  const kept = (norm: number): number[] => [...interpret([y], { norm: [norm], next: [Number.NaN, 2], old: [3, 4] } as never)[0]!];
  expect(kept(Infinity)).toEqual([3, 4]);
  expect(kept(Number.NaN)).toEqual([3, 4]);
  expect(kept(1)).toEqual([Number.NaN, 2]);
});
