import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openSafetensors, readTensor, writeSafetensors } from '../../src/files/safetensors.ts';
import type { NewTensor } from '../../src/files/safetensors.ts';
import { Engine, evaluate } from '../../src/graph/engine.ts';
import { gradients } from '../../src/graph/gradient.ts';
import { constant, input } from '../../src/graph/ops.ts';
import { Random } from '../../src/graph/random.ts';
import type { Tensor } from '../../src/graph/tensor.ts';
import { sizeOf } from '../../src/graph/tensor.ts';
import { clipTextConfig, clipTokenEmbedding } from '../../src/models/clip-text.ts';
import { readContextualizerConfig, textEncoderHash, writeContextualizer } from '../../src/models/contextualizer-file.ts';
import { loadModel } from '../../src/models/load.ts';
import { initialValue } from '../../src/nn/initialize.ts';
import { Parameters, stateSource } from '../../src/nn/parameters.ts';
import { mlmLoss } from '../../src/objectives/mlm.ts';
import { contextualizerFor, MaskedCaptions } from '../../src/pretrain/contextualizer.ts';
import type { ContextualizerShape, TextModel } from '../../src/pretrain/contextualizer.ts';
import { runContextualizer } from '../../src/pretrain/contextualizer-run.ts';
import type { ContextualizerResult, ContextualizerRun } from '../../src/pretrain/contextualizer-run.ts';
import { grammarCorpus, holdOut, readCorpora } from '../../src/pretrain/corpora.ts';
import { ClipTokenizer, trainBpe } from '../../src/text/tokenizer.ts';
import { scratch } from '../scratch.ts';

const engine = new Engine({ threads: 1 });
afterAll(() => engine.close());

const places = ['in the sea', 'on a hill', 'by a lake'];
const captions = ['dog', 'cat', 'cow', 'hen', 'fox'].flatMap((animal) =>
  places.flatMap((place) => ['a big', 'a small', 'the old'].map((start) => `${start} ${animal} ${place}`)),
);
const { vocab, merges } = trainBpe(captions);
const tokenizer = new ClipTokenizer(vocab, merges);
const text = clipTextConfig.parse({
  vocab_size: tokenizer.vocabularySize,
  hidden_size: 16,
  intermediate_size: 32,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  max_position_embeddings: 12,
});

/** A random text encoder, and the tensors that it has been asked for. */
function encoder(seed: number): { model: TextModel; tensors: Record<string, NewTensor> } {
  const tensors: Record<string, NewTensor> = {};
  const made = new Map<string, Tensor>();
  const textEncoder = new Parameters((name, shape) => {
    if (!made.has(name)) {
      tensors[name] = { data: initialValue(name, shape, new Random(seed)).map((x) => (shape.length > 1 ? 4 * x : x)), shape };
      made.set(name, constant(tensors[name].data, shape));
    }
    return made.get(name)!;
  });
  return { model: { textEncoder, text, tokenizer }, tensors };
}

async function run(model: TextModel, work: string, more: Partial<ContextualizerRun> = {}): Promise<ContextualizerResult> {
  const training = runContextualizer(engine, model, captions, {
    config: contextualizerFor(text, { depth: 1 }),
    batchSize: 8, maskRate: 0.15, learningRate: 0.02, epochs: 12, steps: 1000, patience: 12, heldOut: 0.1, seed: 3, work, ...more,
  }); // prettier-ignore
  for (;;) {
    const next = await training.next();
    if (next.done === true) return next.value;
  }
}

test('it learns: held-out perplexity falls from epoch to epoch, far below guessing', async () => {
  const { evaluations, best, weights } = await run(encoder(1).model, join(await scratch(), 'work'));
  expect(evaluations.length).toBe(12);
  expect(best.perplexity).toBeLessThan(evaluations[0]!.perplexity / 3);
  expect(best.perplexity).toBe(Math.min(...evaluations.map(({ perplexity }) => perplexity)));
  expect(Object.keys(weights)).toContain('mask_embedding');
});

