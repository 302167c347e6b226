#!/usr/bin/env node
/** `contextura <verb>`. What a process that only waits for another would not use is loaded after that is decided. */
import { inOwnProcess } from './own-process.ts';
import { asksHelp, verbs } from './verbs.ts';

const [verb = '', ...rest] = process.argv.slice(2);
const computes = Object.hasOwn(verbs, verb) && verbs[verb]!.brief !== true;
if (computes && !asksHelp(rest)) await inOwnProcess();
const { run } = await import('./run.ts');
await run(process.argv.slice(2));
