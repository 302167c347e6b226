/**
 * The paper's propositions, measured: the concept's share of self-attention and how near the context comes to it (1), the
 * MLM loss gap against the context's drift (2), the gap of cross-attention logits against the distance of states (4).
 */
import { input, multiply, reshape, sqrt, square, sum } from '../graph/ops.ts';
import { Random } from '../graph/random.ts';
import type { Tensor } from '../graph/tensor.ts';
import { sizeOf } from '../graph/tensor.ts';
import { embedTokens } from '../methods/concept.ts';
import { atLayer, conditioning } from '../methods/method.ts';
import { clipText } from '../models/clip-text.ts';
import { contextualizer, maskTokens } from '../models/contextualizer.ts';
import { crossAttentionLayers, unet } from '../models/unet.ts';
import { crossEntropy } from '../nn/losses.ts';
import type { Probe, ReadPrompt } from './probe.ts';

/** A measured quantity beside what it is bounded by, or set against. */
export type Point = readonly [x: number, y: number];

export interface Theory {
  /** Γ's layers: from a context token, the share to the concept and the mean share to one other token, start aside. */
  selfAttention: { layer: number; concept: number; other: number }[];
  /** ‖c_i − c_*‖ of text states, mean. */
  stateDistance: number;
  /** Of the last layer's attention outputs: ‖o_i − o_*‖ against its bound Σ|A_i − A_*|·max‖V‖. */
  outputs: Point[];
  /** Context tokens hidden one by one: ‖c_b − ĉ_b‖ against L_mlm(c_b) − L_mlm(ĉ_b); empty without a contextualizer. */
  mlm: Point[];
  /** First sampling step, by cross-attention layer: α‖c_i − c_*‖ against ‖M_i − M_*‖. */
  logits: { layer: string; points: Point[] }[];
}

const distance = (a: Float32Array, b: Float32Array): number => Math.hypot(...a.map((x, i) => x - b[i]!));
const rowOf = (states: Float32Array, at: number, width: number): Float32Array => states.subarray(at * width, (at + 1) * width);
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** Rows of ids for a batch; those that are missing repeat the last. */
function packed(rows: readonly Int32Array[], batch: number): Int32Array {
  const length = rows[0]!.length;
  const out = new Int32Array(batch * length);
  for (let i = 0; i < batch; i++) out.set(rows[Math.min(i, rows.length - 1)]!, i * length);
  return out;
}

/** Proposition 1. Where each layer has prompts of its own, those of the first. */
async function selfAttention(
  probe: Probe,
  read: readonly ReadPrompt[],
  batch: number,
): Promise<Pick<Theory, 'selfAttention' | 'stateDistance' | 'outputs'>> {
  const { length, width, adapted } = probe;
  const { num_attention_heads: heads, num_hidden_layers: layers } = adapted.textEncoder.config;
  const seen: Record<string, Tensor> = {};
  const states = probe.text(input('ids', [batch, length], 'int32'), (layer, { probabilities, values }) => {
    seen[`attention${layer}`] = probabilities;
    if (layer === layers - 1) seen.values = values;
  });
  const program = await probe.engine.compile({ outputs: { states, ...seen } });
  const shares = Array.from({ length: layers }, () => ({ concept: [] as number[], other: [] as number[] }));
  const distances: number[] = [];
  const outputs: Point[] = [];
  const size = width / heads;
  for (let from = 0; from < read.length; from += batch) {
    const part = read.slice(from, from + batch);
    const ids = packed(
      part.map((one) => atLayer(one.ids.with, adapted.groups, 0)),
      batch,
    );
    const out = (await program.run({ ids })) as Record<string, Float32Array>;
    for (const [b, { concept, context }] of part.entries()) {
      const weight = (layer: number, head: number, i: number, j: number): number =>
        out[`attention${layer}`]![((b * heads + head) * length + i) * length + j]!;
      const value = (head: number, j: number): Float32Array => rowOf(out.values!, (b * heads + head) * length + j, size);
      const last = concept.at(-1)!;
      for (const i of context.with) {
        for (let layer = 0; layer < layers; layer++) {
          let [own, rest] = [0, 0];
          for (let head = 0; head < heads; head++)
            for (let j = 1; j <= i; j++) {
              if (concept.includes(j)) own += weight(layer, head, i, j) / heads;
              else rest += weight(layer, head, i, j) / heads;
            }
          shares[layer]!.concept.push(own);
          shares[layer]!.other.push(rest / (i - concept.length));
        }
        const at = b * length;
        distances.push(distance(rowOf(out.states!, at + i, width), rowOf(out.states!, at + last, width)));
        let [gap, bound] = [0, 0];
        for (let head = 0; head < heads; head++) {
          const difference = new Float32Array(size);
          let [total, longest] = [0, 0];
          for (let j = 0; j <= i; j++) {
            const change = weight(layers - 1, head, i, j) - weight(layers - 1, head, last, j);
            const own = value(head, j);
            total += Math.abs(change);
            longest = Math.max(longest, Math.hypot(...own));
            own.forEach((x, k) => (difference[k]! += change * x));
          }
          gap += difference.reduce((a, x) => a + x * x, 0);
          bound += (total * longest) ** 2;
        }
        outputs.push([Math.sqrt(bound), Math.sqrt(gap)]);
      }
    }
  }
  await program.release();
  return {
    selfAttention: shares.map(({ concept, other }, layer) => ({ layer, concept: mean(concept), other: mean(other) })),
    stateDistance: mean(distances),
    outputs,
  };
}

