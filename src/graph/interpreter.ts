/** The oracle: a slow, obvious evaluation of a graph in float64. For tests only. */
import { readFileSync } from 'node:fs';
import { internal } from '../errors.ts';
import { convolvedSize } from './shapes.ts';
import { lookup, sizeOf, topologicalOrder } from './tensor.ts';
import type { ConvAttributes, FileSource, PrimitiveName, Shape, Tensor } from './tensor.ts';

export type Values = Float64Array;
type Kernel<P extends PrimitiveName> = (
  y: Tensor<P>,
  inputs: readonly Values[],
  feeds: Readonly<Record<string, ArrayLike<number>>>,
) => Values;

function strides(shape: Shape): number[] {
  const result = Array.from({ length: shape.length }, () => 1);
  for (let i = shape.length - 2; i >= 0; i--) result[i] = result[i + 1]! * shape[i + 1]!;
  return result;
}

/** Fill a tensor by a function of its multi-index. */
function fill(shape: Shape, value: (index: readonly number[]) => number): Values {
  const out = new Float64Array(sizeOf(shape));
  const index = shape.map(() => 0);
  for (let flat = 0; flat < out.length; flat++) {
    out[flat] = value(index);
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis]! === shape[axis]!; axis--) index[axis] = 0;
  }
  return out;
}

const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((total, n, i) => total + n * b[i]!, 0);

/** Offset into `shape` of an index of a larger shape that it broadcasts to. */
function broadcastOffset(shape: Shape, index: readonly number[]): number {
  const steps = strides(shape);
  const extra = index.length - shape.length;
  return shape.reduce((offset, n, i) => offset + (n === 1 ? 0 : index[i + extra]! * steps[i]!), 0);
}

/** The numbers that a file holds, bit by bit. */
function fromFile({ path, offset, length, stored }: FileSource): number[] {
  const bytes = readFileSync(path).subarray(offset, offset + length);
  if (stored === 'float32') return Array.from({ length: length / 4 }, (_, i) => bytes.readFloatLE(4 * i));
  const [fractionBits, bias] = stored === 'float16' ? [10, 15] : [7, 127];
  return Array.from({ length: length / 2 }, (_, i) => {
    const bits = bytes.readUInt16LE(2 * i);
    const sign = bits < 2 ** 15 ? 1 : -1;
    const exponent = Math.floor((bits % 2 ** 15) / 2 ** fractionBits);
    const fraction = (bits % 2 ** fractionBits) / 2 ** fractionBits;
    if (exponent === 2 * bias + 1) return fraction === 0 ? sign * Infinity : NaN;
    return exponent === 0 ? sign * fraction * 2 ** (1 - bias) : sign * (1 + fraction) * 2 ** (exponent - bias);
  });
}

const unary =
  (f: (x: number) => number): Kernel<PrimitiveName> =>
  (_, [x]) =>
    x!.map(f);
const binary =
  (f: (a: number, b: number) => number): Kernel<PrimitiveName> =>
  (y, [a, b]) =>
    fill(y.shape, (index) => f(a![broadcastOffset(y.inputs[0]!.shape, index)]!, b![broadcastOffset(y.inputs[1]!.shape, index)]!));
const same: Kernel<PrimitiveName> = (_, [x]) => x!;

function reduction(initial: number, f: (a: number, b: number) => number): Kernel<'reduceSum' | 'reduceMax'> {
  return (y, [x]) => {
    const out = new Float64Array(sizeOf(y.shape)).fill(initial);
    let flat = 0;
    fill(y.inputs[0]!.shape, (index) => {
      const at = broadcastOffset(y.shape, index);
      out[at] = f(out[at]!, x![flat++]!);
      return 0;
    });
    return out;
  };
}

/** Apply a function to each row along the last axis. */
function byRow(x: Tensor, values: Values, f: (row: Values) => ArrayLike<number>): Values {
  const width = x.shape.at(-1)!;
  const rows = Array.from({ length: values.length / width }, (_, i) => Array.from(f(values.subarray(i * width, (i + 1) * width))));
  return Float64Array.from(rows.flat());
}

function moments(row: Values, epsilon: number): { mean: number; inverse: number } {
  const mean = row.reduce((a, b) => a + b, 0) / row.length;
  const variance = row.reduce((a, b) => a + (b - mean) ** 2, 0) / row.length;
  return { mean, inverse: 1 / Math.sqrt(variance + epsilon) };
}

