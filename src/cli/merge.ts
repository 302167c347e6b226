import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { defineCommand } from 'citty';
import { merge } from '../artefacts/merge.ts';
import { readArtefact } from '../artefacts/read.ts';
import { writeArtefact } from '../artefacts/write.ts';
import { UserError } from '../errors.ts';
import { nameOf } from '../methods/learned.ts';
import { loadModel } from '../models/load.ts';
import { assetPath } from '../package.ts';
import { withSubject } from '../text/prompts.ts';
import { promptSet } from '../world/captions.ts';
import { classNames } from '../world/identity.ts';
import { openEngine, say, sharedFlags } from './terminal.ts';

export const mergeVerb = defineCommand({
  meta: { name: 'merge', description: 'join separately learned Custom Diffusion subjects, in closed form' },
  args: {
    artefacts: { type: 'positional', required: true, description: 'runs or folders, with commas: a,b' },
    model: { type: 'string', description: 'the base model', default: 'tiny' },
    captions: { type: 'string', description: 'a text file of ordinary captions, whose reading is to change least; bundled ones for tiny' },
    out: { type: 'string', description: 'a new folder' },
    ...sharedFlags,
  },
  async run({ args }) {
    if (args.out === undefined) throw new UserError('--out is missing: name a folder');
    if (existsSync(args.out) && readdirSync(args.out).length > 0)
      throw new UserError(`--out ${args.out} is not empty: choose another folder`);
    if (args.captions === undefined && args.model !== 'tiny')
      throw new UserError('--captions is missing: name a text file, one caption a line');
    const captions =
      args.captions === undefined
        ? classNames.flatMap((name) => promptSet(name, 40).map((prompt) => withSubject(prompt, name)))
        : (
            await readFile(args.captions, 'utf8').catch(() => {
              throw new UserError(`--captions ${args.captions} cannot be read: name a text file, one caption a line`);
            })
          )
            .split(/\r?\n/)
            .filter((line) => line.trim() !== '');
    const model = await loadModel(args.model === 'tiny' ? assetPath('tiny') : args.model);
    const parts = [];
    for (const path of args.artefacts.split(',')) parts.push(await readArtefact(path, model));
    const engine = openEngine(args.device);
    const merged = await merge(engine, model, parts, captions);
    await engine.close();
    const path = await writeArtefact(args.out, merged, model);
    if (args.json === true) process.stdout.write(`${JSON.stringify({ words: merged.words, path })}\n`);
    else say(`${merged.words.map(nameOf).join(' and ')} in ${path}`);
  },
});