/** Proposition 2. */
async function mlmGaps(probe: Probe, read: readonly ReadPrompt[], batch: number): Promise<Point[]> {
  const psi = probe.run.model.contextualizer;
  if (psi === undefined) return [];
  const { length, width, adapted } = probe;
  const { textEncoder, rows, groups } = adapted;
  const ids = input('ids', [batch, length], 'int32');
  const [mask, targets] = [input('mask', [batch, length]), input('targets', [batch, length], 'int32')];
  const tokens = maskTokens(psi.parameters, psi.config, embedTokens(textEncoder, ids, rows), mask);
  const states = clipText(textEncoder.parameters, textEncoder.config, tokens);
  const { vocab_size: vocabulary, hidden_size: columns } = textEncoder.config;
  const table = textEncoder.parameters.get('text_model.embeddings.token_embedding.weight', [vocabulary, columns]);
  const losses = crossEntropy(contextualizer(psi.parameters, psi.config, states, table), targets);
  const program = await probe.engine.compile({ outputs: { states, loss: sum(multiply(losses, mask), [1]) } });
  const hidden = read.flatMap((one) =>
    one.context.with.map((at, k) => [
      { ids: one.ids.with, at },
      { ids: one.ids.without, at: one.context.without[k]! },
    ]),
  );
  const rowsOf = hidden.flat();
  const found: { loss: number; state: Float32Array }[] = [];
  for (let from = 0; from < rowsOf.length; from += batch) {
    const part = rowsOf.slice(from, from + batch);
    const feed = packed(
      part.map((one) => atLayer(one.ids, groups, 0)),
      batch,
    );
    const hide = new Float32Array(batch * length);
    part.forEach(({ at }, i) => (hide[i * length + at] = 1));
    const wanted = feed.map((id) => (id < psi.config.vocab_size ? id : 0));
    const out = (await program.run({ ids: feed, mask: hide, targets: wanted })) as Record<string, Float32Array>;
    part.forEach(({ at }, i) => found.push({ loss: out.loss![i]!, state: rowOf(out.states!, i * length + at, width).slice() }));
  }
  await program.release();
  return hidden.map((_, i) => {
    const [own, plain] = [found[2 * i]!, found[2 * i + 1]!];
    return [distance(own.state, plain.state), own.loss - plain.loss];
  });
}

