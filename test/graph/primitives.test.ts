import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { Engine } from '../../src/graph/engine.ts';
import { gradientRules } from '../../src/graph/gradient.ts';
import { interpret } from '../../src/graph/interpreter.ts';
import { sizeOf } from '../../src/graph/tensor.ts';
import { agrees, objective } from './agreement.ts';
import { cases, withoutGradient } from './cases.ts';

const engine = new Engine({ threads: 1 });
afterAll(() => engine.close());

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
      fc.asyncProperty(arbitrary!, (c) => agrees(engine, c)),
      { numRuns: 12, seed: 2 },
    );
  });
});