test('a run that was interrupted goes on to the same ψ', async () => {
  const folder = await scratch();
  const whole = await run(encoder(1).model, join(folder, 'whole'), { epochs: 4 });
  const controller = new AbortController();
  const { model } = encoder(1);
  const options = {
    config: contextualizerFor(text, { depth: 1 }),
    batchSize: 8,
    maskRate: 0.15,
    learningRate: 0.02,
    epochs: 4,
    steps: 1000,
    patience: 12,
    heldOut: 0.1,
    seed: 3,
    work: join(folder, 'broken'),
  };
  const first = runContextualizer(engine, model, captions, { ...options, signal: controller.signal });
  await expect(
    (async () => {
      for (let n = 0; ; n++) {
        if (n === 9) controller.abort();
        if ((await first.next()).done === true) return;
      }
    })(),
  ).rejects.toMatchObject({ name: 'AbortError' });
  expect(existsSync(join(folder, 'broken', 'checkpoint.safetensors'))).toBe(true);
  const resumed = await run(model, join(folder, 'broken'), { epochs: 4 });
  expect(resumed.evaluations).toEqual(whole.evaluations);
  expect(resumed.weights.mask_embedding!.data).toEqual(whole.weights.mask_embedding!.data);
  await expect(run(model, join(folder, 'broken'), { epochs: 4, learningRate: 0.5 })).rejects.toThrow(
    `${join(folder, 'broken')} holds an unfinished run of another learningRate: go on with the same request, or remove the folder to begin anew`,
  );
});

test('it stops where the held-out loss no longer falls, and keeps the best epoch', async () => {
  const result = await run(encoder(1).model, join(await scratch(), 'work'), { epochs: 200, steps: 1200, patience: 3, learningRate: 0.05 });
  expect(result.stoppedEarly).toBe(true);
  expect(result.evaluations.length).toBeLessThan(200);
  expect(result.evaluations.at(-1)!.epoch - result.best.epoch).toBe(3);
});

test.each<ContextualizerShape>([
  {},
  { head: 'tied' },
  { width: 8, heads: 2 },
  { width: 24, heads: 3, depth: 1, head: 'tied' },
  { depth: 0 },
])('shape %j: the head at masked positions alone gives the loss and gradients of the whole', async (shape) => {
  const { model } = encoder(2);
  const config = contextualizerFor(text, shape);
  const masked = new MaskedCaptions(tokenizer, { batchSize: 4, length: 8, maskRate: 0.3 });
  const { source, tensors } = stateSource();
  const part = masked.losses(model, new Parameters(source), config);
  const ids = input('ids', [4, 8], 'int32');
  const whole = mlmLoss(
    { textEncoder: model.textEncoder, text, contextualizer: new Parameters(source), config, base: model.textEncoder },
    clipTokenEmbedding(model.textEncoder, text, ids),
    ids,
    input('mask', [4, 8]),
  );
  await engine.setState(
    Object.fromEntries(
      [...tensors].map(([name, { shape: size }]) => [name, { data: new Random(5).fork(name).normals(sizeOf(size)), shape: size }]),
    ),
  );
  const { feeds } = masked.batch(captions.slice(0, 4), new Random(6));
  const targets = [...tensors.values()];
  const outputs = (loss: Tensor, accuracy: Tensor): Record<string, Tensor> => ({
    loss,
    accuracy,
    ...Object.fromEntries(gradients(loss, targets).map((g, i) => [`g${i}`, g])),
  });
  const a = await evaluate(engine, outputs(part.loss, part.accuracy), feeds);
  const b = await evaluate(engine, outputs(whole.loss, whole.accuracy), { ids: feeds.ids!, mask: feeds.mask! });
  for (const name of Object.keys(b)) b[name]!.forEach((x, i) => expect(a[name]![i]).toBeCloseTo(x, 4));
  await engine.dropState([...tensors.keys()]);
});

test('one file that knows its text encoder, and refuses another by weights and by shape', async () => {
  const folder = await scratch();
  const [mine, other] = [encoder(1), encoder(2)];
  const { weights } = await run(mine.model, join(folder, 'work'), { epochs: 1 });
  await run(other.model, join(folder, 'other work'), { epochs: 1 });
  const [a, b] = [join(folder, 'a.safetensors'), join(folder, 'b.safetensors')];
  await writeSafetensors(a, mine.tensors);
  await writeSafetensors(b, other.tensors);
  const [own, foreign] = [(await openSafetensors(a)).tensors, (await openSafetensors(b)).tensors];
  const path = join(folder, 'psi.safetensors');
  const config = contextualizerFor(text, { depth: 1 });
  await writeContextualizer(path, weights, config, textEncoderHash(own));
  expect(await readContextualizerConfig(path, text, own)).toEqual(config);
  await expect(readContextualizerConfig(path, text, foreign)).rejects.toThrow(
    `${path} was trained with a text encoder of other weights (${textEncoderHash(own).slice(0, 12)}…, this one is ${textEncoderHash(foreign).slice(0, 12)}…): pretrain a contextualizer for this model`,
  );
  await expect(readContextualizerConfig(path, { ...text, hidden_size: 768, vocab_size: 49408 }, own)).rejects.toThrow(
    `${path} is for a text encoder of width 16 and ${text.vocab_size} tokens; this one has 768 and 49408: pretrain a contextualizer for this model`,
  );
  await expect(readContextualizerConfig(a, text, own)).rejects.toThrow(
    `${a} is no contextualizer: name a file that contextura pretrain contextualizer has written`,
  );
  // Stored in half precision, the same numbers are the same encoder.
  const halves = Object.fromEntries(
    Object.entries(mine.tensors).map(([name, { shape }]) => [name, { data: new Float32Array(sizeOf(shape)).fill(0.5), shape }]),
  );
  const [full, half] = [join(folder, 'full.safetensors'), join(folder, 'half.safetensors')];
  await writeSafetensors(full, halves);
  await writeSafetensors(half, halves, {}, 'F16');
  expect(textEncoderHash((await openSafetensors(half)).tensors)).toBe(textEncoderHash((await openSafetensors(full)).tensors));
  expect((await readTensor(await openSafetensors(path), 'mask_embedding')).length).toBe(16);
});

