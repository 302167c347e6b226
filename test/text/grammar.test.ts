import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { articleFor, nounPhrase, singularOf } from '../../src/text/grammar/english.ts';
import { contextTypes, grammarPrompts } from '../../src/text/grammar/grammar.ts';
import { kinds, lookUp } from '../../src/text/grammar/lexicon.ts';
import { leakOf, PromptIndex } from '../../src/text/likeness.ts';

test('1,000 prompts for a dog in a second: each with one subject, none leaked, no two alike, every type', () => {
  let made = grammarPrompts('dog', { count: 1000 });
  // The best of three: 0.1 s on two idle cores; other tests may share them.
  const times = [1, 2, 3].map(() => {
    const start = performance.now();
    made = grammarPrompts('dog', { count: 1000 });
    return performance.now() - start;
  });
  expect(Math.min(...times)).toBeLessThan(1000);
  expect(made).toHaveLength(1000);
  const index = new PromptIndex();
  for (const { prompt } of made) {
    expect(prompt.split('{subject}')).toHaveLength(2);
    expect(leakOf(prompt)).toBeUndefined();
    expect(index.match(prompt)).toBeUndefined();
    index.add(prompt);
  }
  expect(contextTypes.map((type) => made.filter((one) => one.type === type).length)).toEqual(contextTypes.map(() => 125));
});

const list = '../shared/dreambooth/dataset/prompts_and_classes.txt';
test.skipIf(!existsSync(list))(
  `2,000 for each class of DreamBooth's 30 subjects (skipped where ${list} is missing)`,
  () => {
    const [, rows] = readFileSync(list, 'utf8').split('subject_name,class\n');
    const classes = new Set(
      rows!
        .split('\n\n')[0]!
        .trim()
        .split('\n')
        .map((row) => row.split(',')[1]!),
    );
    expect(classes.size).toBe(15);
    for (const name of classes) {
      expect(lookUp(name).known).toBe(true);
      expect(grammarPrompts(name, { count: 2000 })).toHaveLength(2000);
    }
  },
  60_000,
);

