/** Run by itself: what 512 MB of states add to the process while they are set, saved and set again from the file. Argument: a file. */
import { openSafetensors, tensorOnDemand, writeSafetensors } from '../../src/files/safetensors.ts';
import { Engine } from '../../src/graph/engine.ts';
import { input, mean } from '../../src/graph/ops.ts';
import { onDemand } from '../../src/graph/values.ts';
import type { Values } from '../../src/graph/values.ts';

const path = process.argv[2]!;
const shape = [2 ** 21];
const names = Array.from({ length: 64 }, (_, i) => `state${i}`);
const engine = new Engine();
const first = await engine.compile({ outputs: { y: mean(input('x', [4])) } });
await first.run({ x: new Float32Array(4) });
const before = process.memoryUsage().rss;
const each = (values: (name: string, i: number) => Values): Promise<void> =>
  engine.setState(Object.fromEntries(names.map((name, i) => [name, values(name, i)])));
await each((_, i) => onDemand(shape, () => new Float32Array(2 ** 21).fill(i)));
await writeSafetensors(path, Object.fromEntries(names.map((name) => [name, engine.stateInTurn(name, shape)])));
const file = await openSafetensors(path);
await each((name) => tensorOnDemand(file, name));
const { state63 } = await engine.getState(['state63']);
process.stdout.write(
  JSON.stringify({ states: 64 * 2 ** 23, added: process.resourceUsage().maxRSS * 1024 - before, last: [state63![0], state63!.at(-1)] }),
);
await engine.close();
