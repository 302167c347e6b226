/** Messages between the engine and its worker thread. */
import type { Device } from './device.ts';

export type TypedArray = Float32Array | Int32Array | Uint8Array;

export interface Signature {
  feeds: { name: string; shape: readonly number[]; dtype: string }[];
  states: string[];
  /** Outputs that are sent back. */
  fetches: string[];
  /** Output name → state that it overwrites in place. */
  updates: Record<string, string>;
}

export type Request = { call: number } & (
  | {
      kind: 'compile';
      program: number;
      bytes: Uint8Array;
      externalFolder: string | undefined;
      device: Device;
      threads: number;
      lean: boolean;
      profile: string | undefined;
      signature: Signature;
    }
  | { kind: 'run'; program: number; feeds: Record<string, TypedArray> }
  | { kind: 'setState'; name: string; data: TypedArray; shape: readonly number[]; dtype: string }
  | { kind: 'getState'; name: string }
  | { kind: 'dropState'; names: string[] }
  | { kind: 'release'; program: number; endProfiling: boolean }
);

export type Reply = { call: number; value: unknown } | { call: number; error: string };
