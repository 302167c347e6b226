import { afterAll, expect, test } from 'vitest';
import { Engine } from '../../src/graph/engine.ts';
import { gradients } from '../../src/graph/gradient.ts';
import { input } from '../../src/graph/ops.ts';
import { Random } from '../../src/graph/random.ts';
import { sizeOf } from '../../src/graph/tensor.ts';
import { embedTokens } from '../../src/methods/concept.ts';
import { methodOf } from '../../src/methods/index.ts';
import { unadapted } from '../../src/methods/method.ts';
import { loadModel } from '../../src/models/load.ts';
import { Parameters, stateSource } from '../../src/nn/parameters.ts';
import { mlmLoss } from '../../src/objectives/mlm.ts';

const engine = new Engine();
afterAll(() => engine.close());

test('a tied head stays as it was while the text encoder is trained: only the words that are read have a gradient', async () => {
  const model = await loadModel('assets/tiny');
  const [method, settings] = [methodOf('dreambooth'), { vectors: 1, rank: 4, loraText: false }];
  const trained = stateSource();
  const { textEncoder } = method.adapt(unadapted(model), settings, trained.source);
  const psi = stateSource('psi.');
  const config = { ...model.contextualizer!.config, vocabulary_head: 'tied' as const };
  const [ids, mask] = [input('ids', [1, 8], 'int32'), input('mask', [1, 8])];
  const parts = { textEncoder: textEncoder.parameters, text: textEncoder.config, contextualizer: new Parameters(psi.source), config };
  const { loss } = mlmLoss({ ...parts, base: model.textEncoder.parameters }, embedTokens(textEncoder, ids), ids, mask);
  const table = trained.tensors.get('text_encoder.text_model.embeddings.token_embedding.weight')!;
  const program = await engine.compile({ outputs: { gradient: gradients(loss, [table])[0]! } });

  const initial = method.initial(model, settings, { rows: { data: new Float32Array(128), shape: [1, 128] }, seed: 0 });
  const random = new Random(1);
  await engine.setState({
    ...Object.fromEntries(Object.entries(initial).filter(([name]) => name.startsWith('text_encoder.'))),
    ...Object.fromEntries(
      [...psi.tensors].map(([name, { shape }]) => [
        `psi.${name}`,
        {
          data: random
            .fork(name)
            .normals(sizeOf(shape))
            .map((x) => 0.05 * x),
          shape,
        },
      ]),
    ),
  });
  const words = model.tokenizer.pad('a photo of a dog', 8);
  const { gradient } = await program.run({ ids: words, mask: Float32Array.of(0, 0, 0, 0, 0, 1, 0, 0) });
  const width = table.shape[1]!;
  const rows = Array.from({ length: table.shape[0]! }, (_, i) => i).filter((i) =>
    (gradient as Float32Array).subarray(i * width, (i + 1) * width).some((x) => x !== 0),
  );
  expect(rows.length).toBeGreaterThan(0);
  expect(rows.filter((i) => !words.includes(i))).toEqual([]);
});
