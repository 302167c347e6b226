/**
 * 3 × 3 convolutions by Winograd's minimal filtering (Lavin & Gray, 2016): m × m results at a time come of (m + 2)²
 * products in place of 9·m². Kernels are seen as polynomials and known by their values at a few points; a flipped kernel
 * at the inverse points is the kernel itself, so that input gradients take the same transformed weights.
 */
import type { Device } from './device.ts';
import type { OnnxBuilder } from './onnx.ts';
import { keyOf, sizeOf } from './tensor.ts';
import type { ConvAttributes, Shape, Tensor } from './tensor.ts';

/** Results of one axis that a transform gives at once. */
export type Tile = 2 | 4;

/** How a convolution is filtered. */
export interface Filter {
  tile: Tile;
  /**
   * Where a picture repeats each value, two by two: a tile of 2 then has nothing at the point −1, whose input is the difference of
   * two values that are the same; and so the sum of its gradient's two results takes nothing of that point.
   */
  inPairs: boolean;
}

/** Where polynomials are evaluated, infinity last. Those of 4 are the best conditioned of the sets tried, and their own inverses. */
const points: Record<Tile, readonly number[]> = {
  2: [0, 1, -1, Infinity],
  4: [0, 2 / 3, -2 / 3, 3 / 2, -3 / 2, Infinity],
};

/** Channels on both sides from which products outweigh the transforms around them. */
export const fewestChannels = 256;
/** Positions of a batch from which a tile pays for its weights; fewer of the small tile's where they are kept and memory is not spared. */
const fewestPositions: Record<Tile, number> = { 2: 1024, 4: 4096 };
const fewestUnspared = 256;

/** What decides whether a convolution goes this way: where it runs, and whether memory matters more than time. */
export interface Setting {
  device: Device;
  sparing: boolean;
}

/** Whether a convolution is one that can be filtered. */
export const isFilterable = (device: Device, kernel: Shape, { stride, padding }: ConvAttributes): boolean =>
  device === 'cpu' && stride === 1 && kernel.every((n) => n === 3) && padding.every((n) => n <= 2);

/** How a convolution, or the input gradient of one, is filtered; undefined where it is better done directly. */
export function winogradFilter(y: Tensor<'conv2d'> | Tensor<'conv2dInputGradient'>, { device, sparing }: Setting): Filter | undefined {
  const weight = y.inputs[1]!;
  const [filters, channels, ...kernel] = weight.shape as [number, number, number, number];
  if (!isFilterable(device, kernel, y.attributes) || Math.min(filters, channels) < fewestChannels) return undefined;
  const size = y.shape.slice(2);
  const positions = y.shape[0]! * sizeOf(size);
  const enough = (tile: Tile): boolean =>
    positions >= (tile === 2 && !sparing && weight.op === 'constant' ? fewestUnspared : fewestPositions[tile]);
  const inPairs = y.attributes.inPairs === true && y.attributes.padding.every((n) => n === 1);
  const tiles = inPairs ? ([2] as const) : ([4, 2] as const);
  const tile = tiles.find((one) => enough(one) && size.every((n) => n % one === 0));
  return tile && { tile, inPairs };
}

/** Points of one axis. */
const countOf = ({ tile, inPairs }: Filter): number => (inPairs ? tile + 1 : tile + 2);

/** Names transformed weights: those of one constant are the same for a convolution and its input gradient, in every program. */
export const tapsKey = (weight: Tensor<'constant'>, filter: Filter): string =>
  `${keyOf(weight)} winograd ${filter.tile}${filter.inPairs ? ' in pairs' : ''}`;
/** Bytes of transformed weights. */
export const tapsBytes = (weight: Tensor, filter: Filter): number => (4 * sizeOf(weight.shape) * countOf(filter) ** 2) / 9;
/** Bytes of what lies between the transforms of inputs and of results. */
const betweenTransforms = (y: Tensor, filter: Filter): number =>
  4 * y.shape[0]! * (y.shape[1]! + y.inputs[0]!.shape[1]!) * sizeOf(y.shape.slice(2)) * (countOf(filter) / filter.tile) ** 2;

/** Bytes past which a picture is filtered in strips, so that what lies between the transforms stays small. */
const stripBytes = 2 ** 26;

/** As many strips as are needed, of as many rows of tiles each. */
function stripsOf(y: Tensor, filter: Filter): number {
  const rows = y.shape[2]! / filter.tile;
  const least = Math.min(rows, Math.ceil(betweenTransforms(y, filter) / stripBytes));
  return Array.from({ length: rows - least + 1 }, (_, i) => least + i).find((count) => rows % count === 0)!;
}

