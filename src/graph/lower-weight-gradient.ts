/** Weight gradients of convolutions as matrix products. */
import { product } from './lower-matmul.ts';
import { byPoint, cutIntoTiles, isFilterable, onBothAxes, transformsOf } from './lower-winograd.ts';
import type { Tile } from './lower-winograd.ts';
import type { Device } from './device.ts';
import type { OnnxBuilder } from './onnx.ts';
import { bytesOf, sizeOf } from './tensor.ts';
import type { Tensor } from './tensor.ts';

export function weightGradient(y: Tensor<'conv2dWeightGradient'>, inputs: readonly string[], b: OnnxBuilder): string {
  const { stride, padding, kernel } = y.attributes;
  const [top, bottom, left, right] = padding;
  const tile = tileOf(y, b.device);
  if (tile !== undefined) return filtered(y, tile, inputs, b);
  const keepsSize = stride === 1 && top + bottom === kernel[0] - 1 && left + right === kernel[1] - 1;
  return keepsSize && kernel[0] * kernel[1] > 1 ? onOneLine(y, inputs, b) : byTap(y, inputs, b);
}

/** Positions of a batch from which the large tile pays for the sums at its points, which are written and read once for each pair of channels. */
const fewestPositions = 512;

/** The tile by which a gradient is filtered; undefined where it is not. */
function tileOf(y: Tensor<'conv2dWeightGradient'>, device: Device): Tile | undefined {
  const [batch, , ...size] = y.inputs[1]!.shape as [number, number, number, number];
  if (!isFilterable(device, y.attributes.kernel, y.attributes)) return undefined;
  const fits = (tile: Tile): boolean => size.every((n) => n % tile === 0);
  return batch * sizeOf(size) >= fewestPositions && fits(4) ? 4 : fits(2) ? 2 : undefined;
}

/** Bytes that a gradient takes while it is computed, beside itself. */
export function weightGradientWorkspace(y: Tensor<'conv2dWeightGradient'>): number {
  const [x, g] = y.inputs as [Tensor, Tensor];
  const tile = tileOf(y, 'cpu');
  // Without: three shifts of both sides.
  if (tile === undefined) return y.attributes.kernel[0] * (bytesOf(x) + bytesOf(g));
  const spread = ((tile + 2) / tile) ** 2;
  return 2 * spread * Math.max(bytesOf(x), bytesOf(g)) + spread * Math.min(bytesOf(x), bytesOf(g)) + ((tile + 2) ** 2 / 9) * bytesOf(y);
}

/**
 * By Winograd's filtering, seen from the weights: with y = Aᵀ[(G·w) ∘ (Bᵀ·x)] the gradient is Gᵀ[(A·g) ∘ (Bᵀ·x)], summed
 * over tiles, which is one product at each of the N = (m + 2)² points: [O, B·T] × [B·T, C].
 */
function filtered(y: Tensor<'conv2dWeightGradient'>, tile: Tile, [x, g]: readonly string[], b: OnnxBuilder): string {
  const [input, output] = y.inputs as [Tensor, Tensor];
  const [batch, , height, width] = output.shape as [number, number, number, number];
  const [top, bottom, left, right] = y.attributes.padding;
  const points = (tile + 2) ** 2;
  const count = (height * width) / tile ** 2;
  const transforms = transformsOf({ tile, inPairs: false }, false);
  const { ofTaps, toResults } = transforms;
  const columns = (matrix: readonly (readonly number[])[]): number[][] => matrix[0]!.map((_, i) => matrix.map((row) => row[i]!));
  const [filters, channels] = [output.shape[1]!, input.shape[1]!];
  // Tiles do not overlap here: all pictures are one that is tall, whose results come as they are multiplied.
  const gradients = b.shared(`tiles of gradient ${g} ${tile}`, () => {
    const tall = b.node('Reshape', [b.node('Transpose', [g!], { perm: [1, 0, 2, 3] }), b.ints([1, 1, filters * batch * height, width])]);
    const cut = b.node('Conv', [tall, onBothAxes(columns(toResults), [points, 1, tile, tile], b)], { strides: [tile, tile] });
    return [b.node('Reshape', [cut, b.ints([points, filters, batch * count])])];
  })[0]!;
  const values = b.shared(`tiles of values ${x} ${tile} ${top} ${left}`, () => {
    const cut = cutIntoTiles(x!, input.shape, transforms, tile, [top, left, bottom, right], b);
    return [byPoint(cut, [batch, channels, points, count], b)];
  })[0]!;
  const sums = b.node('FusedMatMul', [gradients, values], { transB: 1 }, 'com.microsoft');
  const taps = [b.node('Reshape', [sums, b.ints([points, filters * channels])]), onBothAxes(ofTaps, [points, 9], b)];
  return b.node('Reshape', [b.node('FusedMatMul', taps, { transA: 1 }, 'com.microsoft'), b.ints(y.shape)]);
}

