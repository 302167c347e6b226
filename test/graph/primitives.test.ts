import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { Engine, evaluate } from '../../src/graph/engine.ts';
import { gradientRules, gradients } from '../../src/graph/gradient.ts';
import { interpret } from '../../src/graph/interpreter.ts';
import * as ops from '../../src/graph/ops.ts';
import { sizeOf } from '../../src/graph/tensor.ts';
import type { Tensor } from '../../src/graph/tensor.ts';
import { verify } from '../../src/graph/verify.ts';
import { cases, withoutGradient } from './cases.ts';
import type { Case } from './cases.ts';

const engine = new Engine({ threads: 1 });
afterAll(() => engine.close());

/** Deterministic numbers in (−1, 1), all different. */
function numbers(count: number, seed: number): number[] {
  return Array.from({ length: count }, (_, i) => (((i + 1) * 0.6180339887 + seed * 0.3819) % 1) * 2 - 1);
}

/** A scalar that weighs every output element differently, its gradients, and feeds for its inputs. */
function objective(c: Case): { loss: Tensor; result: Tensor; grads: Tensor[]; feeds: Record<string, Float32Array> } {
  const inputs = c.shapes.map((shape, i) => ops.input(`x${i}`, shape));
  const result = c.build(...inputs);
  const weights = ops.constant(Float32Array.from(numbers(sizeOf(result.shape), 7)), result.shape);
  const loss = ops.sum(ops.multiply(result, weights));
  const domain = c.domain ?? ((x: number): number => x);
  const feeds = Object.fromEntries(c.shapes.map((shape, i) => [`x${i}`, Float32Array.from(numbers(sizeOf(shape), i), domain)]));
  return { loss, result, grads: gradients(loss, inputs), feeds };
}

it('has a case, or a reason to have none, for every primitive', () => {
  expect(new Set([...Object.keys(cases), ...withoutGradient])).toEqual(new Set(Object.keys(gradientRules)));
});

describe.each(Object.entries(cases))('%s', (_, arbitrary) => {
  it('has the gradient of finite differences in float64', () => {
    fc.assert(
      fc.property(arbitrary!, (c) => {
        const { loss, grads, feeds } = objective(c);
        const exact = interpret(grads, feeds);
        c.shapes.forEach((shape, i) => {
          const values = Float64Array.from(feeds[`x${i}`]!);
          for (let k = 0; k < sizeOf(shape); k++) {
            const at = (delta: number): number => {
              const moved = values.slice();
              moved[k]! += delta;
              return interpret([loss], { ...feeds, [`x${i}`]: moved } as never)[0]![0]!;
            };
            const estimate = (at(1e-5) - at(-1e-5)) / 2e-5;
            expect(Math.abs(exact[i]![k]! - estimate)).toBeLessThan(1e-6 * (1 + Math.abs(estimate)));
          }
        });
      }),
      { numRuns: 12, seed: 1 },
    );
  });

  it('agrees with ONNX Runtime, forwards and backwards', async () => {
    await fc.assert(
      fc.asyncProperty(arbitrary!, async (c) => {
        const { loss, result, grads, feeds } = objective(c);
        const roots = [loss, result, ...grads];
        verify(roots);
        const native = await evaluate(engine, Object.fromEntries(roots.map((t, i) => [`y${i}`, t])), feeds);
        interpret(roots, feeds).forEach((expected, i) => {
          const got = native[`y${i}`]!;
          expect(got.length).toBe(expected.length);
          expected.forEach((value, k) => expect(Math.abs(got[k]! - value)).toBeLessThan(2e-5 * (1 + Math.abs(value))));
        });
      }),
      { numRuns: 12, seed: 2 },
    );
  });
});
