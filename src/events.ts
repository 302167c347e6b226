/** Async generators of events within others. */

/** Events as `change` makes them; the result stays. */
export async function* mapped<A, B, R>(events: AsyncGenerator<A, R>, change: (event: A) => B): AsyncGenerator<B, R> {
  let next = await events.next();
  for (; next.done !== true; next = await events.next()) yield change(next.value);
  return next.value;
}

/** The result; each event is told on the way. */
export async function followed<A, R>(events: AsyncGenerator<A, R>, tell: (event: A) => void = () => undefined): Promise<R> {
  let next = await events.next();
  for (; next.done !== true; next = await events.next()) tell(next.value);
  return next.value;
}