/** Visit every product of a convolution: offsets of input, weight and output. */
function convolve(x: Shape, w: Shape, { stride, padding }: ConvAttributes, visit: (x: number, w: number, y: number) => void): void {
  const [batch, channels, height, width] = x as [number, number, number, number];
  const [filters, , kernelHeight, kernelWidth] = w as [number, number, number, number];
  const rows = convolvedSize(height, kernelHeight, stride, padding[0], padding[1]);
  const columns = convolvedSize(width, kernelWidth, stride, padding[2], padding[3]);
  for (let b = 0; b < batch; b++)
    for (let o = 0; o < filters; o++)
      for (let i = 0; i < rows; i++)
        for (let j = 0; j < columns; j++)
          for (let c = 0; c < channels; c++)
            for (let p = 0; p < kernelHeight; p++)
              for (let q = 0; q < kernelWidth; q++) {
                const r = i * stride + p - padding[0];
                const s = j * stride + q - padding[2];
                if (r < 0 || s < 0 || r >= height || s >= width) continue;
                const at = ((b * channels + c) * height + r) * width + s;
                visit(at, ((o * channels + c) * kernelHeight + p) * kernelWidth + q, ((b * filters + o) * rows + i) * columns + j);
              }
}

/** Error function by its Taylor series, or 1 − a continued fraction where that converges faster. */
function errorFunction(x: number): number {
  const z = Math.abs(x);
  if (z > 6) return Math.sign(x);
  if (z < 2.5) {
    let term = z;
    let total = z;
    for (let n = 1; n < 80; n++) {
      term *= (-z * z) / n;
      total += term / (2 * n + 1);
    }
    return (Math.sign(x) * 2 * total) / Math.sqrt(Math.PI);
  }
  let fraction = 0;
  for (let n = 120; n > 0; n--) fraction = n / 2 / (z + fraction);
  return Math.sign(x) * (1 - Math.exp(-z * z) / Math.sqrt(Math.PI) / (z + fraction));
}

const logistic = (x: number): number => 1 / (1 + Math.exp(-x));

/** The normal distribution. */
const normal = (x: number): number => (1 + errorFunction(x / Math.SQRT2)) / 2;

/** Attention with its gradients: what each pair of a query and a head adds. */
function attend(
  [q, k, v]: readonly [Tensor, Tensor, Tensor],
  heads: number,
  [queries, keys, values]: readonly [Values, Values, Values],
  visit: (query: number, weights: number[], key: (j: number) => number, size: number) => void,
): void {
  const [batch, length, width] = q.shape as [number, number, number];
  const count = k.shape[1]!;
  const size = width / heads;
  for (let b = 0; b < batch; b++)
    for (let h = 0; h < heads; h++)
      for (let i = 0; i < length; i++) {
        const query = (b * length + i) * width + h * size;
        const key = (j: number): number => (b * count + j) * width + h * size;
        const scores = Array.from({ length: count }, (_, j) => {
          let total = 0;
          for (let c = 0; c < size; c++) total += queries[query + c]! * keys[key(j) + c]!;
          return total / Math.sqrt(size);
        });
        const top = Math.max(...scores);
        const powers = scores.map((score) => Math.exp(score - top));
        const total = powers.reduce((a, e) => a + e, 0);
        visit(
          query,
          powers.map((e) => e / total),
          key,
          size,
        );
      }
  if (values.length !== sizeOf(v.shape)) throw internal('attention got values of another shape');
}

