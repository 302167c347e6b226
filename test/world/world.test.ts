import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Random } from '../../src/graph/random.ts';
import { benchmarkContexts, captionOf, evaluationPrompts, promptSet } from '../../src/world/captions.ts';
import { contextOf, contexts } from '../../src/world/contexts.ts';
import { classNames, drawIdentity } from '../../src/world/identity.ts';
import { leakOf } from '../../src/text/likeness.ts';
import { benchmarkSubjects, sampleScene } from '../../src/world/sample.ts';
import { renderMask, renderScene } from '../../src/world/scene.ts';

const benchmark = '../shared/dreambooth/dataset/prompts_and_classes.txt';
test.skipIf(!existsSync(benchmark))(`the evaluation prompts are DreamBooth's (skipped where ${benchmark} is missing)`, () => {
  const text = readFileSync(benchmark, 'utf8');
  const prompts = [...text.matchAll(/'([^']*\{0\}[^']*)'/g)].map(([, prompt]) =>
    prompt!.replace(/\{0\} \{1\}/, '{subject}').replace(/\.format.*/, ''),
  );
  expect([...evaluationPrompts('object'), ...evaluationPrompts('live')]).toEqual(prompts);
});

test('there are at least 12 classes, 25 prompts of each kind and 85 contexts', () => {
  expect(classNames.length).toBeGreaterThanOrEqual(12);
  expect(new Set(evaluationPrompts('live')).size).toBe(25);
  expect(new Set(evaluationPrompts('object')).size).toBe(25);
  expect(contexts.length).toBeGreaterThanOrEqual(85);
  expect(new Set(benchmarkSubjects.map(({ name }) => name)).size).toBe(15);
});

test('a scene is the same picture every time, and identities differ', async () => {
  const scene = sampleScene(new Random(4));
  expect(await renderScene(scene)).toEqual(await renderScene(scene));
  const other = { ...scene, identity: drawIdentity(scene.identity.className, 99) };
  expect(await renderScene(other)).not.toEqual(await renderScene(scene));
});

test('a mask covers a part of the picture', async () => {
  const mask = await renderMask(sampleScene(new Random(5)));
  const share = mask.reduce((a, b) => a + b, 0) / mask.length / 255;
  expect(share).toBeGreaterThan(0.03);
  expect(share).toBeLessThan(0.8);
});

test.each(classNames)('prompt set of %s: many, each with its subject, none that gives an evaluation prompt away', (name) => {
  const prompts = promptSet(name, 200);
  expect(prompts.length).toBe(200);
  expect(prompts.every((prompt) => prompt.split('{subject}').length === 2)).toBe(true);
  expect(prompts.filter((prompt) => leakOf(prompt) !== undefined)).toEqual([]);
});

test.each(['dog', 'teapot'] as const)(
  'prompts of %s without the evaluation’s contexts say none of their phrases, and differ from each other',
  (name) => {
    const phrases = Object.values(benchmarkContexts).flatMap((ids) => ids.flatMap((id) => contextOf(id).phrases));
    const evaluated = (prompt: string): boolean =>
      phrases.some((words) => prompt.endsWith(`{subject} ${words}`) || prompt.endsWith(`a ${words} {subject}`));
    const prompts = promptSet(name, 200, 0, false);
    expect(new Set(prompts).size).toBe(200);
    expect(prompts.filter(evaluated)).toEqual([]);
    expect(promptSet(name, 200).filter(evaluated).length).toBeGreaterThan(5);
  },
);

test('a caption names its class', () => {
  for (let i = 0; i < 50; i++) {
    const scene = sampleScene(new Random(i));
    expect(captionOf(scene, new Random(i))).toContain(scene.identity.className);
  }
});