test('every kind of noun has prompts of every type, and English that holds together', () => {
  const nouns = [
    'dog',
    'teapot',
    'sunglasses',
    'woman',
    'goldfish',
    'snake',
    'boat',
    'plane',
    'castle',
    'bread',
    'boots',
    'dogs',
    'umbrella',
    'guitar',
    'quokka',
    'pizza',
    'sofa',
  ];
  for (const noun of nouns) {
    const made = grammarPrompts(noun, { count: 400 });
    expect(new Set(made.map(({ type }) => type)).size).toBe(contextTypes.length);
    for (const { prompt } of made) {
      expect(prompt).not.toMatch(/\b(\w+) \1\b/);
      expect(prompt).not.toMatch(/\b(a|an) (a|an|the|some|its|two)\b(?!-)|  | ,|[{}](?<!\{subject\}|\{(?=subject\}))|’/);
      for (const [, article, word] of prompt.matchAll(/\b(an?) ([a-z][\w'-]*)/gi))
        expect([prompt, article]).toEqual([prompt, articleFor(word!)]);
    }
  }
  expect(kinds.length).toBeGreaterThan(30);
});

test('a teapot does nothing that a dog does, a man is he, glasses come in pairs', () => {
  const teapots = grammarPrompts('teapot', { count: 1500 }).map(({ prompt }) => prompt);
  expect(teapots.filter((prompt) => /\b(wagging|barking|sleepy|fur|paw|fetching|running|collar|wearing)\b/.test(prompt))).toEqual([]);
  expect(teapots.some((prompt) => prompt.includes('pouring tea'))).toBe(true);
  const men = grammarPrompts('man', { count: 1500 }).map(({ prompt }) => prompt);
  expect(men.some((prompt) => /\bhis\b/.test(prompt))).toBe(true);
  expect(men.filter((prompt) => /\bits (eyes|hair|arms|shoelaces)\b/.test(prompt))).toEqual([]);
  expect(grammarPrompts('glasses', { count: 300 }).every(({ prompt }) => prompt.includes('pair of'))).toBe(true);
  expect(grammarPrompts('bread', { count: 300 }).filter(({ prompt }) => /\ban? (\w+ )?\{subject\}/.test(prompt))).toEqual([]);
});

test('food that is not counted, things that are no clothes and no clocks, shapes that a pair does not take', () => {
  expect(['broccoli', 'rice', 'bread', 'cheese', 'butter'].map(lookUp).map(({ kind, number }) => `${kind} ${number}`)).toEqual(
    Array.from({ length: 5 }, () => 'food mass'),
  );
  const said = (name: string): string =>
    grammarPrompts(name, { count: 1500 })
      .map(({ prompt }) => prompt)
      .join('\n');
  expect(said('broccoli')).not.toMatch(/\ban? (\w+ )?\{subject\}|peeling paint|in need of repair/);
  expect(said('umbrella')).not.toMatch(/buttonhole|silver buttons|fur trim|padded hanger|sleeves/);
  for (const name of ['hourglass', 'sundial']) expect(said(name)).not.toMatch(/running backwards|tiny numbers|hands spinning|ringing/);
  expect(said('scissors')).not.toMatch(/exploding into confetti|bell tied to|pyramid-shaped|spherical/);
  expect(said('sunglasses')).not.toMatch(/pyramid-shaped|spherical|long and thin/);
});

test('the class is named by the placeholder alone', () => {
  for (const name of ['bowl', 'dog', 'clock', 'toy', 'woman']) {
    const pattern = new RegExp(`\\b${name}s?\\b`, 'i');
    expect(grammarPrompts(name, { count: 1000 }).filter(({ prompt }) => pattern.test(prompt))).toEqual([]);
  }
});

test('the seed decides, and what is known already is not said again', () => {
  const first = grammarPrompts('vase', { count: 100, seed: 1 });
  expect(grammarPrompts('vase', { count: 100, seed: 1 })).toEqual(first);
  expect(grammarPrompts('vase', { count: 100, seed: 2 })).not.toEqual(first);
  const known = new PromptIndex();
  for (const { prompt } of first) known.add(prompt);
  const more = grammarPrompts('vase', { count: 100, seed: 1, known });
  expect(more.filter(({ prompt }) => first.some((one) => one.prompt === prompt))).toEqual([]);
});

test('several concepts: each prompt holds the other one, who acts is a person', () => {
  const made = grammarPrompts('dog', { count: 200, conceptOf: 'man' }).map(({ prompt }) => prompt);
  expect(made).toHaveLength(200);
  expect(made.every((prompt) => /\ba man \w+/.test(prompt))).toBe(true);
  expect(made.some((prompt) => prompt.includes('a man petting a {subject}'))).toBe(true);
  expect(grammarPrompts('woman', { count: 50, conceptOf: 'dog' }).every(({ prompt }) => /\{subject\} .*\ba dog\b/.test(prompt))).toBe(true);
  expect(
    grammarPrompts('sunglasses', { count: 50, conceptOf: 'man' }).some(({ prompt }) =>
      prompt.includes('a man wearing a pair of {subject}'),
    ),
  ).toBe(true);
  expect(grammarPrompts('bowl', { count: 50, conceptOf: 'umbrella' }).every(({ prompt }) => prompt.includes('an umbrella'))).toBe(true);
});

test('an unknown noun may borrow the vocabulary of a known one', () => {
  expect(lookUp('quokka').known).toBe(false);
  const borrowed = grammarPrompts('quokka', { count: 800, like: 'rabbit' }).map(({ prompt }) => prompt);
  expect(borrowed.some((prompt) => prompt.includes('yawning'))).toBe(true);
});

test('articles by sound, numbers, singulars', () => {
  const an = ['hour', 'honest', 'umbrella', 'apple', 'old', 'unusual', 'uninvited', 'heirloom', 'elephant', 'unfinished'];
  const a = ['unicorn', 'uniform', 'one-eyed', 'ukulele', 'European', 'used', 'house', 'ewe', 'useful', 'dog'];
  expect(an.map(articleFor)).toEqual(an.map(() => 'an'));
  expect(a.map(articleFor)).toEqual(a.map(() => 'a'));
  expect((['one', 'pair', 'plural', 'mass'] as const).map((number) => nounPhrase(number, ['old']))).toEqual([
    'an old {subject}', 'a pair of old {subject}', 'old {subject}', 'some old {subject}',
  ]); // prettier-ignore
  expect(['dogs', 'boxes', 'berries', 'glass', 'bus', 'cactus', 'knives', 'children'].map(singularOf)).toEqual([
    'dog',
    'box',
    'berry',
    undefined,
    undefined,
    undefined,
    'knife',
    'child',
  ]);
  expect([lookUp('a pair of sunglasses'), lookUp('berry bowl'), lookUp('robot toy'), lookUp('stuffed animals'), lookUp('boots')].map(({ kind, number }) => `${kind} ${number}`)).toEqual([
    'eyewear pair', 'bowl one', 'robot one', 'plush plural', 'footwear pair',
  ]); // prettier-ignore
});
