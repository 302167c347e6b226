/** Graphs without running them: what a function that compiles programs would compile. */
import { Engine, Program } from './engine.ts';
import type { CompileOptions, EngineOptions } from './engine.ts';
import { flopsOf } from './flops.ts';
import { rootsOf } from './memory.ts';
import type { Graph } from './memory.ts';

/** An engine that takes graphs and runs none of them. */
class Draughtsman extends Engine {
  readonly drawn: Graph[] = [];
  override compile(graph: CompileOptions): Promise<Program> {
    this.drawn.push({ ...graph, sparing: this.lowMemory });
    const signature = { feeds: [], states: [], fetches: [], updates: {} };
    return Promise.resolve(new Program(this, 0, signature, flopsOf(rootsOf(graph)), false));
  }
  override setState(): Promise<void> {
    return Promise.resolve();
  }
  override request(): Promise<undefined> {
    return Promise.resolve(undefined);
  }
}

/** The programs that each work compiles, in its order. Nothing runs, so no work may ask for results. */
export async function drawGraphs(
  works: readonly ((engine: Engine) => Promise<unknown>)[],
  options: Pick<EngineOptions, 'lowMemory'> = {},
): Promise<Graph[][]> {
  const engine = new Draughtsman(options);
  const out: Graph[][] = [];
  try {
    for (const work of works) {
      await work(engine);
      out.push(engine.drawn.splice(0));
    }
  } finally {
    await engine.close();
  }
  return out;
}
