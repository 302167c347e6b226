/** One case suite over every differentiable primitive: shapes drawn by fast-check, checked three ways. */
import fc from 'fast-check';
import * as ops from '../../src/graph/ops.ts';
import type { PrimitiveName, Shape, Tensor } from '../../src/graph/tensor.ts';

export interface Case {
  /** Shapes of the float inputs. */
  shapes: Shape[];
  build: (...inputs: Tensor[]) => Tensor;
  /** Map uniform numbers in (−1, 1) to the primitive's domain. */
  domain?: (x: number) => number;
}

const size = fc.integer({ min: 1, max: 4 });
const shape = fc.array(size, { minLength: 1, maxLength: 4 });
const unary = (build: (x: Tensor) => Tensor, domain?: (x: number) => number): fc.Arbitrary<Case> =>
  shape.map((s) => ({ shapes: [s], build, ...(domain ? { domain } : {}) }));

/** Two shapes that broadcast together. */
const broadcastPair = fc
  .tuple(
    shape,
    fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
    fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
    fc.nat({ max: 3 }),
  )
  .map(([s, one, other, drop]): [Shape, Shape] => [
    s.map((n, i) => (one[i] ? 1 : n)),
    s.map((n, i) => (other[i] ? 1 : n)).slice(Math.min(drop, s.length - 1)),
  ]);
const binary = (build: (a: Tensor, b: Tensor) => Tensor, domain?: (x: number) => number): fc.Arbitrary<Case> =>
  broadcastPair.map((shapes) => ({ shapes, build: build as Case['build'], ...(domain ? { domain } : {}) }));

const away = (x: number): number => (x < 0 ? -0.5 : 0.5) + x;
const positive = (x: number): number => 1.5 + x;

const convolution = fc.record({
  batch: fc.integer({ min: 1, max: 2 }),
  channels: fc.integer({ min: 1, max: 3 }),
  filters: fc.integer({ min: 1, max: 3 }),
  height: fc.integer({ min: 3, max: 6 }),
  width: fc.integer({ min: 3, max: 6 }),
  kernel: fc.constantFrom(1, 2, 3),
  stride: fc.constantFrom(1, 2),
  padding: fc.tuple(fc.nat(1), fc.nat(1), fc.nat(1), fc.nat(1)),
});
/** Stride 1 and as much padding as the kernel reaches past the edges, on whichever side. */
const sizeKeeping = convolution.chain((c) =>
  fc.tuple(fc.nat(c.kernel - 1), fc.nat(c.kernel - 1)).map(([top, left]) => ({
    ...c,
    stride: 1,
    padding: [top, c.kernel - 1 - top, left, c.kernel - 1 - left] as [number, number, number, number],
  })),
);
const ids = Int32Array.of(2, 0, 2, 1, 0, 2);