/** Bytes that are needed beside the result: a strip's, of several the results before they are joined, and weights that are transformed at each run. */
export function winogradWorkspace(y: Tensor, filter: Filter): number {
  const strips = stripsOf(y, filter);
  const weight = y.inputs[1]!;
  const taps = weight.op === 'constant' ? 0 : tapsBytes(weight, filter);
  return betweenTransforms(y, filter) / strips + (strips > 1 ? 4 * sizeOf(y.shape) : 0) + taps;
}

/** y = Aᵀ[(G·w) ∘ (Bᵀ·x)] for one axis, of n points: m + 2, in pairs one less. */
interface Transforms {
  /** [n, m + 2]: inputs of a tile to points. */
  ofInputs: number[][];
  /** [n, 3]: taps to points. */
  ofTaps: number[][];
  /** [m, n]: points to results. */
  toResults: number[][];
}

/** Toom–Cook's: Lagrange's interpolation transposed. `inverse`: for a kernel flipped, whose taps were transformed as they lie. */
export function transformsOf({ tile, inPairs }: Filter, inverse: boolean): Transforms {
  const all = points[tile].map((p) => (inverse ? 1 / p : p));
  const [at, own] = [all, points[tile]].map((set) => (inPairs ? set.filter((p) => p !== -1) : set)) as [number[], number[]];
  const finite = all.filter(Number.isFinite);
  const times = (polynomial: readonly number[], root: number): number[] =>
    [...polynomial, 0].map((_, i) => (polynomial[i - 1] ?? 0) - root * (polynomial[i] ?? 0));
  const ofInputs = at.map((p) => {
    const others = finite.filter((q) => q !== p);
    const polynomial = others.reduce(times, [1]);
    const value = Number.isFinite(p) ? others.reduce((total, q) => total * (p - q), 1) : 1;
    // The flipped kernel's value at 1/p is the kernel's at p over p².
    const flip = inverse && Number.isFinite(p) && p !== 0 ? p ** 2 : 1;
    return Array.from({ length: tile + 2 }, (_, i) => ((polynomial[i] ?? 0) * flip) / value);
  });
  const powers = (p: number, count: number): number[] =>
    Array.from({ length: count }, (_, i) => (Number.isFinite(p) ? p ** i : Number(i === count - 1)));
  return {
    ofInputs,
    ofTaps: own.map((p) => powers(p, 3)),
    toResults: Array.from({ length: tile }, (_, i) => at.map((p) => powers(p, tile)[i]!)),
  };
}

/** The transform of both axes, as a constant of rows² × columns² in the given shape. */
export function onBothAxes(matrix: readonly (readonly number[])[], shape: readonly number[], b: OnnxBuilder): string {
  const entries = matrix.flatMap((row) => matrix.flatMap((other) => row.flatMap((x) => other.map((y) => x * y))));
  return b.shared(`winograd ${shape.join()} ${entries.join()}`, () => [b.constant(Float32Array.from(entries), shape)])[0]!;
}

/** Weights [O, I, 3, 3] at every point, [N, O, I]: of constants made before the first run, of others at each. */
function transformedTaps(weight: Tensor, name: string, filter: Filter, ofTaps: number[][], b: OnnxBuilder): string {
  const [filters, channels] = weight.shape as [number, number];
  const points = countOf(filter) ** 2;
  const atPoints = (flat: string): string =>
    b.node('FusedMatMul', [onBothAxes(ofTaps, [points, 9], b), flat], { transB: 1 }, 'com.microsoft');
  const shape = [points, filters, channels];
  if (weight.op !== 'constant') {
    return b.node('Reshape', [atPoints(b.node('Reshape', [name, b.ints([filters * channels, 9])])), b.ints(shape)]);
  }
  const constant = weight as Tensor<'constant'>;
  return b.prepared(tapsKey(constant, filter), shape, () => ({
    name: atPoints(b.factor(b.leaf(constant, [filters * channels, 9]), 2)),
    shape: [points, filters * channels],
  }));
}

/** Has constant weights transformed, where a convolution or an input gradient will be filtered with them, and writes nothing else. */
export function prepareTaps(y: Tensor<'conv2d'> | Tensor<'conv2dInputGradient'>, b: OnnxBuilder): void {
  const filter = winogradFilter(y, b);
  const weight = y.inputs[1]!;
  if (filter !== undefined && weight.op === 'constant') transformedTaps(weight, '', filter, transformsOf(filter, false).ofTaps, b);
}

/**
 * A convolution, or with `y` an input gradient that of one. Weights [O, I, 3, 3] become [N, O, I] at N points; the
 * input [B, I, H, W] becomes tiles [N, I, B·T], N products give [N, O, B·T], and their results go between one another: in
 * strips of rows, one after another.
 */
