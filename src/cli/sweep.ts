import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defineCommand } from 'citty';
import * as z from 'zod';
import { parseRecipe, readRecipe, recipeSchema } from '../config.ts';
import { UserError } from '../errors.ts';
import { Judges } from '../evaluation/judges.ts';
import type { Scores } from '../evaluation/judges.ts';
import { average, pairedBootstrap } from '../evaluation/statistics.ts';
import { writeAtomically } from '../files/atomic.ts';
import { loadModel } from '../models/load.ts';
import { compareMethods } from '../sweep/comparison.ts';
import { bundledSubject, tinyDefaults } from './bundled.ts';
import { assetPath, interruptible, openEngine, Progress, say, sharedFlags, versions } from './terminal.ts';

const sweepSchema = z.strictObject({
  about: z.string(),
  subjects: z.array(z.string()).min(1),
  picturesPerPrompt: z.int().min(1).default(2),
  sampling: z.strictObject({ steps: z.int().min(1), guidance: z.number().min(0) }).default({ steps: 20, guidance: 4 }),
  recipe: recipeSchema.omit({ images: true, class: true }).partial(),
  expected: z.unknown().optional(),
});

interface SubjectResult {
  subject: string;
  /** What it was measured under: a result of other settings is not taken over. */
  settings: unknown;
  methods: ({ name: string } & Scores)[];
}

const keys = ['clipT', 'dino', 'dinoFg'] as const;

/** Means by method, and the paired difference over subjects with its interval. */
export function summarize(results: readonly SubjectResult[]): {
  methods: Record<string, Scores>;
  difference: Record<keyof Scores, { mean: number; low: number; high: number }>;
} {
  const column = (method: number, key: keyof Scores): number[] => results.map((result) => result.methods[method]![key]);
  const scores = (method: number): Scores =>
    Object.fromEntries(keys.map((key) => [key, average(column(method, key))])) as unknown as Scores;
  const difference = Object.fromEntries(
    keys.map((key) => [key, pairedBootstrap(column(1, key).map((value, i) => value - column(0, key)[i]!))]),
  );
  return {
    methods: { ti: scores(0), 'ti+mlm': scores(1) },
    difference: difference as Record<keyof Scores, { mean: number; low: number; high: number }>,
  };
}

export const sweep = defineCommand({
  meta: { name: 'sweep', description: 'run a recipe over many subjects: the paper’s tables' },
  args: {
    recipe: { type: 'positional', required: true, description: 'a recipe file that names subjects, such as recipes/comparison.json' },
    out: { type: 'string', description: 'folder of the runs; finished subjects in it are kept' },
    ...sharedFlags,
  },
  async run({ args }) {
    const parsed = sweepSchema.safeParse(await readRecipe(args.recipe));
    if (!parsed.success) {
      const issue = parsed.error.issues[0]!;
      throw new UserError(
        issue.code === 'unrecognized_keys'
          ? `${args.recipe} has the unknown key ${issue.keys[0]}`
          : `${args.recipe}: ${issue.path.join('.')}: ${issue.message}`,
      );
    }
    if (args.out === undefined) throw new UserError('--out is missing: name a folder for the runs');
    const { subjects, picturesPerPrompt, sampling, recipe: shared } = parsed.data;
    const bundled = subjects.map(bundledSubject);
    const signal = interruptible();
    const engine = openEngine(args.device);
    const model = await loadModel(assetPath('tiny'));
    const judges = await Judges.load(engine, assetPath('judges'));
    const progress = new Progress(args.quiet === true);
    const results: SubjectResult[] = [];
    for (const [i, subject] of bundled.entries()) {
      const folder = join(args.out, subject.name);
      const done = join(folder, 'result.json');
      const recipe = parseRecipe(
        { ...tinyDefaults, sampleEvery: 0, ...shared, images: subject.images, class: subject.className },
        args.recipe,
      );
      const settings = { ...recipe, images: subject.name, picturesPerPrompt, sampling };
      if (existsSync(done)) {
        const earlier = JSON.parse(await readFile(done, 'utf8')) as SubjectResult;
        if (JSON.stringify(earlier.settings) !== JSON.stringify(settings))
          throw new UserError(`${done} was measured under other settings than ${args.recipe} asks for: choose another --out`);
        results.push(earlier);
        continue;
      }
      const comparison = compareMethods({
        engine,
        model,
        judges,
        recipe,
        richPrompts: subject.richPrompts,
        evaluationPrompts: subject.evaluationPrompts,
        picturesPerPrompt,
        sampling,
        out: folder,
        versions: versions(),
        signal,
      });
      let next = await comparison.next();
      while (next.done !== true) next = await comparison.next();
      const methods = next.value.map(({ name, clipT, dino, dinoFg }) => ({ name, clipT, dino, dinoFg }));
      results.push({ subject: subject.name, settings, methods });
      await writeAtomically(done, `${JSON.stringify(results.at(-1))}\n`);
      progress.update(
        'subject',
        i + 1,
        subjects.length,
        `  ${subject.name}: CLIP-T ${methods.map(({ clipT }) => clipT.toFixed(3)).join(' → ')}, DINO-FG ${methods.map(({ dinoFg }) => dinoFg.toFixed(3)).join(' → ')}`,
      );
    }
    const summary = { ...summarize(results), subjects: results.map(({ subject, methods }) => ({ subject, methods })) };
    await writeAtomically(join(args.out, 'summary.json'), `${JSON.stringify(summary, undefined, 2)}\n`);
    if (args.json === true) process.stdout.write(`${JSON.stringify(summary)}\n`);
    else
      for (const key of keys) {
        const { mean, low, high } = summary.difference[key];
        say(
          `${key.padEnd(7)} TI ${summary.methods.ti![key].toFixed(4)}  TI+MLM ${summary.methods['ti+mlm']![key].toFixed(4)}  difference ${mean.toFixed(4)} [${low.toFixed(4)}, ${high.toFixed(4)}]`,
        );
      }
    await engine.close();
  },
});
