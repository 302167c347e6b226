import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { parseRecipe } from '../../src/config.ts';
import { UserError } from '../../src/errors.ts';
import { Engine } from '../../src/graph/engine.ts';
import { timeGraphs } from '../../src/graph/timing.ts';
import type * as timing from '../../src/graph/timing.ts';
import { loadModel } from '../../src/models/load.ts';
import { refuseLargePictures } from '../../src/sampler/forecast.ts';
import { customize } from '../../src/trainer/customize.ts';
import type { CustomizeEvent, CustomizeOptions } from '../../src/trainer/customize.ts';
import { promptSet } from '../../src/world/captions.ts';
import { scratch } from '../scratch.ts';

vi.mock('../../src/graph/timing.ts', async (original) => {
  const actual = await original<typeof timing>();
  return { ...actual, timeGraphs: vi.fn(actual.timeGraphs) };
});

const engine = new Engine();
/** Of which nothing more can be spared. */
const spare = new Engine({ lowMemory: true });
const model = await loadModel('assets/tiny');
afterAll(() => Promise.all([engine.close(), spare.close()]));
afterEach(() => void vi.unstubAllEnvs());

/** The first event of a run that would go on, and its folder. */
async function begin(changes: object, options: Partial<CustomizeOptions> = {}): Promise<{ event: CustomizeEvent; out: string }> {
  const out = join(await scratch(), 'run');
  const recipe = parseRecipe({ images: 'examples/subjects/dog', class: 'dog', steps: 20, sampleEvery: 0, lambda: 0, ...changes });
  const run = customize({ engine, model, recipe, prompts: promptSet('dog', 50), versions: {}, out, ...options });
  const { value } = await run.next();
  await run.return(undefined as never);
  return { event: value as CustomizeEvent, out };
}
const memoryOf = async (changes: object, options: Partial<CustomizeOptions> = {}): Promise<number> => {
  const { event } = await begin(changes, options);
  return event.kind === 'forecast' ? event.memory!.needed : Number.NaN;
};
const refusal = (changes: object, memory: number, options: Partial<CustomizeOptions> = {}): Promise<unknown> =>
  begin(changes, { memory, ...options }).then(
    () => undefined,
    (error: unknown) => error,
  );

