/** What the embedded model and its judges can do, on held-out data, against the gates that they must pass. */
import { areaUnderCurve, average } from '../evaluation/statistics.ts';
import { cosine } from '../evaluation/metrics.ts';
import type { Judges } from '../evaluation/judges.ts';
import { toPlanes as planesOf } from '../files/images.ts';
import type { Engine } from '../graph/engine.ts';
import { input } from '../graph/ops.ts';
import { Random } from '../graph/random.ts';
import { clipTokenEmbedding } from '../models/clip-text.ts';
import type { DiffusionModel } from '../models/load.ts';
import { vaeDecode, vaeEncode } from '../models/vae.ts';
import { mlmLoss } from '../objectives/mlm.ts';
import { Pipeline } from '../sampler/pipeline.ts';
import { drawMask } from '../text/masking.ts';
import { withSubject } from '../text/prompts.ts';
import { benchmarkContexts, evaluationPrompts } from '../world/captions.ts';
import { classes, classNames, drawIdentity } from '../world/identity.ts';
import { heldOutFrom } from '../world/sample.ts';
import { renderMask } from '../world/scene.ts';
import type { Scene } from '../world/scene.ts';
import { captionsOf, pictureSize, renderAll, scenesOf } from './data.ts';
import { pairedScenes } from './judges.ts';

export interface Gate {
  part: string;
  measure: string;
  value: number;
  least: number;
}

const heldOut = { identities: { first: heldOutFrom, count: 100_000_000 } };

async function planes(scenes: readonly Scene[]): Promise<Float32Array[]> {
  const bytes = await renderAll(scenes);
  const length = 3 * pictureSize ** 2;
  return scenes.map((_, i) => planesOf(bytes.subarray(i * length, (i + 1) * length), pictureSize));
}

async function vaePsnr(engine: Engine, model: DiffusionModel, pictures: readonly Float32Array[]): Promise<number> {
  const { parameters, config } = model.vae;
  const { mean } = vaeEncode(parameters, config, input('pixels', [1, 3, pictureSize, pictureSize]));
  const program = await engine.compile({ outputs: { decoded: vaeDecode(parameters, config, mean) } });
  const values: number[] = [];
  for (const pixels of pictures) {
    const decoded = (await program.run({ pixels })).decoded as Float32Array;
    const squared = average(Array.from(pixels, (x, i) => (Math.max(-1, Math.min(1, decoded[i]!)) - x) ** 2));
    values.push(10 * Math.log10(4 / squared));
  }
  await program.release();
  return average(values);
}

/** Rank of the right prompt among the 25, 0 being first, for each picture. */
async function ranks(
  judges: Judges,
  pictures: readonly Float32Array[],
  className: string,
  prompts: readonly string[],
  right: readonly number[],
): Promise<number[]> {
  const texts = await judges.texts(prompts.map((prompt) => withSubject(prompt, className)));
  const images = await judges.images(pictures);
  return images.map((image, i) => {
    const scores = texts.map((text) => cosine(image, text));
    return scores.filter((score) => score > scores[right[i]!]!).length;
  });
}

const within = (all: readonly number[], k: number): number => all.filter((rank) => rank < k).length / all.length;

/** ψ's accuracy at masked positions of held-out captions, and that of always guessing the most frequent word. */
async function maskedAccuracy(engine: Engine, model: DiffusionModel): Promise<{ accuracy: number; unigram: number }> {
  const { textEncoder, contextualizer: psi, tokenizer } = model;
  if (psi === undefined) return { accuracy: 0, unigram: 0 };
  const [batch, length] = [64, textEncoder.config.max_position_embeddings];
  const ids = input('ids', [batch, length], 'int32');
  const mask = input('mask', [batch, length]);
  const { parameters, config: text } = textEncoder;
  const parts = { textEncoder: parameters, text, contextualizer: psi.parameters, config: psi.config, base: parameters };
  const { accuracy } = mlmLoss(parts, clipTokenEmbedding(parameters, text, ids), ids, mask);
  const program = await engine.compile({ outputs: { accuracy } });
  const captions = captionsOf(scenesOf(901, 1024, heldOut), 901);
  const counts = new Map<number, number>();
  let [hits, total] = [0, 0];
  const random = new Random(902);
  for (let from = 0; from < captions.length; from += batch) {
    const rows = captions.slice(from, from + batch).map((caption) => tokenizer.pad(caption, length));
    const masks = rows.map((row) => drawMask(row, tokenizer, 0.15, random));
    rows.forEach((row, i) => row.forEach((id, j) => masks[i]![j] === 1 && counts.set(id, (counts.get(id) ?? 0) + 1)));
    const masked = masks.reduce((sum, row) => sum + row.reduce((a, b) => a + b, 0), 0);
    const out = await program.run({
      ids: Int32Array.from(rows.flatMap((row) => [...row])),
      mask: Float32Array.from(masks.flatMap((row) => [...row])),
    });
    hits += out.accuracy![0]! * masked;
    total += masked;
  }
  await program.release();
  return { accuracy: hits / total, unigram: Math.max(...counts.values()) / total };
}

