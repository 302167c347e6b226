/** Run by itself: what a run was predicted to add to the process at its peak, and what it added. Arguments: changes to the recipe, a folder. */
import { parseRecipe } from '../../src/config.ts';
import { Engine } from '../../src/graph/engine.ts';
import { input, mean } from '../../src/graph/ops.ts';
import { loadModel } from '../../src/models/load.ts';
import { customize } from '../../src/trainer/customize.ts';
import { promptSet } from '../../src/world/captions.ts';

const [changes, out] = process.argv.slice(2) as [string, string];
const engine = new Engine();
const model = await loadModel('assets/tiny');
const first = await engine.compile({ outputs: { y: mean(input('x', [4])) } });
await first.run({ x: new Float32Array(4) });
const recipe = parseRecipe({ images: 'examples/subjects/dog', class: 'dog', steps: 3, ...JSON.parse(changes) });
const before = process.memoryUsage().rss;
let predicted = 0;
for await (const e of customize({ engine, model, recipe, prompts: promptSet('dog', 50), out, versions: {} }))
  if (e.kind === 'forecast') predicted = e.memory!.needed;
process.stdout.write(JSON.stringify({ predicted, measured: process.resourceUsage().maxRSS * 1024 - before }));
await engine.close();
