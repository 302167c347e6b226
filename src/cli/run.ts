/** Runs a verb with its flags, or tells what there is. */
import { stripVTControlCharacters } from 'node:util';
import { defineCommand, renderUsage, runCommand } from 'citty';
import type { CommandDef } from 'citty';
import { UserError } from '../errors.ts';
import { version } from '../package.ts';
import { endWith, say } from './terminal.ts';
import { asksHelp, verbs } from './verbs.ts';

/** Flags that the command does not have are errors: a typing mistake must not pass in silence. */
function refuseUnknown(verb: string, command: CommandDef, given: readonly string[]): void {
  const known = Object.keys((command.args ?? {}) as object);
  const unknown = given
    .filter((arg) => arg.startsWith('--'))
    .map((arg) => arg.slice(2).split('=')[0]!)
    .find((name) => !known.includes(name.replace(/^no-/, '')) && name !== 'help');
  if (unknown !== undefined) throw new UserError(`--${unknown} is not a flag of ${verb}: contextura ${verb} --help lists them`);
}

type Known = Readonly<Record<string, { type?: string }>>;

/** Whether what stands behind an argument is its value: behind a flag that is no switch and brings none itself. */
const takesNext = (known: Known, arg: string | undefined): boolean =>
  arg !== undefined && /^--[^=]+$/.test(arg) && known[arg.slice(2).replace(/^no-/, '')]?.type !== 'boolean';

/** A flag that asks for a value and has none is a slip, and so is one with a single dash: what was meant is not guessed. */
function refuseSlips(verb: string, command: CommandDef, given: readonly string[]): void {
  const known = (command.args ?? {}) as Known;
  for (const [i, arg] of given.entries()) {
    if (/^-[a-z]/i.test(arg) && !takesNext(known, given[i - 1]))
      throw new UserError(`${arg} is not a flag of ${verb}: flags begin with two dashes, as in --${arg.slice(1)}`);
    const next = given[i + 1];
    if (takesNext(known, arg) && (next === undefined || next.startsWith('--')))
      throw new UserError(`${arg} asks for a value: contextura ${verb} --help tells which`);
  }
}

/** Words that are neither flags nor their values: no more than the command takes. */
function refuseSurplus(verb: string, command: CommandDef, given: readonly string[]): void {
  const known = (command.args ?? {}) as Known;
  const most = Object.values(known).filter(({ type }) => type === 'positional').length;
  const words = given.filter((arg, i) => {
    if (arg.startsWith('-') && arg !== '-') return false;
    return !takesNext(known, given[i - 1]);
  });
  if (command.subCommands === undefined && words.length > most)
    throw new UserError(`${words[most]} is one word too many: contextura ${verb} --help tells what ${verb} takes`);
}

/** Ends the process where it fails, and where nothing is left to do. */
export async function run([verb, ...rest]: readonly string[]): Promise<void> {
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
    const entry = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
    if (entry === undefined) throw new UserError(`${verb} is not a verb: ${Object.keys(verbs).join(', ')} are`);
    const command = (await entry.load()) as CommandDef;
    if (asksHelp(rest)) {
      const text = await renderUsage(command, defineCommand({ meta: { name: 'contextura' } }));
      process.stdout.write(`${process.stdout.isTTY ? text : stripVTControlCharacters(text)}\n`);
      process.exit(0);
    }
    refuseUnknown(verb, command, rest);
    refuseSlips(verb, command, rest);
    refuseSurplus(verb, command, rest);
    await runCommand(command, { rawArgs: [...rest] });
  } catch (error) {
    endWith(error, rest.includes('--debug'));
  }
}
