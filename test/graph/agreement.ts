/** What every device is held against: the interpreter, forwards and backwards, on the same cases. */
import { expect } from 'vitest';
import { evaluate } from '../../src/graph/engine.ts';
import type { Engine } from '../../src/graph/engine.ts';
import { gradients } from '../../src/graph/gradient.ts';
import { interpret } from '../../src/graph/interpreter.ts';
import * as ops from '../../src/graph/ops.ts';
import { sizeOf } from '../../src/graph/tensor.ts';
import type { Tensor } from '../../src/graph/tensor.ts';
import { verify } from '../../src/graph/verify.ts';
import type { Case } from './cases.ts';

/** Deterministic numbers in (−1, 1), all different. */
function numbers(count: number, seed: number): number[] {
  return Array.from({ length: count }, (_, i) => (((i + 1) * 0.6180339887 + seed * 0.3819) % 1) * 2 - 1);
}

/** A scalar that weighs every output element differently, its gradients, and feeds for its inputs. */
export function objective(c: Case): { loss: Tensor; result: Tensor; grads: Tensor[]; feeds: Record<string, Float32Array> } {
  const inputs = c.shapes.map((shape, i) => ops.input(`x${i}`, shape));
  const result = c.build(...inputs);
  const weights = ops.constant(Float32Array.from(numbers(sizeOf(result.shape), 7)), result.shape);
  const loss = ops.sum(ops.multiply(result, weights));
  const domain = c.domain ?? ((x: number): number => x);
  const feeds = Object.fromEntries(c.shapes.map((shape, i) => [`x${i}`, Float32Array.from(numbers(sizeOf(shape), i), domain)]));
  return { loss, result, grads: gradients(loss, inputs), feeds };
}

/** Holds an engine's result, loss and gradients against the interpreter's. */
export async function agrees(engine: Engine, c: Case): Promise<void> {
  const { loss, result, grads, feeds } = objective(c);
  const roots = [loss, result, ...grads];
  verify(roots);
  const native = await evaluate(engine, Object.fromEntries(roots.map((t, i) => [`y${i}`, t])), feeds);
  interpret(roots, feeds).forEach((expected, i) => {
    const got = native[`y${i}`]!;
    expect(got.length).toBe(expected.length);
    expected.forEach((value, k) => expect(Math.abs(got[k]! - value)).toBeLessThan(2e-5 * (1 + Math.abs(value))));
  });
}