test('the embedded model keeps its contextualizer, whose configuration is a folder’s', async () => {
  const { contextualizer } = await loadModel('assets/tiny');
  expect(contextualizer!.config).toMatchObject({ vocabulary_head: 'free', num_hidden_layers: 2, hidden_size: 128 });
});

test('corpora: text, COCO, the grammar, mixed; what is wrong is told in a line', async () => {
  const folder = await scratch();
  const write = async (name: string, content: string | Buffer): Promise<string> => {
    await writeFile(join(folder, name), content);
    return join(folder, name);
  };
  const lines = await write('lines.txt', `${captions.slice(0, 12).join('\n')}\n\n`);
  const coco = await write(
    'coco.json',
    JSON.stringify({ annotations: captions.slice(6, 20).map((caption, id) => ({ id, caption: ` ${caption}\n` })) }),
  );
  const mixed = await readCorpora([lines, coco], { token: '<v>', seed: 0 });
  expect(mixed).toEqual({ captions: captions.slice(0, 20), sources: { [lines]: 12, [coco]: 8 } });
  const bad = (path: string, message: string): Promise<void> =>
    expect(readCorpora([path], { token: '<v>', seed: 0 })).rejects.toThrow(message);
  const empty = await write('empty.txt', '\n \n');
  await bad(empty, `--corpus ${empty} holds no captions: one a line is expected`);
  const concept = await write('concept.txt', 'a dog\na <v> dog\n');
  await bad(
    concept,
    `--corpus ${concept}: line 2 holds <v>: a contextualizer is pretrained without the concept, on captions of ordinary words`,
  );
  const prompts = await write('prompts.txt', 'a {subject} in a cave\n');
  await bad(prompts, `--corpus ${prompts}: line 1 holds {subject}:`);
  const few = await write('few.txt', 'a dog\na cat\n');
  await bad(few, `--corpus ${few}: 2 captions are too few to learn from and to hold some out: at least 10 are needed`);
  const odd = await write('odd.json', '{"images": []}');
  await bad(
    odd,
    `--corpus ${odd} is no COCO captions file: JSON with annotations, each with a caption, is expected, or a text file with one caption a line`,
  );
  const latin = await write('latin.txt', Buffer.from('a dog\na caf\xe9\na cat\n', 'latin1'));
  await bad(latin, `--corpus ${latin}: line 2 is not UTF-8: save the file as UTF-8, or name another`);
  const wide = await write('wide.json', Buffer.from('{"annotations": []}', 'utf16le'));
  await bad(wide, `--corpus ${wide}: line 1 is not UTF-8: save the file as UTF-8, or name another`);
  const marked = await write(
    'marked.json',
    `\uFEFF${JSON.stringify({ annotations: captions.slice(0, 10).map((caption) => ({ caption })) })}`,
  );
  expect((await readCorpora([marked], { token: '<v>', seed: 0 })).captions).toEqual(captions.slice(0, 10));
  await bad(join(folder, 'none.txt'), `--corpus ${join(folder, 'none.txt')} cannot be read`);
  const grammar = await grammarCorpus(5, 0);
  expect(grammar.length).toBeGreaterThan(400);
  expect(grammar.filter((caption) => /\{|\ba umbrella|\ba apple|\ba owl/.test(caption))).toEqual([]);
  const { training, heldOut } = holdOut(captions, 0.2, 1);
  expect([...training, ...heldOut].toSorted()).toEqual(captions.toSorted());
  expect(heldOut).toHaveLength(Math.round(0.2 * captions.length));
}, 30_000);
