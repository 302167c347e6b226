/** Numbers outside of any graph. */
import type { Shape } from './tensor.ts';

export interface Values {
  data: Float32Array;
  shape: Shape;
}

/** Values that are made or read anew whenever `data` is asked for, so that many tensors can be named and few held. */
export const onDemand = (shape: Shape, read: () => Float32Array): Values => ({
  shape,
  get data() {
    return read();
  },
});

/** Values that come when their turn does: from another thread, say. */
export interface ValuesInTurn {
  shape: Shape;
  read: () => Promise<Float32Array>;
}
