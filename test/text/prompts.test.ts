import { expect, test } from 'vitest';
import { UserError } from '../../src/errors.ts';
import { parsePrompts } from '../../src/text/prompts.ts';

test.each([
  ['sks', 'a sks dog among masks', 'a {subject} dog among masks'],
  ['sks', 'masks around a {subject}', 'masks around a {subject}'],
  ['sks', 'a sks', 'a {subject}'],
  ['bj', 'a {subject} in the snow', 'a {subject} in the snow'],
  ['<v>', 'a photo of<v>s', 'a photo of{subject}s'],
  ['$&.', 'a $&. dog', 'a {subject} dog'],
])('%s in "%s" stands for the subject where it is a word', (token, line, prompt) => {
  expect(parsePrompts(line, 'prompts.txt', token)).toEqual([prompt]);
});

test('a name that is only in other words is none', () => {
  expect(() => parsePrompts('masks on a table', 'prompts.txt', 'sks')).toThrow(
    new UserError('prompts.txt: "masks on a table" names no subject: put {subject} or sks where the subject stands'),
  );
  expect(() => parsePrompts('a sks beside a {subject}', 'prompts.txt', 'sks')).toThrow(/names the subject 2 times/);
});
