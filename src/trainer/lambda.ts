/** λ by measurement: how hard each objective pulls at the concept token before training begins. */
import type { Engine } from '../graph/engine.ts';
import { gradients } from '../graph/gradient.ts';
import { add, sqrt, square, sum } from '../graph/ops.ts';
import { topologicalOrder } from '../graph/tensor.ts';
import type { Tensor } from '../graph/tensor.ts';
import { onDemand } from '../graph/values.ts';
import type { Method, Weights } from '../methods/method.ts';
import { unadapted } from '../methods/method.ts';
import type { DiffusionModel } from '../models/load.ts';
import { stateSource } from '../nn/parameters.ts';
import { objectives } from './step.ts';
import type { StepSettings, TrainingData } from './step.ts';

/** How hard the MLM objective pulls beside the denoising one under `--lambda auto`. */
export const autoBalance = 1;

/** Batches that are asked. */
export const lambdaBatches = 16;

const norm = (all: readonly Tensor[]): Tensor => sqrt(all.map((g) => sum(square(g))).reduce((a, b) => add(a, b)));
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

/**
 * The λ at which λ·‖∂L_mlm‖ is `balance` times ‖∂L_diff‖, medians over the run's first batches with the
 * weights as they begin. The gradients are those of the concept token, or of all that is trained on the
 * text side where a method learns no token. A number from 0 to 100.
 */
export async function balancedLambda(
  engine: Engine,
  model: DiffusionModel,
  method: Method,
  initial: Weights,
  data: TrainingData,
  settings: StepSettings,
  balance: number,
): Promise<number> {
  const { source, tensors } = stateSource();
  const adapted = method.adapt(unadapted(model), settings, source);
  const { diffusion, mlm, feeds } = objectives(model, adapted, data, { ...settings, lambda: 1 });
  const concept = tensors.get('concept');
  const reached = new Set(topologicalOrder([mlm!]));
  const targets = concept === undefined ? [...tensors.values()].filter((tensor) => reached.has(tensor)) : [concept];
  const options = { sparing: engine.lowMemory };
  const program = await engine.compile({
    outputs: { diffusion: norm(gradients(diffusion, targets, options)), mlm: norm(gradients(mlm!, targets, options)) },
  });
  const names = [...tensors.keys()];
  await engine.setState(Object.fromEntries(names.map((name) => [name, onDemand(tensors.get(name)!.shape, () => initial[name]!.data)])));
  const [ofDiffusion, ofMlm]: [number[], number[]] = [[], []];
  for (let step = 0; step < lambdaBatches; step++) {
    const out = await program.run(feeds(step, 0));
    ofDiffusion.push(out.diffusion![0]!);
    ofMlm.push(out.mlm![0]!);
  }
  await program.release();
  await engine.dropState(names);
  return Math.min(100, (balance * median(ofDiffusion)) / Math.max(1e-12, median(ofMlm)));
}