describe('memory', () => {
  test.each([
    ['textual inversion with samples', { batchSize: 4, lambda: 0.1, promptBatch: 8, sampleEvery: 2 }],
    ['all of the U-Net and the text encoder', { method: 'dreambooth', token: 'sks', batchSize: 8, lambda: 0, sampleEvery: 0 }],
  ])('%s takes what was predicted', async (_, changes) => {
    const script = fileURLToPath(new URL('measure-run.ts', import.meta.url));
    const folder = join(await scratch(), 'run');
    const command = ['--import', 'tsx', script, JSON.stringify(changes), folder];
    const { predicted, measured } = JSON.parse(execFileSync(process.execPath, command, { encoding: 'utf8' })) as Record<string, number>;
    expect(predicted! / measured!).toBeGreaterThan(0.7);
    expect(predicted! / measured!).toBeLessThan(1.3);
  });

  test('grows with what is asked for', async () => {
    const plain = await memoryOf({ batchSize: 2 });
    expect(await memoryOf({ batchSize: 16 })).toBeGreaterThan(1.5 * plain);
    expect(await memoryOf({ batchSize: 2, sampleEvery: 10 })).toBeGreaterThan(plain);
    expect(await memoryOf({ batchSize: 2, lambda: 1, promptBatch: 64 })).toBeGreaterThan(plain);
    expect(await memoryOf({ batchSize: 2, method: 'dreambooth', token: 'sks', ema: 0.99 })).toBeGreaterThan(
      await memoryOf({ batchSize: 2, method: 'dreambooth', token: 'sks' }),
    );
  });

  test('too little of it is refused with the mildest change that fits, and nothing is written', async () => {
    const out = join(await scratch(), 'run');
    const recipe = parseRecipe({ images: 'examples/subjects/dog', class: 'dog', steps: 20, sampleEvery: 0, lambda: 0, batchSize: 32 });
    const needed = await memoryOf({ batchSize: 32 }, { engine: spare });
    const lower = await memoryOf({ batchSize: 1, accumulation: 32 }, { engine: spare });
    const error = await customize({ engine: spare, model, recipe, versions: {}, out, memory: 0.7 * needed })
      .next()
      .then(
        () => undefined,
        (e: unknown) => e,
      );
    const gigabytes = (bytes: number): string => (bytes / 1e9).toFixed(1);
    expect(error).toEqual(
      new UserError(
        `ti at 64 pixels needs about ${gigabytes(needed)} GB of memory, ${gigabytes(0.7 * needed)} are free: try --batch 1 --accumulation 32 (about ${gigabytes(lower)} GB); or set CONTEXTURA_IGNORE_MEMORY=1 to go on all the same`,
        1,
      ),
    );
    expect((error as UserError).exitStatus).toBe(1);
    expect(existsSync(out)).toBe(false);
  });

  test('what changes nothing but time is advised first', async () => {
    const [needed, spared] = [await memoryOf({ batchSize: 32 }), await memoryOf({ batchSize: 32 }, { engine: spare })];
    expect(spared).toBeLessThan(0.7 * needed);
    const line = String(await refusal({ batchSize: 32 }, 0.7 * needed));
    expect(line).toContain(`are free: try --low-memory (about ${(spared / 1e9).toFixed(1)} GB); or set`);
    // Where that does not do, it comes with others.
    expect(String(await refusal({ batchSize: 32 }, 1e7))).toContain(
      'close other programs, and give --low-memory --batch 1 --accumulation 32',
    );
  });

  test('a run that is resumed is refused without advice to change it, and stays as it was', async () => {
    const out = join(await scratch(), 'run');
    const options = { engine, model, versions: {}, out };
    const recipe = parseRecipe({ images: 'examples/subjects/dog', class: 'dog', steps: 1, sampleEvery: 0, lambda: 0, batchSize: 2 });
    for await (const _ of customize({ ...options, recipe }));
    const record = await readFile(join(out, 'run.json'), 'utf8');
    const going = customize({ ...options, engine: spare, recipe: { ...recipe, steps: 9 }, resume: true, memory: 1e6 });
    await expect(going.next()).rejects.toThrow(/are free: close other programs; or set/);
    expect(await readFile(join(out, 'run.json'), 'utf8')).toBe(record);
  });

  test('where nothing would fit, it says so', async () => {
    const all = { batchSize: 1, lambda: 1, promptBatch: 64, sampleEvery: 5 };
    expect(String(await refusal(all, 1e7, { engine: spare }))).toMatch(
      /ti at 64 pixels needs about 0\.\d GB of memory, 0\.0 are free: close other programs, and give --sample-every 0 --prompt-batch 1 \(about 0\.\d GB\); or set CONTEXTURA_IGNORE_MEMORY=1 to go on all the same$/,
    );
    expect(String(await refusal({ method: 'dreambooth', token: 'sks', batchSize: 1 }, 1e7, { engine: spare }))).toMatch(
      /dreambooth at 64 pixels .* close other programs, or train less than the whole model: --method lora; or set/,
    );
  });

  test('CONTEXTURA_IGNORE_MEMORY goes on', async () => {
    vi.stubEnv('CONTEXTURA_IGNORE_MEMORY', '1');
    expect((await begin({}, { memory: 1e6 })).event).toMatchObject({ kind: 'forecast', memory: { free: 1e6 } });
  });

  test('pictures that are too large are refused with what would fit', async () => {
    const size = { width: 512, height: 512 };
    const attempt = (batch: number, free: number, lowMemory = true): Promise<unknown> =>
      refuseLargePictures({ lowMemory }, model, batch, [], size, free).then(
        () => undefined,
        (e: unknown) => (e instanceof UserError ? e.message : e),
      );
    expect(await attempt(8, 1e12)).toBeUndefined();
    const line = /^drawing (.*) of 512 × 512 pixels needs about [\d.]+ GB of memory, [\d.]+ are free: (.*) \(about [\d.]+ GB\); or set/;
    const [, what, remedy] = line.exec(String(await attempt(8, 3e9)))!;
    expect([what, remedy]).toEqual(['8 pictures at once', 'try --batch 1']);
    expect(line.exec(String(await attempt(8, 3.7e9, false)))![2]).toBe('try --low-memory');
    expect(line.exec(String(await attempt(1, 1e6, false)))![2]).toBe(
      'close other programs, and give --low-memory --batch 1 --size 384x384',
    );
    expect(line.exec(String(await attempt(1, 1e6)))!.slice(1)).toEqual([
      'a picture',
      'close other programs, and give --batch 1 --size 384x384',
    ]);
  });
});

test('time is forecast where it is asked for, and grows by the same for each step', async () => {
  expect((await begin({})).event).not.toHaveProperty('seconds');
  expect(timeGraphs).not.toHaveBeenCalled();
  const seconds = async (steps: number): Promise<number> => {
    const { event } = await begin({ steps, batchSize: 2 }, { timed: true });
    return event.kind === 'forecast' ? event.seconds! : Number.NaN;
  };
  const first = await seconds(100);
  // What the machine was measured to do stands for the others, whose clock would be another.
  const measured = (await vi.mocked(timeGraphs).mock.results[0]!.value) as Awaited<ReturnType<typeof timeGraphs>>;
  vi.mocked(timeGraphs).mockResolvedValue(measured);
  const [again, twice, many] = [await seconds(100), await seconds(200), await seconds(100_000)];
  expect(again).toBe(first);
  const aStep = (twice - first) / 100;
  expect(measured.seconds.some((graph) => Math.abs(graph - aStep) < 1e-9)).toBe(true);
  expect(many).toBeCloseTo(first + 99_900 * aStep, 3);
  expect(first).toBeGreaterThan(100 * aStep);
});

test('the batches by which λ is found are forecast like those of steps', async () => {
  vi.mocked(timeGraphs).mockImplementation((_, roots) => Promise.resolve({ seconds: roots.map(() => 1), timed: 1 }));
  const seconds = async (changes: object): Promise<number> => {
    const { event } = await begin({ lambda: 1, promptBatch: 2, ...changes }, { timed: true });
    return event.kind === 'forecast' ? event.seconds! : Number.NaN;
  };
  expect(await seconds({ lambdaBalance: 1 })).toBe((await seconds({})) + 16);
  expect(await seconds({ lambdaBalance: 1, accumulation: 3 })).toBe((await seconds({ accumulation: 3 })) + 16);
});
