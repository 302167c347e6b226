/**
 * Seeded counter-based random numbers: Threefry-2x32 with 20 rounds (Salmon et al., SC 2011), as in
 * JAX. A value depends on the key and its position alone, so streams forked by name never meet and a
 * resumed run draws what an unbroken one would.
 */
const rotations = [13, 15, 26, 6, 17, 29, 16, 24] as const;

/** One block of the cipher: two words under a two-word key. */
export function threefry(key0: number, key1: number, counter0: number, counter1: number, out: Uint32Array | Int32Array): void {
  const key2 = key0 ^ key1 ^ 0x1bd11bda;
  let x = (counter0 + key0) | 0;
  let y = (counter1 + key1) | 0;
  for (let group = 0; group < 5; group++) {
    const offset = (group & 1) * 4;
    for (let i = 0; i < 4; i++) {
      const r = rotations[offset + i]!;
      x = (x + y) | 0;
      y = ((y << r) | (y >>> (32 - r))) ^ x;
    }
    const next = group + 1;
    const a = next % 3 === 0 ? key0 : next % 3 === 1 ? key1 : key2;
    const b = (next + 1) % 3 === 0 ? key0 : (next + 1) % 3 === 1 ? key1 : key2;
    x = (x + a) | 0;
    y = (y + b + next) | 0;
  }
  out[0] = x;
  out[1] = y;
}

/** FNV-1a, to turn the name of a stream into a word. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h >>> 0;
}

export class Random {
  private readonly key0: number;
  private readonly key1: number;
  private counter = 0;
  private readonly block: Uint32Array = new Uint32Array(2);
  private spare: number | undefined;

  /** @param seed any safe integer */
  constructor(seed: number, key1 = Math.floor(seed / 0x100000000) >>> 0) {
    this.key0 = seed >>> 0;
    this.key1 = key1;
  }

  /** An independent stream, by name or number; it does not advance this one. */
  fork(...path: (string | number)[]): Random {
    const out = new Uint32Array([this.key0, this.key1]);
    for (const part of path) {
      const word = typeof part === 'string' ? hash(part) : part >>> 0;
      const high = typeof part === 'string' ? 0x9e3779b9 : Math.floor(part / 0x100000000) >>> 0;
      threefry(out[0]!, out[1]!, word, high ^ 0x5851f42d, out);
    }
    return new Random(out[0]!, out[1]!);
  }

  private word(): number {
    const position = this.counter++;
    const odd = position & 1;
    if (odd === 0) threefry(this.key0, this.key1, (position / 2) >>> 0, Math.floor(position / 0x200000000), this.block);
    return this.block[odd]!;
  }

  /** Uniform in [0, 1), 32 bits of it. */
  uniform(low = 0, high = 1): number {
    return low + (high - low) * (this.word() / 0x100000000);
  }
  /** An integer in [0, count). */
  integer(count: number): number {
    return Math.floor(this.uniform() * count);
  }
  pick<T>(items: readonly T[]): T {
    return items[this.integer(items.length)]!;
  }
  chance(probability: number): boolean {
    return this.uniform() < probability;
  }
  /** Standard normal, by Box and Muller. */
  normal(): number {
    if (this.spare !== undefined) {
      const value = this.spare;
      this.spare = undefined;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log((this.word() + 1) / 0x100000000));
    const angle = 2 * Math.PI * this.uniform();
    this.spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }
  normals(count: number): Float32Array {
    return Float32Array.from({ length: count }, () => this.normal());
  }
  /** A random order of 0 … count − 1 (Fisher and Yates). */
  permutation(count: number): Int32Array {
    const order = Int32Array.from({ length: count }, (_, i) => i);
    for (let i = count - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order;
  }
}