export const kernels: { [P in PrimitiveName]: Kernel<P> } = {
  input: (y, _, feeds) => {
    const fed = feeds[y.attributes.name];
    if (fed === undefined || fed.length !== sizeOf(y.shape))
      throw internal(`input ${y.attributes.name} was not fed as [${y.shape.join(', ')}]`);
    return Float64Array.from(fed);
  },
  constant: (y) => {
    const { source } = y.attributes;
    return Float64Array.from(source.kind === 'memory' ? source.data : fromFile(source));
  },
  negate: unary((x) => -x),
  exp: unary(Math.exp),
  log: unary(Math.log),
  sqrt: unary(Math.sqrt),
  sigmoid: unary(logistic),
  tanh: unary(Math.tanh),
  erf: unary(errorFunction),
  sin: unary(Math.sin),
  cos: unary(Math.cos),
  add: binary((a, b) => a + b),
  subtract: binary((a, b) => a - b),
  multiply: binary((a, b) => a * b),
  divide: binary((a, b) => a / b),
  maximum: binary(Math.max),
  equal: binary((a, b) => Number(a === b)),
  less: binary((a, b) => Number(a < b)),
  select: (y, values) =>
    fill(y.shape, (index) => {
      const [condition, a, b] = y.inputs.map((x, i) => values[i]![broadcastOffset(x.shape, index)]!);
      return condition ? a! : b!;
    }),
  cast: (y, [x]) => (y.dtype === 'int32' ? x!.map(Math.trunc) : y.dtype === 'bool' ? x!.map((v) => Number(v !== 0)) : x!),
  stopGradient: same,
  reshape: same,
  transpose: (y, [x]) => {
    const steps = strides(y.inputs[0]!.shape);
    return fill(
      y.shape,
      (index) =>
        x![
          dot(
            index,
            y.attributes.permutation.map((axis) => steps[axis]!),
          )
        ]!,
    );
  },
  broadcast: (y, [x]) => fill(y.shape, (index) => x![broadcastOffset(y.inputs[0]!.shape, index)]!),
  slice: (y, [x]) => {
    const steps = strides(y.inputs[0]!.shape);
    const start = dot(y.attributes.starts, steps);
    return fill(y.shape, (index) => x![start + dot(index, steps)]!);
  },
  pad: (y, [x]) => {
    const from = y.inputs[0]!.shape;
    const steps = strides(from);
    return fill(y.shape, (index) => {
      const inner = index.map((n, i) => n - y.attributes.before[i]!);
      return inner.every((n, i) => n >= 0 && n < from[i]!) ? x![dot(inner, steps)]! : 0;
    });
  },
  concat: (y, values) =>
    fill(y.shape, (index) => {
      let at = index[y.attributes.axis]!;
      let piece = 0;
      while (at >= y.inputs[piece]!.shape[y.attributes.axis]!) at -= y.inputs[piece++]!.shape[y.attributes.axis]!;
      return values[piece]![
        dot(
          index.map((n, i) => (i === y.attributes.axis ? at : n)),
          strides(y.inputs[piece]!.shape),
        )
      ]!;
    }),
  reduceSum: reduction(0, (a, b) => a + b),
  reduceMax: reduction(-Infinity, Math.max),
  matmul: (y, [a, b]) => {
    const [left, right] = y.inputs as [Tensor, Tensor];
    const inner = left.shape.at(-1)!;
    const [rows, columns] = y.shape.slice(-2) as [number, number];
    const shared = right.shape.length === 2;
    return fill([y.dtype === 'float32' ? sizeOf(y.shape) / rows / columns : 0, rows, columns], ([batch, i, j]) => {
      let total = 0;
      for (let k = 0; k < inner; k++)
        total += a![(batch! * rows + i!) * inner + k]! * b![((shared ? 0 : batch!) * inner + k) * columns + j!]!;
      return total;
    });
  },
  conv2d: (y, [x, w]) => {
    const out = new Float64Array(sizeOf(y.shape));
    convolve(y.inputs[0]!.shape, y.inputs[1]!.shape, y.attributes, (i, j, k) => void (out[k]! += x![i]! * w![j]!));
    return out;
  },
  conv2dInputGradient: (y, [g, w]) => {
    const out = new Float64Array(sizeOf(y.shape));
    convolve(y.shape, y.inputs[1]!.shape, y.attributes, (i, j, k) => void (out[i]! += g![k]! * w![j]!));
    return out;
  },
  conv2dWeightGradient: (y, [x, g]) => {
    const out = new Float64Array(sizeOf(y.shape));
    convolve(y.inputs[0]!.shape, y.shape, y.attributes, (i, j, k) => void (out[j]! += x![i]! * g![k]!));
    return out;
  },
  standardize: (y, [x]) =>
    byRow(y, x!, (row) => {
      const { mean, inverse } = moments(row, y.attributes.epsilon);
      return row.map((v) => (v - mean) * inverse);
    }),
  inverseDeviation: (y, [x]) => byRow(y.inputs[0]!, x!, (row) => [moments(row, y.attributes.epsilon).inverse]),
  standardizeGradient: (y, [standard, inverse, g]) => {
    const width = y.shape.at(-1)!;
    const out = new Float64Array(sizeOf(y.shape));
    for (let row = 0; row < inverse!.length; row++) {
      let [total, along] = [0, 0];
      for (let i = row * width; i < (row + 1) * width; i++) {
        total += g![i]!;
        along += g![i]! * standard![i]!;
      }
      for (let i = row * width; i < (row + 1) * width; i++) {
        out[i] = inverse![row]! * (g![i]! - total / width - (standard![i]! * along) / width);
      }
    }
    return out;
  },
  softmax: (y, [x]) =>
    byRow(y, x!, (row) => {
      const top = row.reduce((a, b) => Math.max(a, b), -Infinity);
      const total = row.reduce((a, b) => a + Math.exp(b - top), 0);
      return row.map((v) => Math.exp(v - top) / total);
    }),
  swish: (y, [x]) => x!.map((v) => v * logistic(y.attributes.beta * v)),
  swishGradient: (y, [x, g]) =>
    x!.map((v, i) => {
      const scaled = y.attributes.beta * v;
      const sigmoid = logistic(scaled);
      return g![i]! * sigmoid * (1 + scaled * (1 - sigmoid));
    }),
  geglu: (_, [value, gate]) => gate!.map((x, i) => value![i]! * x * normal(x)),
  gegluGradient: (y, [value, gate, g]) =>
    gate!.map((x, i) => {
      const density = Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
      return g![i]! * (y.attributes.of === 'value' ? x * normal(x) : value![i]! * (normal(x) + x * density));
    }),
  attention: (y, inputs) => {
    const out = new Float64Array(sizeOf(y.shape));
    const [q, k, v] = inputs as [Values, Values, Values];
    attend(y.inputs as [Tensor, Tensor, Tensor], y.attributes.heads, [q, k, v], (query, weights, key, size) =>
      weights.forEach((weight, j) => {
        for (let c = 0; c < size; c++) out[query + c]! += weight * v[key(j) + c]!;
      }),
    );
    return out;
  },
  attentionGradient: (y, inputs) => {
    const out = new Float64Array(sizeOf(y.shape));
    const [q, k, v, , g] = inputs as [Values, Values, Values, Values, Values];
    const tensors = y.inputs as unknown as [Tensor, Tensor, Tensor];
    attend(tensors, y.attributes.heads, [q, k, v], (query, weights, key, size) => {
      const flows = weights.map((_, j) => {
        let total = 0;
        for (let c = 0; c < size; c++) total += g[query + c]! * v[key(j) + c]!;
        return total;
      });
      const average = dot(weights, flows);
      weights.forEach((weight, j) => {
        const flow = (weight * (flows[j]! - average)) / Math.sqrt(size);
        for (let c = 0; c < size; c++) {
          if (y.attributes.of === 'queries') out[query + c]! += flow * k[key(j) + c]!;
          else if (y.attributes.of === 'keys') out[key(j) + c]! += flow * q[query + c]!;
          else out[key(j) + c]! += weight * g[query + c]!;
        }
      });
    });
    return out;
  },
  adamw: (y, [p, m, v, gradient, scale, correction1, correction2, rate, kept]) => {
    const { of, beta1, beta2, epsilon, decays } = y.attributes;
    return p!.map((x, i) => {
      const g = gradient![i]! * scale![0]!;
      const moment1 = beta1 * m![i]! + (1 - beta1) * g;
      const moment2 = beta2 * v![i]! + (1 - beta2) * g * g;
      const direction = (moment1 * correction1![0]!) / (Math.sqrt(moment2 * correction2![0]!) + epsilon);
      return { parameter: x * (decays ? kept![0]! : 1) - direction * rate![0]!, moment1, moment2 }[of];
    });
  },
  gather: (y, [table, ids]) => {
    const width = y.shape.at(-1)!;
    return fill([ids!.length, width], ([row, column]) => table![ids![row!]! * width + column!]!);
  },
  scatterAdd: (y, [values, ids]) => {
    const width = y.shape.at(-1)!;
    const out = new Float64Array(sizeOf(y.shape));
    values!.forEach((v, i) => (out[ids![Math.floor(i / width)]! * width + (i % width)]! += v));
    return out;
  },
};

/** Values of the roots, all float arithmetic in float64. */
export function interpret(roots: readonly Tensor[], feeds: Readonly<Record<string, ArrayLike<number>>> = {}): Values[] {
  const values = new Map<Tensor, Values>();
  for (const tensor of topologicalOrder(roots)) {
    values.set(
      tensor,
      lookup(kernels, tensor.op)(
        tensor,
        tensor.inputs.map((x) => values.get(x)!),
        feeds,
      ),
    );
  }
  return roots.map((root) => values.get(root)!);
}