export function winograd(
  y: Tensor<'conv2d'> | Tensor<'conv2dInputGradient'>,
  [x, w]: readonly string[],
  filter: Filter,
  b: OnnxBuilder,
): string {
  const { tile } = filter;
  const isGradient = y.op === 'conv2dInputGradient';
  const [input, weight] = y.inputs as [Tensor, Tensor];
  const [batch, from, rowsGiven] = input.shape as [number, number, number];
  const [, to, height, width] = y.shape as [number, number, number, number];
  const padding = y.attributes.padding.map((n) => (isGradient ? 2 - n : n)) as [number, number, number, number];
  const transforms = transformsOf(filter, isGradient);
  const taps = transformedTaps(weight, w!, filter, transforms.ofTaps, b);
  const count = stripsOf(y, filter);
  const rows = height / tile / count;
  const strips = Array.from({ length: count }, (_, i) => {
    const first = i * rows * tile - padding[0];
    const end = first + rows * tile + 2;
    const pads = [Math.max(0, -first), padding[2], Math.max(0, end - rowsGiven), padding[3]];
    const [start, stop] = [Math.max(0, first), Math.min(end, rowsGiven)];
    const strip = stop - start === rowsGiven ? x! : b.node('Slice', [x!, b.ints([start]), b.ints([stop]), b.ints([2])]);
    const shapes = { batch, from, to, given: [stop - start, input.shape[3]!] as const, tiles: [rows, width / tile] as const };
    return filtered(strip, taps, tile, { ...shapes, pads, isGradient, transforms }, b);
  });
  return count === 1 ? strips[0]! : b.node('Concat', strips, { axis: 2 });
}

interface Strip {
  batch: number;
  /** Channels of inputs and of results. */
  from: number;
  to: number;
  /** Rows and columns of inputs, and of tiles. */
  given: readonly [number, number];
  tiles: readonly [number, number];
  /** As ONNX has them: top, left, bottom, right. */
  pads: readonly number[];
  isGradient: boolean;
  transforms: Transforms;
}

/** Tiles of a picture [B, C, H, W] at every point, [B·C, N, rows, columns]. */
export function cutIntoTiles(
  x: string,
  shape: Shape,
  { ofInputs }: Transforms,
  tile: Tile,
  pads: readonly number[],
  b: OnnxBuilder,
): string {
  const [batch, channels, ...given] = shape as [number, number, number, number];
  const planes = b.node('Reshape', [x, b.ints([batch * channels, 1, ...given])]);
  const kernels = onBothAxes(ofInputs, [ofInputs.length ** 2, 1, tile + 2, tile + 2], b);
  return b.node('Conv', [planes, kernels], { strides: [tile, tile], pads });
}

/** Tiles of [B, C, N, T] as factors of N products, [N, C, B·T]. */
export function byPoint(
  cut: string,
  shape: readonly [batch: number, channels: number, points: number, count: number],
  b: OnnxBuilder,
): string {
  const [batch, channels, points, count] = shape;
  const apart = b.node('Transpose', [b.node('Reshape', [cut, b.ints(shape)])], { perm: [2, 1, 0, 3] });
  return b.node('Reshape', [apart, b.ints([points, channels, batch * count])]);
}

function filtered(x: string, taps: string, tile: Tile, strip: Strip, b: OnnxBuilder): string {
  const { batch, from, to, given, tiles, pads, isGradient, transforms } = strip;
  const points = transforms.ofTaps.length ** 2;
  const count = tiles[0] * tiles[1];
  const cut = cutIntoTiles(x, [batch, from, ...given], transforms, tile, pads, b);
  const single = batch === 1;
  const values = single ? b.node('Reshape', [cut, b.ints([from, points, count])]) : byPoint(cut, [batch, from, points, count], b);
  const transposes = { transA: Number(isGradient), transBatchB: Number(single) };
  const products = b.node('FusedMatMul', [taps, values], transposes, 'com.microsoft');
  const flat = b.node('Reshape', [products, b.ints([points, to * batch * count])]);
  const results = b.node('MatMul', [onBothAxes(transforms.toResults, [tile ** 2, points], b), flat]);
  const apart = single
    ? results
    : b.node('Transpose', [b.node('Reshape', [results, b.ints([tile ** 2, to, batch, count])])], { perm: [2, 0, 1, 3] });
  const phases = b.node('Reshape', [apart, b.ints([batch, tile ** 2 * to, ...tiles])]);
  return b.node('DepthToSpace', [phases], { blocksize: tile, mode: 'DCR' });
}
