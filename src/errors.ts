/**
 * Every failure a user can meet, worded once. A message names the argument, what was got, what was
 * expected and the remedy. Our own bugs start with `internal:`.
 */
export class UserError extends Error {
  override readonly name = 'UserError';
  /** Process exit status: 2 when the request was wrong, 1 when carrying it out failed. */
  readonly exitStatus: 1 | 2;
  constructor(message: string, exitStatus: 1 | 2 = 2) {
    super(message);
    this.exitStatus = exitStatus;
  }
}

/** A defect of Contextura itself: thrown where a user could do nothing about it. */
export function internal(message: string): Error {
  return new Error(`internal: ${message}`);
}

export interface Range {
  min?: number;
  max?: number;
  integer?: boolean;
}

/** The number. Throws a UserError where it is none or out of range; `what` and `got` name it and what stood there. */
export function checkNumber(
  what: string,
  value: number,
  { min = -Infinity, max = Infinity, integer = false }: Range,
  got = `${value}`,
): number {
  if (Number.isFinite(value) && value >= min && value <= max && (!integer || Number.isSafeInteger(value))) return value;
  const kind = integer ? 'a whole number' : 'a number';
  const bounds = max !== Infinity ? ` from ${min} to ${max}` : min !== -Infinity ? ` of at least ${min}` : '';
  throw new UserError(`${what} ${got}: ${kind}${bounds} is expected`);
}