/** Measures every gate. `size` scales how many pictures each takes. */
export async function measureGates(engine: Engine, model: DiffusionModel, judges: Judges, size = 1): Promise<Gate[]> {
  const scenes = scenesOf(900, Math.round(200 * size), heldOut);
  const pictures = await planes(scenes);
  const gates: Gate[] = [{ part: 'VAE', measure: 'PSNR, dB', value: await vaePsnr(engine, model, pictures), least: 28 }];

  const trueRanks: number[] = [];
  const drawnRanks: number[] = [];
  const pipeline = await Pipeline.create(engine, model, 25);
  for (const [k, className] of classNames.entries()) {
    const kind = classes[className];
    const [prompts, contextIds] = [evaluationPrompts(kind), benchmarkContexts[kind]];
    const own = contextIds.map((contextId, i) => ({
      identity: drawIdentity(className, heldOutFrom + 1000 * k + i),
      contextId,
      seed: 77 * k + i,
    }));
    const right = contextIds.map((_, i) => i);
    trueRanks.push(...(await ranks(judges, await planes(own), className, prompts, right)));
    const generated: Float32Array[] = [];
    for await (const { pixels } of pipeline.generate({
      prompts: prompts.map((prompt) => withSubject(prompt, className)),
      seed: 900 + k,
      sampler: 'dpm++',
      steps: 20,
      guidance: 4,
    }))
      generated.push(pixels);
    drawnRanks.push(...(await ranks(judges, generated, className, prompts, right)));
  }
  await pipeline.release();
  gates.push({ part: 'judge CLIP', measure: 'top-1 of 25, true renders', value: within(trueRanks, 1), least: 0.95 });
  gates.push({ part: 'generation', measure: 'top-1 of 25', value: within(drawnRanks, 1), least: 0.75 });
  gates.push({ part: 'generation', measure: 'top-5 of 25', value: within(drawnRanks, 5), least: 0.95 });

  const count = Math.round(300 * size);
  const pairs = pairedScenes(903, count, heldOutFrom + 200_000_000);
  const embeddings = await judges.identities(await planes(pairs));
  const [same, other]: [number[], number[]] = [[], []];
  for (let i = 0; i < count; i++)
    for (let j = 0; j < count; j++)
      if (pairs[2 * i]!.identity.className === pairs[2 * j + 1]!.identity.className)
        (i === j ? same : other).push(cosine(embeddings[2 * i]!, embeddings[2 * j + 1]!));
  gates.push({ part: 'judge DINO', measure: 'AUC within a class', value: areaUnderCurve(same, other), least: 0.95 });

  const masks = await judges.masks(pictures);
  const overlaps: number[] = [];
  for (const [i, scene] of scenes.entries()) {
    const truth = await renderMask(scene, pictureSize);
    let [both, either] = [0, 0];
    truth.forEach((value, j) => {
      const [a, b] = [value > 127, masks[i]![j]! > 0.5];
      both += Number(a && b);
      either += Number(a || b);
    });
    overlaps.push(either === 0 ? 1 : both / either);
  }
  gates.push({ part: 'segmenter', measure: 'IoU', value: average(overlaps), least: 0.9 });

  const { accuracy, unigram } = await maskedAccuracy(engine, model);
  gates.push({ part: 'contextualizer ψ', measure: 'masked-token accuracy', value: accuracy, least: 0.5 });
  gates.push({ part: 'contextualizer ψ', measure: 'ratio to the best unigram guess', value: accuracy / unigram, least: 2 });
  return gates;
}

export function gatesTable(gates: readonly Gate[]): string {
  const rows = gates.map(
    ({ part, measure, value, least }) => `| ${part} | ${measure} | ${least} | ${value.toFixed(3)} | ${value >= least ? 'yes' : '**no**'} |`,
  );
  return ['| part | measure | gate | measured | passes |', '|---|---|---|---|---|', ...rows].join('\n');
}

export const assetsReadme = (gates: readonly Gate[]): string => `# The embedded model and its judges

\`tiny/\` is a latent diffusion model of 64 × 64 pixels in diffusers' folder layout; \`judges/\` are the CLIP, DINO and segmenter that score its pictures, trained from other seeds and other scenes. All were trained by this project on its own picture world (\`src/world\`) and are stored as float16. \`training.jsonl\` is the log.

Remake them with \`contextura pretrain tiny\`; what \`runs/tiny\` holds already stays, and a training that was interrupted goes on from its checkpoint. Measure them again with \`contextura pretrain tiny --only gates\`, which writes this table from held-out identities and scenes:

${gatesTable(gates)}

Pictures for the generation gate: 13 classes × 25 prompts with the class word, DPM-Solver++(2M), 20 steps, guidance 4. A gate that is not passed says so; [docs/experiments.md](../docs/experiments.md) has what is known of why.
`;
