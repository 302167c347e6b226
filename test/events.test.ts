import { expect, test } from 'vitest';
import { followed, mapped } from '../src/events.ts';

/** Counts to three, and says when it has ended. */
async function* counting(ended: () => void): AsyncGenerator<number, string> {
  try {
    for (let i = 1; i <= 3; i++) yield await Promise.resolve(i);
    return 'result';
  } finally {
    ended();
  }
}

test('events are changed, and the result stays', async () => {
  const events = mapped(
    counting(() => undefined),
    (i) => 2 * i,
  );
  const seen: IteratorResult<number, string>['value'][] = [];
  for (let next = await events.next(); seen.push(next.value), next.done !== true; next = await events.next());
  expect(seen).toEqual([2, 4, 6, 'result']);
});

test.each(['the change throws', 'nobody asks on'])('where %s, the generator inside is ended', async (how) => {
  let ends = 0;
  const events = mapped(
    counting(() => ends++),
    (i) => {
      if (i === 2 && how === 'the change throws') throw new Error('enough');
      return i;
    },
  );
  await events.next();
  expect(ends).toBe(0);
  if (how === 'the change throws') await expect(events.next()).rejects.toThrow('enough');
  else await events.return('');
  expect(ends).toBe(1);
});

test('where whoever is told throws, the generator is ended; else the result comes back', async () => {
  let ends = 0;
  const told: number[] = [];
  expect(
    await followed(
      counting(() => ends++),
      (i) => told.push(i),
    ),
  ).toBe('result');
  expect([told, ends]).toEqual([[1, 2, 3], 1]);
  const refusing = (): void => {
    throw new Error('enough');
  };
  await expect(
    followed(
      counting(() => ends++),
      refusing,
    ),
  ).rejects.toThrow('enough');
  expect(ends).toBe(2);
});
