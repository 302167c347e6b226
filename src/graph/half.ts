/**
 * 16-bit floats to and from float32: IEEE halves and bfloat16. Whole arrays, in loops: a typed array's `from` with a function
 * takes half a microsecond a number, which is minutes for a checkpoint.
 */

function valueOf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

let table: Float32Array | undefined;

export function fromHalves(halves: Uint16Array): Float32Array<ArrayBuffer> {
  table ??= Float32Array.from({ length: 2 ** 16 }, (_, half) => valueOf(half));
  const out = new Float32Array(halves.length);
  for (let i = 0; i < out.length; i++) out[i] = table[halves[i]!]!;
  return out;
}

export function fromBfloats(values: Uint16Array): Float32Array<ArrayBuffer> {
  const bits = new Uint32Array(values.length);
  for (let i = 0; i < bits.length; i++) bits[i] = values[i]! << 16;
  return new Float32Array(bits.buffer);
}

/** `value` / 2^`shift`, to the nearest, ties to even. */
function shifted(value: number, shift: number): number {
  const floor = value >>> shift;
  const rest = value & ((1 << shift) - 1);
  const middle = 1 << (shift - 1);
  return rest > middle || (rest === middle && (floor & 1) === 1) ? floor + 1 : floor;
}

/** The half nearest to the float32 of these bits. */
function nearest(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) return sign | shifted(magnitude - 0x38000000, 13);
  // Subnormal: a whole number of 2⁻²⁴.
  const shift = 126 - (magnitude >>> 23);
  return shift > 24 ? sign : sign | shifted((magnitude & 0x7fffff) | 0x800000, shift);
}

/** The nearest halves, ties to even; what is past the largest becomes infinite. */
export function toHalves(values: Float32Array): Uint16Array<ArrayBuffer> {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < out.length; i++) out[i] = nearest(bits[i]!);
  return out;
}
