import { copyFile, mkdir, readdir, readFile, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Engine, evaluate } from '../../src/graph/engine.ts';
import { tidy } from '../../src/kept.ts';
import { add, exp, fileConstant, input, multiply, sum, tanh } from '../../src/graph/ops.ts';
import type { Tensor } from '../../src/graph/tensor.ts';
import { scratch } from '../scratch.ts';

const x = input('x', [4]);
const feeds = { x: Float32Array.of(0.1, -0.2, 0.3, -0.4) };

/** More than a thousand nodes, with a factor that the runtime computes of a file's constant when the program is made. */
function long(file: string): Record<string, Tensor> {
  const factor = exp(fileConstant(file, 0, [4]));
  let y = x;
  for (let i = 0; i < 400; i++) y = tanh(add(multiply(y, factor), 0.01));
  return { y };
}

/** By an engine of its own, as another run would have. */
async function run(outputs: Record<string, Tensor>, keepIn?: string): Promise<number[]> {
  const engine = new Engine({ threads: 1, keepIn });
  try {
    return [...(await evaluate(engine, outputs, feeds))['y']!];
  } finally {
    await engine.close();
  }
}

const weights = (file: string, ...values: number[]): Promise<void> => writeFile(file, Float32Array.from(values));

test('what is kept runs the next time, to the same bits', async () => {
  const folder = await scratch();
  const [one, other, kept] = ['one', 'other', 'kept'].map((name) => join(folder, name)) as [string, string, string];
  await weights(one, 0.1, 0.2, 0.3, 0.4);
  await weights(other, 0.4, 0.3, 0.2, 0.1);
  const ofOne = await run(long(one));
  expect(await run(long(one), kept)).toEqual(ofOne);
  const programs = join(kept, 'programs');
  const [first] = (await readdir(programs)) as [string];
  expect(await run(long(one), kept)).toEqual(ofOne);
  expect(await readdir(programs)).toEqual([first]);
  const ofOther = await run(long(other), kept);
  expect(ofOther).not.toEqual(ofOne);
  const second = (await readdir(programs)).find((name) => name !== first)!;
  await copyFile(join(programs, second), join(programs, first));
  expect(await run(long(one), kept)).toEqual(ofOther);
});

test('a file whose constants have changed is another file', async () => {
  const folder = await scratch();
  const [file, kept] = [join(folder, 'weights'), join(folder, 'kept')];
  await weights(file, 0.1, 0.2, 0.3, 0.4);
  const before = await run(long(file), kept);
  await weights(file, 0.5, 0.2, 0.3, 0.4);
  const after = await run(long(file), kept);
  expect(after).toEqual(await run(long(file)));
  expect(after).not.toEqual(before);
});

test('what is damaged is made again', async () => {
  const folder = await scratch();
  const [file, kept] = [join(folder, 'weights'), join(folder, 'kept')];
  await weights(file, 0.1, 0.2, 0.3, 0.4);
  const before = await run(long(file), kept);
  const programs = join(kept, 'programs');
  const path = join(programs, (await readdir(programs))[0]!);
  const whole = await readFile(path);
  await truncate(path, 5000);
  expect(await run(long(file), kept)).toEqual(before);
  expect((await readFile(path)).length).toBe(whole.length);
});

test('where nothing can be written programs run all the same, and small ones are not kept', async () => {
  const folder = await scratch();
  const [file, taken, kept] = ['weights', 'taken', 'kept'].map((name) => join(folder, name)) as [string, string, string];
  await weights(file, 0.1, 0.2, 0.3, 0.4);
  await writeFile(taken, 'a file');
  expect(await run(long(file), taken)).toEqual(await run(long(file)));
  await run({ y: sum(x, [0], true) }, kept);
  await expect(readdir(kept)).rejects.toThrow(/ENOENT/);
});

test('what was used last stays, and what dead processes have left goes', async () => {
  const folder = join(await scratch(), 'kept');
  await mkdir(folder);
  const now = Date.now() / 1000;
  const ages = { 'new.onnx': 10, 'old.onnx': 300, 'older.onnx': 400, 'being written.part': 60, 'left.part': 7200 };
  for (const [name, age] of Object.entries(ages)) {
    await writeFile(join(folder, name), new Uint8Array(100));
    await utimes(join(folder, name), now - age, now - age);
  }
  await tidy(folder, 300);
  expect((await readdir(folder)).toSorted()).toEqual(['being written.part', 'new.onnx', 'old.onnx']);
});
