/** Numbers outside of any graph. */
import type { Shape } from './tensor.ts';

/** What goes into a program and comes out of it, in row-major order; booleans are bytes. */
export type TypedArray = Float32Array | Int32Array | Uint8Array;

export interface Values {
  data: Float32Array;
  shape: Shape;
}

/**
 * Values that are made or read when `data` is asked for, and again when it has been let go of, so that many tensors can be
 * named and few held.
 */
export function onDemand(shape: Shape, read: () => Float32Array): Values {
  let last: WeakRef<Float32Array> | undefined;
  return {
    shape,
    get data() {
      let data = last?.deref();
      if (data === undefined) last = new WeakRef((data = read()));
      return data;
    },
  };
}

/** Values that come when their turn does: from another thread, say. */
export interface ValuesInTurn {
  shape: Shape;
  read: () => Promise<Float32Array>;
}
