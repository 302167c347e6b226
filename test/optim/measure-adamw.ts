/** Run by itself: what a step of AdamW adds to the process, in units of what it trains, 201 MB. */
import { Engine } from '../../src/graph/engine.ts';
import { gradients } from '../../src/graph/gradient.ts';
import { add, input, matmul, mean, square, state, sum } from '../../src/graph/ops.ts';
import { onDemand } from '../../src/graph/values.ts';
import { adamw, adamwFeeds } from '../../src/optim/adamw.ts';

const side = 1024;
const parameters = new Map(Array.from({ length: 48 }, (_, i) => [`p${i}`, state(`p${i}`, [side, side])] as const));
const x = input('x', [1, side]);
const loss = [...parameters.values()].map((p) => sum(square(matmul(x, p)))).reduce((a, b) => add(a, b));
const optimizer = adamw(parameters, gradients(loss, [...parameters.values()]));
const engine = new Engine();
const first = await engine.compile({ outputs: { m: mean(input('y', [4])) } });
await first.run({ y: new Float32Array(4) });
const before = process.memoryUsage().rss;
const program = await engine.compile({ outputs: { norm: optimizer.gradientNorm }, updates: optimizer.updates, lean: true });
const start = onDemand([side, side], () => new Float32Array(side * side).fill(0.01));
await engine.setState({ ...Object.fromEntries([...parameters.keys()].map((name) => [name, start])), ...optimizer.initial() });
for (const step of [1, 2]) await program.run({ x: new Float32Array(side).fill(0.01), ...adamwFeeds(1e-3, step) });
process.stdout.write(String((process.resourceUsage().maxRSS * 1024 - before) / (48 * 4 * side ** 2)));
await engine.close();
