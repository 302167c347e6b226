/** Async generators of events within others. */

/** Events as `change` makes them; the result stays. Where `change` throws, or nobody asks on, the generator inside is ended. */
export async function* mapped<A, B, R>(events: AsyncGenerator<A, R>, change: (event: A) => B): AsyncGenerator<B, R> {
  try {
    let next = await events.next();
    for (; next.done !== true; next = await events.next()) yield change(next.value);
    return next.value;
  } finally {
    await events.return(undefined as R);
  }
}

/** The result; each event is told on the way. */
export async function followed<A, R>(events: AsyncGenerator<A, R>, tell: (event: A) => void = () => undefined): Promise<R> {
  const told = mapped(events, tell);
  let next = await told.next();
  while (next.done !== true) next = await told.next();
  return next.value;
}
