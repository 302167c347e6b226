import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { applyEmphasis, emphasisedIds, escapeEmphasis, parseEmphasis } from '../../src/text/emphasis.ts';
import { readTokenizer } from '../../src/text/tokenizer.ts';

const x = 1.1;
// oxfmt-ignore
const table: [string, [string, number][]][] = [
  ['', []],
  ['a dog', [['a dog', 1]]],
  ['a (dog)', [['a ', 1], ['dog', x]]],
  ['a ((dog))', [['a ', 1], ['dog', x * x]]],
  ['a [dog] here', [['a ', 1], ['dog', 1 / x], [' here', 1]]],
  ['a [[dog]]', [['a ', 1], ['dog', 1 / x / x]]],
  ['a (dog:1.3)', [['a ', 1], ['dog', 1.3]]],
  ['(dog: .5 )(cat:2)', [['dog', 0.5], ['cat', 2]]],
  ['(dog:-1)', [['dog', -1]]],
  ['(a (dog:1.5) here:2)', [['a ', 2], ['dog', 3], [' here', 2]]],
  ['(a [dog])', [['a ', x], ['dog', 1]]],
  ['\\(a\\) \\[b\\] \\\\(c)', [['(a) [b] \\', 1], ['c', x]]],
  ['(a\\):1.5)', [['a)', 1.5]]],
  ['back\\slash', [['back\\slash', 1]]],
  ['3:4 and a:1.2)', [['3:4 and a:1.2)', 1]]],
  ['(ratio 3:4)', [['ratio 3', 4]]],
  ['(a:b)', [['a:b', x]]],
  ['(a:1.2.3)', [['a:1.2.3', x]]],
  ['[a:1.2]', [['a:1.2', 1 / x]]],
  ['(never (closed', [['never ', x], ['closed', x * x]]],
  ['[never (closed', [['never ', 1 / x], ['closed', 1]]],
  ['never) opened]', [['never) opened]', 1]]],
  ['(a] b)', [['a] b', x]]],
  ['()a(())', [['a', 1]]],
  ['(a)(b)', [['ab', x]]],
  [
    'a (((castle:1.3)) [at] a (lake:0.5), dusk, (((fog))).',
    [['a ', 1], ['castle', 1.3 * x * x], [' ', x], ['at', 1], [' a ', x], ['lake', 0.5 * x], [', dusk, ', x], ['fog', x ** 4], ['.', x]],
  ],
];

describe('parser', () => {
  test.each(table)('%s', (prompt, expected) => {
    const parts = parseEmphasis(prompt);
    expect(parts.map(({ text }) => text)).toEqual(expected.map(([text]) => text));
    parts.forEach(({ weight }, i) => expect(weight).toBeCloseTo(expected[i]![1], 10));
  });

  test('a prompt without brackets is one part as it was, and escaped text is text', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[^()[\]\\]+$/), (prompt) => {
        expect(parseEmphasis(prompt)).toEqual([{ text: prompt, weight: 1 }]);
      }),
    );
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (text) => {
        expect(parseEmphasis(escapeEmphasis(text))).toEqual([{ text, weight: 1 }]);
      }),
    );
  });

  test('no character is lost but brackets, backslashes and weights', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', ' ', '(', ')', '[', ']', '\\') }), (prompt) => {
        const words = (text: string): string => text.replaceAll(/[^a ]/g, '');
        const parts = parseEmphasis(prompt);
        expect(words(parts.map(({ text }) => text).join(''))).toBe(words(prompt));
        expect(parts.every(({ weight }) => weight > 0)).toBe(true);
      }),
    );
  });
});

describe('tokens', async () => {
  const tokenizer = await readTokenizer('assets/tiny/tokenizer');
  test('weights stand at their words', () => {
    const { ids, weights } = emphasisedIds('a (red:1.5) dog', tokenizer, 8);
    expect(ids).toEqual(tokenizer.pad('a red dog', 8));
    expect([...weights]).toEqual([1, 1, 1.5, 1, 1, 1, 1, 1]);
    const marked = tokenizer.withPlaceholder('<v>', 2);
    expect([...emphasisedIds('(<v>:2) dog', marked, 6).weights]).toEqual([1, 2, 2, 1, 1, 1]);
    const long = emphasisedIds('(dog dog dog dog:2) cat', tokenizer, 4);
    expect(long.ids).toEqual(tokenizer.pad('dog dog', 4));
    expect([...long.weights]).toEqual([1, 2, 2, 1]);
  });
  test('a plain prompt is tokenized as ever', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[^()[\]\\]*$/), (prompt) => {
        const { ids, weights } = emphasisedIds(prompt, tokenizer, 32);
        expect(ids).toEqual(tokenizer.pad(prompt, 32));
        expect(weights.every((weight) => weight === 1)).toBe(true);
      }),
    );
  });
});

test('states are weighted and keep their mean; without emphasis they are the same array', () => {
  const states = Float32Array.of(1, 2, 3, 4, 5, 6);
  expect(applyEmphasis(states, Float32Array.of(1, 1, 1))).toBe(states);
  const out = applyEmphasis(states, Float32Array.of(1, 2, 0.5));
  // The weighted sum is 1 + 2 + 6 + 8 + 2.5 + 3 = 22.5, the old one 21.
  const expected = [1, 2, 6, 8, 2.5, 3].map((value) => (value * 21) / 22.5);
  out.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 5));
});
