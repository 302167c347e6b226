/**
 * Separately learned Custom Diffusion concepts in one model, in closed form (Kumari et al., 2023, equation 4): new
 * projections Ŵ that give each concept's words what its own run gives them, and change all other text least.
 */
import { CholeskyDecomposition, Matrix, solve } from 'ml-matrix';
import { UserError } from '../errors.ts';
import { valuesOf } from '../files/constants.ts';
import type { Engine } from '../graph/engine.ts';
import { constant, input } from '../graph/ops.ts';
import { embedTokens, joined } from '../methods/concept.ts';
import { nameOf, tokenizerFor } from '../methods/learned.ts';
import type { Learned } from '../methods/learned.ts';
import type { Weight, Weights } from '../methods/method.ts';
import { clipText } from '../models/clip-text.ts';
import type { DiffusionModel } from '../models/load.ts';
import { objectTemplates } from '../text/templates.ts';

const templates = objectTemplates.slice(0, 3);

/** The text states at the chosen positions of prompts, a row each. */
async function statesOf(
  engine: Engine,
  model: DiffusionModel,
  learned: Learned | undefined,
  prompts: readonly string[],
  positionsOf: (ids: Int32Array) => readonly number[],
): Promise<number[][]> {
  const { textEncoder } = model;
  const { max_position_embeddings: length, hidden_size: width } = textEncoder.config;
  const tokenizer = tokenizerFor(model, learned === undefined ? [] : [learned]);
  const rows = learned && constant(learned.weights.concept!.data, learned.weights.concept!.shape);
  const ids = input('ids', [1, length], 'int32');
  const program = await engine.compile({
    outputs: { states: clipText(textEncoder.parameters, textEncoder.config, embedTokens(textEncoder, ids, rows)) },
  });
  const out: number[][] = [];
  for (const prompt of prompts) {
    const row = tokenizer.pad(prompt, length);
    const { states } = await program.run({ ids: row });
    for (const position of positionsOf(row)) out.push([...states!.subarray(position * width, (position + 1) * width)]);
  }
  await program.release();
  return out;
}

/** Ŵ of one projection: W₀ + (V − W₀ Cᵀ)(d Cᵀ)⁻¹ d with d = C (C_regᵀ C_reg)⁻¹, all in rows of states. */
function constrained(before: Weight, regular: CholeskyDecomposition, targets: Matrix, outputs: Matrix): Weight {
  const [rows, columns] = before.shape as [number, number];
  const w = Matrix.from1DArray(rows, columns, before.data);
  const d = regular.solve(targets.transpose()).transpose(); // [targets, columns]
  const missing = outputs.transpose().sub(w.mmul(targets.transpose())); // [rows, targets]
  const change = solve(d.mmul(targets.transpose()).transpose(), missing.transpose()).transpose().mmul(d);
  return { data: Float32Array.from(w.add(change).to1DArray()), shape: before.shape };
}

/**
 * @param captions ordinary sentences whose reading is to change least; more of them than the states are wide
 * Throws a UserError where these are not Custom Diffusion concepts with words of their own.
 */
export async function merge(
  engine: Engine,
  model: DiffusionModel,
  parts: readonly Learned[],
  captions: readonly string[],
): Promise<Learned> {
  if (parts.length < 2) throw new UserError('merge takes two artefacts or more');
  const stranger = parts.find(({ method }) => method.name !== 'custom-diffusion');
  if (stranger !== undefined)
    throw new UserError(`merge joins what custom-diffusion has learned, and one of these is ${stranger.method.name}'s`);
  const words = parts.flatMap((part) => part.words);
  const twice = words.find(({ token }, i) => words.findIndex((other) => other.token === token) !== i);
  if (twice !== undefined) throw new UserError(`two of these subjects are called ${twice.token}: learn one again with another --token`);
  const each = new Set(parts.map(({ settings, words: own }) => settings.vectors / own.length));
  if (each.size > 1) throw new UserError('these words have different numbers of vectors: learn them with the same --vectors');

  const { vocab_size: vocabulary } = model.textEncoder.config;
  const everyWord = (ids: Int32Array): number[] => [...ids.keys()].filter((i) => i === 0 || ids[i - 1] !== ids.at(-1));
  const regularRows = new Matrix(await statesOf(engine, model, undefined, captions, everyWord));
  const gram = regularRows.transpose().mmul(regularRows);
  const ridge = (1e-6 * gram.trace()) / gram.rows;
  const regular = new CholeskyDecomposition(gram.add(Matrix.eye(gram.rows, gram.rows, ridge)));
  if (!regular.isPositiveDefinite()) throw new UserError(`${captions.length} captions are too few to merge with: give more`);

  const targets: number[][] = [];
  const owners: Learned[] = [];
  for (const part of parts)
    for (const word of part.words) {
      const classWords = new Set(model.tokenizer.encode(word.className ?? ''));
      const named = (ids: Int32Array): number[] => [...ids.keys()].filter((i) => ids[i]! >= vocabulary || classWords.has(ids[i]!));
      const prompts = templates.map((template) => template.replace('{}', nameOf(word)));
      const states = await statesOf(engine, model, part, prompts, named);
      targets.push(...states);
      owners.push(...states.map(() => part));
    }
  const c = new Matrix(targets);
  const weights: Weights = { concept: joined(parts.map((part) => part.weights.concept!)) };
  for (const name of Object.keys(parts[0]!.weights).filter((key) => key !== 'concept')) {
    const { shape } = parts[0]!.weights[name]!;
    const before = { data: valuesOf(model.unet.parameters.get(name.slice('unet.'.length), shape)), shape };
    const outputs = new Matrix(
      targets.map((state, i) => {
        const own = Matrix.from1DArray(shape[0]!, shape[1]!, owners[i]!.weights[name]!.data);
        return own.mmul(Matrix.columnVector(state)).to1DArray();
      }),
    );
    weights[name] = constrained(before, regular, c, outputs);
  }
  const [first] = parts as [Learned];
  return { ...first, settings: { ...first.settings, vectors: [...each][0]! * words.length }, words, weights, recipe: undefined };
}
