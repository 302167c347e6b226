/**
 * Our half of oracle/embedded_ratio.py: training steps and pictures of the embedded model, measured on request.
 *
 * Writes first inputs, first weights and results to --out, says "ready", then answers each line {"case", "times"} with the
 * seconds that each of so many runs took on the clock and on the processor.
 */
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { writeSafetensors } from '../src/files/safetensors.ts';
import type { NewTensor } from '../src/files/safetensors.ts';
import { Engine } from '../src/graph/engine.ts';
import type { TypedArray } from '../src/graph/values.ts';
import { Random } from '../src/graph/random.ts';
import { loadModel } from '../src/models/load.ts';
import { tokensOf } from '../src/pretrain/clip.ts';
import { trainDenoiser } from '../src/pretrain/denoiser.ts';
import { trainVae } from '../src/pretrain/vae.ts';
import { readWeights } from '../src/pretrain/workshop.ts';
import { Pipeline } from '../src/sampler/pipeline.ts';
import { noiseStep } from '../src/sweep/bench.ts';

const { values } = parseArgs({
  options: {
    out: { type: 'string' },
    threads: { type: 'string', default: '1' },
    model: { type: 'string', default: 'assets/tiny' },
    pictures: { type: 'string', default: '10' },
    steps: { type: 'string', default: '20' },
    'vae-batch': { type: 'string', default: '8' },
    'denoiser-batch': { type: 'string', default: '32' },
  },
});

/** Keeps what the first run of each program was fed, and the first values of states. */
class Recorder extends Engine {
  feeds: Record<string, TypedArray> = {};
  states: Record<string, { data: TypedArray; shape: readonly number[] }> = {};
  override request(message: Parameters<Engine['request']>[0]): Promise<unknown> {
    if (message.kind === 'run') this.feeds = { ...structuredClone(message.feeds), ...this.feeds };
    if (message.kind === 'setState') this.states = { [message.name]: structuredClone(message), ...this.states };
    return super.request(message);
  }
  /** What came since the last call. */
  taken(): Pick<Recorder, 'feeds' | 'states'> {
    const { feeds, states } = this;
    [this.feeds, this.states] = [{}, {}];
    return { feeds, states };
  }
}

const engine = new Recorder({ threads: Number(values.threads) });
const model = await loadModel(values.model);
const first: Record<string, NewTensor> = {};
/** Keeps a case's inputs in the file, flat; the peer knows the shapes. */
function keep(name: string, { feeds }: Pick<Recorder, 'feeds'>): void {
  for (const [feed, data] of Object.entries(feeds)) first[`${name}.${feed}`] = { data: Float32Array.from(data), shape: [data.length] };
}

const cases: Record<string, () => Promise<unknown>> = {};

const textual = await noiseStep(engine, model, { batchSize: 4 });
let textualSteps = 0;
cases.ti = () => textual.step(textualSteps++);
const { diffusion } = await textual.step(textualSteps++);
const begun = engine.taken();
keep('ti', begun);
first['ti.loss'] = { data: Float32Array.of(diffusion), shape: [1] };
const { concept } = begun.states;
first['ti.concept'] = { data: Float32Array.from(concept!.data), shape: concept!.shape };

const prompts = Array.from({ length: Number(values.pictures) }, (_, i) => `a ${i % 2 === 0 ? 'dog' : 'teapot'} in the snow`);
const pipeline = await Pipeline.create(engine, model, prompts.length);
const draw = async (): Promise<Float32Array[]> => {
  const out: Float32Array[] = [];
  const options = { prompts, seed: 7, sampler: 'dpm++', steps: Number(values.steps), guidance: 4 } as const;
  for await (const { pixels } of pipeline.generate(options)) out.push(pixels);
  return out;
};
cases.sampling = draw;
engine.taken();
const drawn = await draw();
keep('sampling', engine.taken());
first['sampling.pixels'] = {
  data: Float32Array.from(drawn.flatMap((picture) => [...picture])),
  shape: [prompts.length * drawn[0]!.length],
};

const random = new Random(0);
const endless = { steps: 1e6, seed: 0, learningRate: 1e-4 };
const vae = trainVae(
  engine,
  Uint8Array.from(random.normals(16 * 3 * 64 * 64), (x) => Math.max(0, Math.min(255, 128 + 60 * x))),
  {
    ...endless,
    batchSize: Number(values['vae-batch']),
    config: model.vae.config,
    start: await readWeights(`${values.model}/vae/diffusion_pytorch_model.safetensors`),
  },
);
const captions = tokensOf(model.tokenizer, ['a photo of a red dog', 'a teapot on the beach']);
const { in_channels: channels, sample_size: side } = model.unet.config;
const denoiser = trainDenoiser(
  engine,
  { latents: random.normals(2 * channels * side * side), tokens: [captions], empty: tokensOf(model.tokenizer, ['']) },
  model.textEncoder.config,
  {
    ...endless,
    batchSize: Number(values['denoiser-batch']),
    config: model.unet.config,
    textEncoder: await readWeights(`${values.model}/text_encoder/model.safetensors`),
    start: Object.fromEntries(
      Object.entries(await readWeights(`${values.model}/unet/diffusion_pytorch_model.safetensors`)).map(([name, w]) => [`unet.${name}`, w]),
    ),
  },
);
for (const [name, training] of Object.entries({ vae, denoiser })) {
  cases[name] = () => training.next();
  engine.taken();
  const { value } = await training.next();
  keep(name, engine.taken());
  first[`${name}.loss`] = { data: Float32Array.of((value as { loss: number }).loss), shape: [1] };
}

await writeSafetensors(values.out!, first, { prompts: JSON.stringify(prompts), steps: values.steps });
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
say({ ready: Object.keys(cases) });
for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line) as { case: string; times: number };
  const [seconds, processor]: [number[], number[]] = [[], []];
  for (let i = 0; i < asked.times; i++) {
    const [start, used] = [performance.now(), process.cpuUsage()];
    await cases[asked.case]!();
    const { user, system } = process.cpuUsage(used);
    seconds.push((performance.now() - start) / 1000);
    processor.push((user + system) / 1e6);
  }
  say({ seconds, processor });
}
await engine.close();
