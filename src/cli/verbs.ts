/** What `contextura` can do. Each verb is loaded when it is asked for. */

export interface Verb {
  about: string;
  /** It computes little, and so needs no process of its own. */
  brief?: true;
  load: () => Promise<unknown>;
}

export const verbs: Readonly<Record<string, Verb>> = {
  quickstart: {
    about: 'learn a bundled subject with and without the MLM objective, and compare',
    load: async () => (await import('./quickstart.ts')).quickstart,
  },
  customize: { about: 'learn a subject from a folder of pictures', load: async () => (await import('./customize.ts')).customize },
  generate: {
    about: 'pictures from a prompt, with or without a learned subject',
    load: async () => (await import('./generate.ts')).generate,
  },
  prompts: {
    about: 'build or judge a contextually diverse prompt set',
    brief: true,
    load: async () => (await import('./prompts.ts')).prompts,
  },
  masks: { about: 'masks of pictures by a segmenter, for customize --masks', load: async () => (await import('./masks.ts')).masks },
  pretrain: {
    about: 'pretrain a contextualizer, or remake the embedded model',
    load: async () => (await import('./pretrain.ts')).pretrain,
  },
  export: {
    about: 'write what was learned as another tool reads it',
    brief: true,
    load: async () => (await import('./export.ts')).exportVerb,
  },
  merge: {
    about: 'join separately learned Custom Diffusion subjects',
    brief: true,
    load: async () => (await import('./merge.ts')).mergeVerb,
  },
  evaluate: {
    about: 'CLIP-T, CLIP-I, DINO and DINO-FG of a run or of pictures',
    load: async () => (await import('./evaluate.ts')).evaluate,
  },
  analyze: {
    about: 'what a run does to its context words: sim1, sim2, SKL and attention maps',
    load: async () => (await import('./analyze.ts')).analyze,
  },
  sweep: { about: 'run a recipe over many subjects', load: async () => (await import('./sweep.ts')).sweep },
  inspect: {
    about: 'what a file or folder of weights is, and what it can be used with',
    brief: true,
    load: async () => (await import('./inspect.ts')).inspect,
  },
  doctor: { about: 'what this machine has and how fast it is', load: async () => (await import('./doctor.ts')).doctor },
  bench: { about: 'steps per second and GFLOP/s', load: async () => (await import('./bench.ts')).bench },
};

export const asksHelp = (args: readonly string[]): boolean => args.includes('--help') || args.includes('-h');
