import { existsSync, readdirSync } from 'node:fs';
import { defineCommand } from 'citty';
import { readArtefact, readWholeModel, recipeAt, wholeModelOf } from '../artefacts/read.ts';
import { formatOf, writeArtefact } from '../artefacts/write.ts';
import { UserError } from '../errors.ts';
import { subjectOf } from '../methods/learned.ts';
import { modelFlags, openModel } from './model.ts';
import { numberFlag, say, sharedFlags } from './terminal.ts';

export const exportVerb = defineCommand({
  meta: { name: 'export', description: 'write what was learned as another tool reads it' },
  args: {
    artefact: { type: 'positional', required: true, description: 'a run’s folder, or a file of learned weights' },
    to: { type: 'string', description: 'diffusers, a1111, comfy or kohya; checkpoint: DreamBooth’s model as one file' },
    model: { type: 'string', description: 'the base model; by default the one in the run’s recipe, or tiny where there is no recipe' },
    ...modelFlags,
    rank: { type: 'string', description: 'Custom Diffusion for kohya, a1111, comfy: rank of the LoRA', default: '32' },
    half: { type: 'boolean', description: 'in half precision' },
    out: { type: 'string', description: 'a new folder' },
    ...sharedFlags,
  },
  async run({ args }) {
    if (args.to === undefined) throw new UserError('--to is missing: diffusers, a1111, comfy, kohya or checkpoint is expected');
    if (args.out === undefined) throw new UserError('--out is missing: name a folder');
    if (existsSync(args.out) && readdirSync(args.out).length > 0)
      throw new UserError(`--out ${args.out} is not empty: choose another folder`);
    const whole = wholeModelOf(args.artefact);
    if (whole !== undefined && args.model !== undefined)
      throw new UserError(`--model ${args.model}: ${args.artefact} is a whole model already, as DreamBooth makes them: leave --model out`);
    const recipe = whole === undefined ? await recipeAt(args.artefact) : undefined;
    const { tokenizer = recipe?.tokenizer, prediction = recipe?.prediction } = args;
    const base = whole ?? args.model ?? recipe?.model ?? 'tiny';
    const model = await openModel({ ...args, model: base, tokenizer, prediction }, args.quiet);
    const learned = whole === undefined ? await readArtefact(args.artefact, model) : await readWholeModel(whole, model);
    const format = formatOf(learned, args.to);
    const rank = numberFlag('rank', args.rank, { min: 1, max: 320, integer: true });
    const settings = learned.method.name === 'custom-diffusion' ? { ...learned.settings, rank } : learned.settings;
    const path = await writeArtefact(args.out, { ...learned, settings }, model, { format, half: args.half === true });
    if (args.json === true)
      process.stdout.write(`${JSON.stringify({ method: learned.method.name, tokens: learned.words.map(({ token }) => token), path })}\n`);
    else say(`${subjectOf(learned)} (${learned.method.name}) in ${path}`);
  },
});