export const cases: Partial<Record<PrimitiveName, fc.Arbitrary<Case>>> = {
  negate: unary(ops.negate),
  exp: unary(ops.exp),
  log: unary(ops.log, positive),
  sqrt: unary(ops.sqrt, positive),
  sigmoid: unary(ops.sigmoid),
  tanh: unary(ops.tanh),
  erf: unary(ops.erf, (x) => 3 * x),
  sin: unary(ops.sin),
  cos: unary(ops.cos),
  add: binary(ops.add),
  subtract: binary(ops.subtract),
  multiply: binary(ops.multiply),
  divide: binary(ops.divide, away),
  maximum: binary(ops.maximum),
  select: binary((a, b) => ops.select(ops.less(ops.stopGradient(a), 0.1), b, ops.multiply(a, 2))),
  reshape: unary((x) => ops.reshape(x, [-1])),
  transpose: unary((x) =>
    ops.transpose(
      x,
      x.shape.map((_, i) => x.shape.length - 1 - i),
    ),
  ),
  broadcast: fc.oneof(
    shape.map((s): Case => ({ shapes: [s.map((n, i) => (i % 2 ? n : 1))], build: (x) => ops.broadcast(x, [2, ...s]) })),
    fc
      .tuple(size, size, size, size)
      .map(([b, c, h, w]): Case => ({ shapes: [[b, c, h, 1, w, 1]], build: (x) => ops.broadcast(x, [b, c, h, 2, w, 2]) })),
  ),
  slice: fc.tuple(shape, fc.nat(2)).map(([s, at]) => ({
    shapes: [s.map((n) => n + 2)],
    build: (x) =>
      ops.slice(
        x,
        s.map(() => at),
        s,
      ),
  })),
  pad: fc.tuple(shape, fc.nat(2), fc.nat(2)).map(([s, before, after]) => ({
    shapes: [s],
    build: (x) =>
      ops.pad(
        x,
        s.map(() => before),
        s.map(() => after),
      ),
  })),
  concat: shape.chain((s) =>
    fc
      .nat(s.length - 1)
      .map((axis) => ({ shapes: [s, s.map((n, i) => (i === axis ? n + 1 : n))], build: (a, b) => ops.concat([a!, b!], axis) })),
  ),
  reduceSum: shape.map((s) => ({ shapes: [s], build: (x) => ops.sum(x, [s.length - 1], s.length > 2) })),
  reduceMax: shape.map((s) => ({ shapes: [s], build: (x) => ops.max(x, [0], true) })),
  matmul: fc.tuple(fc.array(size, { maxLength: 2 }), size, size, size, fc.boolean()).map(([batch, m, k, n, shared]) => ({
    shapes: [[...batch, m, k], shared ? [k, n] : [...batch, k, n]],
    build: (a, b) => ops.matmul(a!, b!),
  })),
  conv2d: fc.oneof(convolution, sizeKeeping).map((c) => ({
    shapes: [
      [c.batch, c.channels, c.height, c.width],
      [c.filters, c.channels, c.kernel, c.kernel],
    ],
    build: (x, w) => ops.conv2d(x!, w!, { stride: c.stride, padding: c.padding }),
  })),
  conv2dInputGradient: convolution.map((c) => {
    const padding: [number, number, number, number] = [1, 0, 1, 1];
    const out = (n: number, total: number): number => Math.floor((n + total - c.kernel) / c.stride) + 1;
    return {
      shapes: [
        [c.batch, c.filters, out(c.height, 1), out(c.width, 2)],
        [c.filters, c.channels, c.kernel, c.kernel],
      ],
      build: (g, w) => ops.conv2dInputGradient(g!, w!, { stride: c.stride, padding, inputSize: [c.height, c.width] }),
    };
  }),
  standardize: fc
    .tuple(size, fc.integer({ min: 2, max: 6 }))
    .map(([n, m]) => ({ shapes: [[n, m]], build: (x) => ops.standardize(x!, 1e-2) })),
  swish: fc
    .tuple(shape, fc.constantFrom(1, 1.702))
    .map(([s, beta]) => ({ shapes: [s], build: (x) => ops.swish(ops.multiply(x!, 3), beta) })),
  softmax: fc.tuple(size, fc.integer({ min: 2, max: 6 })).map(([n, m]) => ({ shapes: [[n, m]], build: (x) => ops.softmax(x!) })),
  geglu: shape.map((s) => ({ shapes: [s, s], build: (value, gate) => ops.geglu(value!, ops.multiply(gate!, 3)) })),
  attention: fc
    .record({
      batch: fc.integer({ min: 1, max: 2 }),
      heads: fc.constantFrom(1, 2, 3),
      width: size,
      length: fc.constantFrom(1, 3, 4, 8),
      count: size,
    })
    .map(({ batch, heads, width, length, count }) => ({
      shapes: [[batch, length, heads * width], ...[0, 1].map(() => [batch, count, heads * width])],
      build: (q, k, v) => ops.attention(q!, k!, v!, heads),
    })),
  gather: size.map((width) => ({ shapes: [[3, width]], build: (table) => ops.gather(table!, ops.constant(ids, [2, 3])) })),
  scatterAdd: size.map((width) => ({ shapes: [[2, 3, width]], build: (v) => ops.scatterAdd(v!, ops.constant(ids, [2, 3]), 4) })),
};

/** No gradient flows through these; `inverseDeviation` and the other gradients arise in the gradients of others. */
export const withoutGradient: PrimitiveName[] = [
  'input',
  'constant',
  'equal',
  'less',
  'cast',
  'stopGradient',
  'inverseDeviation',
  'standardizeGradient',
  'swishGradient',
  'conv2dWeightGradient',
  'attentionGradient',
  'gegluGradient',
  'adamw',
];