/** Proposition 4, over the first step of sampling: pure noise at the last timestep. */
async function logitGaps(probe: Probe, read: readonly ReadPrompt[], batch: number, seed: number): Promise<Theory['logits']> {
  const { adapted, length, width } = probe;
  const { unet: denoiser, layers, groups, unetOptions } = adapted;
  const { in_channels: channels, sample_size: side } = denoiser.config;
  const ids = input('ids', [layers * batch, length], 'int32');
  const states = probe.text(ids);
  const latents = input('latents', [batch, channels, side, side]);
  const names = crossAttentionLayers(denoiser.config);
  const seen: Record<string, Tensor> = { states };
  const shapes: { heads: number; positions: number; size: number }[] = [];
  const text = conditioning(states, layers);
  unet(denoiser.parameters, denoiser.config, latents, input('timesteps', [batch]), text, {
    ...unetOptions,
    onAttention: (layer, { scores, queries }) => {
      const [, heads, positions, size] = queries.shape as [number, number, number, number];
      shapes[layer] = { heads, positions, size };
      const keys = names[layer]!.prefix.split('.')
        .reduce((p, name) => p.in(name), denoiser.parameters)
        .in('to_k');
      const weight = reshape(keys.get('weight', [heads * size, width]), [heads, size * width]);
      seen[`scores${layer}`] = scores;
      seen[`alpha${layer}`] = multiply(sqrt(sum(square(queries), [2, 3])), reshape(sqrt(sum(square(weight), [1])), [1, heads]));
    },
  });
  const program = await probe.engine.compile({ outputs: seen });
  const points: Point[][] = shapes.map(() => []);
  for (let from = 0; from < read.length; from += batch) {
    const part = read.slice(from, from + batch);
    const feed = new Int32Array(layers * batch * length);
    for (let layer = 0; layer < layers; layer++)
      feed.set(
        packed(
          part.map((one) => atLayer(one.ids.with, groups, layer)),
          batch,
        ),
        layer * batch * length,
      );
    const noise = new Float32Array(sizeOf(latents.shape));
    const each = noise.length / batch;
    part.forEach((_, i) => noise.set(new Random(seed).fork('picture', from + i).normals(each), i * each));
    const timesteps = new Float32Array(batch).fill(probe.run.model.scheduler.num_train_timesteps - 1);
    const out = (await program.run({ ids: feed, latents: noise, timesteps })) as Record<string, Float32Array>;
    for (const [layer, { heads, positions, size }] of shapes.entries())
      for (const [b, { concept, context }] of part.entries()) {
        const first = ((layers === 1 ? 0 : layer * batch) + b) * length;
        const last = concept.at(-1)!;
        for (const i of context.with) {
          const apart = distance(rowOf(out.states!, first + i, width), rowOf(out.states!, first + last, width));
          let [gap, bound] = [0, 0];
          for (let head = 0; head < heads; head++) {
            for (let q = 0; q < positions; q++) {
              const row = ((b * heads + head) * positions + q) * length;
              gap += size * (out[`scores${layer}`]![row + i]! - out[`scores${layer}`]![row + last]!) ** 2;
            }
            bound += (out[`alpha${layer}`]![b * heads + head]! * apart) ** 2;
          }
          points[layer]!.push([Math.sqrt(bound), Math.sqrt(gap)]);
        }
      }
  }
  await program.release();
  return points.map((own, layer) => ({ layer: names[layer]!.name, points: own }));
}

/** Measures what the propositions speak of. */
export async function measureTheory(probe: Probe, read: readonly ReadPrompt[], options: { batch: number; seed: number }): Promise<Theory> {
  const { batch, seed } = options;
  return {
    ...(await selfAttention(probe, read, batch)),
    mlm: await mlmGaps(probe, read, batch),
    logits: await logitGaps(probe, read, Math.min(batch, 8), seed),
  };
}

/** Pearson's correlation, and the largest ratio y/x: the least constant that makes y ≤ constant · x hold on all points. */
export function relation(points: readonly Point[]): { correlation: number; constant: number; n: number } {
  const [mx, my] = [mean(points.map(([x]) => x)), mean(points.map(([, y]) => y))];
  let [xy, xx, yy] = [0, 0, 0];
  for (const [x, y] of points) {
    xy += (x - mx) * (y - my);
    xx += (x - mx) ** 2;
    yy += (y - my) ** 2;
  }
  const constant = points.reduce((most, [x, y]) => (x > 0 ? Math.max(most, y / x) : most), -Infinity);
  return { correlation: xy / Math.sqrt(xx * yy), constant, n: points.length };
}
