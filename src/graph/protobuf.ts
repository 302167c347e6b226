/** As much of protocol buffers' wire format as an ONNX model needs. */

type Part = Uint8Array;

function varint(value: number | bigint): number[] {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  do {
    const low = Number(rest & 127n);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 128 : low);
  } while (rest > 0n);
  return bytes;
}

/** A message under construction: append fields by number, then take its bytes. */
export class Message {
  private readonly parts: Part[] = [];

  integer(field: number, value: number | bigint): this {
    this.parts.push(Uint8Array.from([...varint(field << 3), ...varint(value)]));
    return this;
  }
  integers(field: number, values: readonly number[]): this {
    return this.bytes(field, Uint8Array.from(values.flatMap((value) => varint(value))));
  }
  float(field: number, value: number): this {
    this.parts.push(Uint8Array.from(varint((field << 3) | 5)), new Uint8Array(Float32Array.of(value).buffer));
    return this;
  }
  bytes(field: number, value: Uint8Array): this {
    this.parts.push(Uint8Array.from([...varint((field << 3) | 2), ...varint(value.length)]), value);
    return this;
  }
  string(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value));
  }
  message(field: number, value: Message): this {
    return this.bytes(field, value.finish());
  }
  /** The fields of another message, after those of this one. */
  append(other: Message): this {
    for (const part of other.parts) this.parts.push(part);
    return this;
  }
  finish(): Uint8Array {
    const out = new Uint8Array(this.parts.reduce((total, part) => total + part.length, 0));
    let at = 0;
    for (const part of this.parts) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  }
}
