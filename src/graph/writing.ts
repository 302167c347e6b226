/** How a lean program is written so that the runtime holds less at once: in which order, and in which parts. */
import type { Device } from './device.ts';
import { Course, executionOrder } from './held.ts';
import { fixedTensors, topologicalOrder } from './tensor.ts';
import type { PrimitiveName, Tensor, WritingOrder } from './tensor.ts';

/** Which part of a program a tensor is computed in, counted from 0; parts run one after another, and read what earlier ones made. */
export type Parts = ReadonlyMap<Tensor, number>;

/** How a lean program is written, and how many bytes it then holds at once. */
export interface Writing {
  from: WritingOrder;
  parts?: Parts;
  most: number;
}

/**
 * How a lean program should be written, so that running it holds less at once: which of two orders, and in which parts. For
 * textual inversion at Stable Diffusion's size it is 1.1 GB, where whole in either order it would be 1.6 and 2.1. Parts are for
 * the CPU: a GPU's runtime keeps what was given back for the next result of its size, whatever part that is in.
 */
export function quietestWriting(roots: readonly Tensor[], sparing: boolean, inPlace: ReadonlySet<Tensor>, device: Device = 'cpu'): Writing {
  const saving = { lean: true, sparing };
  const courseOf = (order: readonly Tensor[]): Course => new Course(order, roots, saving, inPlace);
  const whole = (from: WritingOrder): Whole => {
    const written = topologicalOrder(roots, from);
    const order = executionOrder(written);
    const course = courseOf(order);
    return { from, written, order, course, most: course.most().bytes };
  };
  const [first, last] = [whole('first'), whole('last')];
  const { from, written, order, course, most } = last.most < first.most ? last : first;
  if (device !== 'cpu' || course.steps.length < worthDividing.steps) return { from, most };
  const parts = partsAfter(
    order,
    quietestEnds(course).map((end) => course.steps[end]!.tensor),
  );
  const inParts = Array.from({ length: partCount }, (_, part) => executionOrder(written.filter((t) => parts.get(t) === part)));
  const divided = courseOf(inParts.flat());
  const ends = divided.steps.flatMap(({ tensor }, i) => {
    const next = divided.steps[i + 1]?.tensor;
    return next !== undefined && parts.get(next) !== parts.get(tensor) ? [i] : [];
  });
  const less = divided.most(ends).bytes;
  return less < worthDividing.share * most ? { from, parts, most: less } : { from, most };
}

interface Whole extends Writing {
  written: readonly Tensor[];
  order: readonly Tensor[];
  course: Course;
}

const partCount = 5;
/** A program of so many operators is divided where it then holds no more than this share of what it held. */
const worthDividing = { steps: 100, share: 0.95 };

/** Ends of parts to begin the search with, after the operator at which most is held: shares of all operators. */
const firstEnds = [
  [-1 / 96, 1 / 96, 1 / 18],
  [0, 1 / 48, 1 / 16],
  [-1 / 24, 0, 1 / 24],
];
/** By what they are moved, one after another, in operators of a program of one: from each beginning, then from the best. */
const [firstMoves, moves] = [
  [24, 48],
  [96, 192, 24, 48, 96, 192, 384],
].map((shares) => shares.map((n) => 1 / n)) as [number[], number[]];

/**
 * After which operators parts should end, so that little is held: from near the one at which most is held, where each
 * buffer waits for the longest, these are moved about for as long as that helps.
 */
function quietestEnds(course: Course): readonly number[] {
  const count = course.steps.length;
  const peak = course.most().at;
  const inRange = (x: number): number => Math.max(0, Math.min(count - 2, Math.round(x)));
  const sorted = (ends: readonly number[]): number[] => ends.map(inRange).toSorted((a, b) => a - b);
  const known = new Map<string, number>();
  const held = (ends: readonly number[]): number => {
    if (new Set(ends).size < ends.length) return Infinity;
    const key = ends.join();
    if (!known.has(key)) known.set(key, course.most(ends).bytes);
    return known.get(key)!;
  };
  const improved = (from: readonly number[], by: readonly number[]): readonly number[] => {
    let ends = from;
    for (const move of by) {
      for (const i of from.keys()) {
        const moved = [-move, move].map((share) => sorted(ends.with(i, ends[i]! + share * count)));
        ends = moved.find((other) => held(other) < held(ends)) ?? ends;
      }
    }
    return ends;
  };
  const begun = firstEnds.map((shares) =>
    improved(sorted([...shares.map((share) => peak + share * count), (peak + count) / 2]), firstMoves),
  );
  return improved(
    begun.reduce((best, ends) => (held(ends) < held(best) ? ends : best)),
    moves,
  );
}

/** Of primitives whose results are several outputs of one operator, which. */
const operatorOf: { [P in PrimitiveName]?: string } = {
  standardize: 'norm',
  inverseDeviation: 'norm',
  attentionGradient: 'attention',
  gegluGradient: 'geglu',
  adamw: 'adamw',
};

/** Parts that end after given operators. What one operator computes stays together, and views are made where they are first read. */
function partsAfter(order: readonly Tensor[], ends: readonly Tensor[]): Parts {
  const fixed = fixedTensors(order);
  const after = new Set(ends);
  const parts = new Map<Tensor, number>();
  const together = new Map<string, number>();
  let current = 0;
  for (const t of order) {
    const operator = operatorOf[t.op];
    const isShared = operator !== undefined;
    const key = `${operator} ${t.inputs.map((x) => x.id).join()}`;
    if (isShared && !together.has(key)) together.set(key, current);
    if (t.op === 'input' || fixed.has(t)) parts.set(t, 0);
    // Its name is that of what it is the same as.
    else if (t.op === 'stopGradient') parts.set(t, parts.get(t.inputs[0]!)!);
    else parts.set(t, isShared ? together.get(key)! : current);
    if (after.has(t)) current++;
  }
  return parts;
}