/**
 * Where a convolution keeps the size of its input: both lie on one line of positions, every row and every picture
 * followed by as many zeros as the kernel reaches past it, so that a tap is one shift along the line. Output gradients
 * shifted by rows, times inputs shifted by columns, is one product for all taps: [kH·O, N] × [N, kW·C].
 */
function onOneLine(y: Tensor<'conv2dWeightGradient'>, [x, g]: readonly string[], b: OnnxBuilder): string {
  const [input, output] = y.inputs as [Tensor, Tensor];
  const { padding, kernel } = y.attributes;
  const [top, bottom, left, right] = padding;
  const [batch, channels, height, width] = input.shape as [number, number, number, number];
  const filters = output.shape[1]!;
  const [below, beside] = [Math.max(top, bottom), Math.max(left, right)];
  const pitch = width + beside;
  const positions = batch * (height + below) * pitch;
  const line = (t: string, rows: number): readonly string[] =>
    b.shared(`line ${t} ${below} ${beside}`, () => {
      const rowsFirst = b.node('Transpose', [t], { perm: [1, 0, 2, 3] });
      const spaced = b.node('Pad', [rowsFirst, b.ints([0, 0, 0, 0, 0, 0, below, beside])]);
      return [b.node('Reshape', [spaced, b.ints([rows, positions])])];
    });
  /** Copies of a line, one for each shift: what is at n + shift comes to n, and zeros from outside. */
  const shifted = (t: string, shifts: readonly number[]): string => {
    const [before, after] = [Math.max(0, -Math.min(...shifts)), Math.max(0, ...shifts)];
    return b.shared(`shifted ${t} ${shifts.join()}`, () => {
      const long = b.node('Pad', [t, b.ints([0, before, 0, after])]);
      const copies = shifts.map((shift) =>
        b.node('Slice', [long, b.ints([before + shift]), b.ints([before + shift + positions]), b.ints([1])]),
      );
      return [b.node('Concat', copies, { axis: 0 })];
    })[0]!;
  };
  const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
  const gradients = shifted(
    line(g!, filters)[0]!,
    range(kernel[0]).map((p) => (top - p) * pitch),
  );
  const values = shifted(
    line(x!, channels)[0]!,
    range(kernel[1]).map((q) => q - left),
  );
  const joint = product(b, gradients, values, { transB: 1 });
  const taps = b.node('Reshape', [joint, b.ints([kernel[0], filters, kernel[1], channels])]);
  return b.node('Transpose', [taps], { perm: [1, 3, 0, 2] });
}

/** One product per kernel tap: channels by positions of the whole batch times positions by filters, [C, B·hw] × [B·hw, O]. */
function byTap(y: Tensor<'conv2dWeightGradient'>, [x, g]: readonly string[], b: OnnxBuilder): string {
  const [input, output] = y.inputs as [Tensor, Tensor];
  const { stride, padding, kernel } = y.attributes;
  const [batch, channels, height, width] = input.shape as [number, number, number, number];
  const [, filters, rows, columns] = output.shape as [number, number, number, number];
  const positions = batch * rows * columns;
  const byPosition = b.shared(`positions first ${g}`, () => [
    b.node('Reshape', [b.node('Transpose', [g!], { perm: [0, 2, 3, 1] }), b.ints([positions, filters])]),
  ])[0]!;
  const padded = b.shared(`channels first ${x} ${padding.join()}`, () => {
    const channelsFirst = b.node('Transpose', [x!], { perm: [1, 0, 2, 3] });
    if (padding.every((n) => n === 0)) return [channelsFirst];
    return [b.node('Pad', [channelsFirst, b.ints([0, 0, padding[0], padding[2], 0, 0, padding[1], padding[3]])])];
  })[0]!;
  const taps: string[] = [];
  for (let p = 0; p < kernel[0]; p++) {
    for (let q = 0; q < kernel[1]; q++) {
      const whole = kernel[0] === 1 && kernel[1] === 1 && stride === 1 && rows === height && columns === width;
      const ends = [p + (rows - 1) * stride + 1, q + (columns - 1) * stride + 1];
      const tap = whole ? padded : b.node('Slice', [padded, b.ints([p, q]), b.ints(ends), b.ints([2, 3]), b.ints([stride, stride])]);
      const part = b.node('MatMul', [b.node('Reshape', [tap, b.ints([channels, positions])]), byPosition]);
      taps.push(b.node('Reshape', [part, b.ints([1, channels, filters])]));
    }
  }
  const stacked = taps.length === 1 ? taps[0]! : b.node('Concat', taps, { axis: 0 });
  const ordered = b.node('Transpose', [stacked], { perm: [2, 1, 0] });
  return b.node('Reshape', [ordered, b.ints([...y.shape])]);
}
