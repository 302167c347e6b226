#!/usr/bin/env node
/** `contextura <verb>`. */
import { defineCommand, renderUsage, runCommand } from 'citty';
import type { CommandDef } from 'citty';
import { UserError } from '../errors.ts';
import { inOwnProcess } from './own-process.ts';
import { endWith, say, version } from './terminal.ts';

/** `brief`: it computes little, and so needs no process of its own. */
const verbs: Record<string, { about: string; brief?: true; load: () => Promise<unknown> }> = {
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

const [verb, ...rest] = process.argv.slice(2);

/** Flags that the command does not have are errors: a typing mistake must not pass in silence. */
function refuseUnknown(command: CommandDef, given: readonly string[]): void {
  const known = Object.keys((command.args ?? {}) as object);
  const unknown = given
    .filter((arg) => arg.startsWith('--'))
    .map((arg) => arg.slice(2).split('=')[0]!)
    .find((name) => !known.includes(name.replace(/^no-/, '')) && name !== 'help');
  if (unknown !== undefined) throw new UserError(`--${unknown} is not a flag of ${verb}: contextura ${verb} --help lists them`);
}

/** Words that are neither flags nor their values: no more than the command takes. */
function refuseSurplus(command: CommandDef, given: readonly string[]): void {
  const known = (command.args ?? {}) as Record<string, { type?: string }>;
  const most = Object.values(known).filter(({ type }) => type === 'positional').length;
  const words = given.filter((arg, i) => {
    if (arg.startsWith('-') && arg !== '-') return false;
    const before = given[i - 1];
    return before === undefined || !/^--[^=]+$/.test(before) || known[before.slice(2).replace(/^no-/, '')]?.type === 'boolean';
  });
  if (command.subCommands === undefined && words.length > most)
    throw new UserError(`${words[most]} is one word too many: contextura ${verb} --help tells what ${verb} takes`);
}

try {
  if (verb === undefined || verb === '--help' || verb === '-h' || verb === 'help') {
    const usage = [
      'contextura <verb>: teach a text-to-image model your subject, and it still obeys the prompt\n',
      ...Object.entries(verbs).map(([name, { about }]) => `  ${name.padEnd(12)} ${about}`),
      '\ncontextura <verb> --help tells its flags',
    ].join('\n');
    if (verb === undefined) {
      say(usage);
      process.exit(2);
    }
    process.stdout.write(`${usage}\n`);
    process.exit(0);
  }
  if (verb === '--version') {
    process.stdout.write(`${version}\n`);
    process.exit(0);
  }
  const entry = verbs[verb];
  if (entry === undefined) throw new UserError(`${verb} is not a verb: ${Object.keys(verbs).join(', ')} are`);
  const asksHelp = rest.includes('--help') || rest.includes('-h');
  if (entry.brief !== true && !asksHelp) await inOwnProcess();
  const command = (await entry.load()) as CommandDef;
  if (asksHelp) {
    process.stdout.write(`${await renderUsage(command, defineCommand({ meta: { name: 'contextura' } }))}\n`);
    process.exit(0);
  }
  refuseUnknown(command, rest);
  refuseSurplus(command, rest);
  await runCommand(command, { rawArgs: rest });
} catch (error) {
  endWith(error, rest.includes('--debug'));
}
