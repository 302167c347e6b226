/** Messages between the engine and its worker thread. */
import type { MessagePort } from 'node:worker_threads';
import type { Device } from './device.ts';
import type { Preparation } from './onnx.ts';
import type { Keeping } from './optimized.ts';
import type { Dtype } from './tensor.ts';
import type { TypedArray } from './values.ts';

/**
 * The first output, on the CPU, of a model that writes over states: a sequence. The runtime's binding copies each output
 * into a new array when a run is done, wherever it was written; at what is no tensor it gives up, and copies nothing.
 */
export const barrier = 'barrier';

interface Described {
  name: string;
  shape: readonly number[];
  dtype: Dtype;
}

export interface Signature {
  feeds: Described[];
  states: string[];
  /** Outputs that are sent back. */
  fetches: Described[];
  /** Output name → state that it overwrites in place, and the shape in which it does. */
  updates: Record<string, { state: string; shape: readonly number[] }>;
}

/** What was made of constants, from the thread that makes it to the one that runs programs. */
export interface Made {
  key: string;
  data: Float32Array;
  shape: readonly number[];
}

/** How a session is made. */
export interface SessionSetting {
  externalFolder: string | undefined;
  device: Device;
  threads: number;
  lean: boolean;
}

export type Request = { call: number } & (
  | (SessionSetting & {
      kind: 'compile';
      program: number;
      bytes: Uint8Array;
      /** Input → key of what is prepared for it, before the first run. */
      prepared: ReadonlyMap<string, string>;
      /** Where what the runtime makes of the model is kept, if anywhere. */
      keeping: Keeping | undefined;
      profile: string | undefined;
      signature: Signature;
    })
  | (SessionSetting & { kind: 'prepare'; preparations: readonly Preparation[]; to: MessagePort })
  | { kind: 'takePrepared'; from: MessagePort }
  | { kind: 'dropPrepared'; keys: string[] }
  | { kind: 'run'; program: number; feeds: Record<string, TypedArray> }
  | { kind: 'setState'; name: string; data: TypedArray; shape: readonly number[]; dtype: string }
  | { kind: 'getState'; name: string }
  | { kind: 'dropState'; names: string[] }
  | { kind: 'release'; program: number; endProfiling: boolean }
);

export type Reply = { call: number; value: unknown } | { call: number; error: string };
