import { existsSync, readdirSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { defineCommand } from 'citty';
import { UserError } from '../errors.ts';
import { Judges } from '../evaluation/judges.ts';
import { readPicture } from '../evaluation/picture.ts';
import { coverage } from '../evaluation/segmenters.ts';
import { listImages, writePng } from '../files/images.ts';
import { assetPath } from '../package.ts';
import { segmenterNamed } from './scorers.ts';
import { openEngine, Progress, say, sharedFlags } from './terminal.ts';

export const masks = defineCommand({
  meta: { name: 'masks', description: 'masks of pictures by a segmenter, for customize --masks' },
  args: {
    images: { type: 'string', description: 'folder of PNG, JPEG or WebP pictures' },
    class: { type: 'string', description: 'what is to be found, for --segmenter grounded' },
    segmenter: {
      type: 'string',
      description:
        'embedded (knows the embedded world), an ONNX matting network, u2net or modnet of $CONTEXTURA_SEGMENTERS, or grounded, which finds the class among other things',
      default: 'embedded',
    },
    out: { type: 'string', description: 'a new folder: masks named as the pictures are, white where the subject is' },
    ...sharedFlags,
  },
  async run({ args }) {
    if (args.images === undefined) throw new UserError('--images is missing: name the folder of the subject’s pictures');
    if (args.out === undefined) throw new UserError('--out is missing: name a folder for the masks');
    if (existsSync(args.out) && readdirSync(args.out).length > 0)
      throw new UserError(`--out ${args.out} is not empty: choose another folder`);
    if (args.segmenter === 'grounded' && args.class === undefined)
      throw new UserError('--class is missing: say what grounded is to find, such as dog');
    const paths = await listImages(args.images);
    const engine = openEngine(args.device);
    const segmenterOf = await segmenterNamed(args.segmenter, () => Judges.load(engine, assetPath('judges')));
    if (segmenterOf === undefined) throw new UserError('--segmenter none: masks need a segmenter');
    const segmenter = await segmenterOf({ className: args.class ?? '' });
    const progress = new Progress(args.quiet === true);
    const made: { mask: string; share: number }[] = [];
    const found: { path: string; bytes: Uint8Array; width: number; height: number }[] = [];
    for (const path of paths) {
      const mask = await segmenter.segment(await readPicture(path));
      if (coverage(mask) === 0)
        throw new UserError(
          `${args.segmenter} finds nothing in ${path}: paint its mask by hand, leave the picture out, or name another --segmenter`,
          1,
        );
      found.push({ path, ...mask });
      progress.update('mask', found.length, paths.length);
    }
    for (const { path, bytes, width, height } of found) {
      const mask = join(args.out, `${basename(path, extname(path))}.png`);
      await writePng(
        mask,
        Uint8Array.from({ length: 3 * bytes.length }, (_, i) => bytes[Math.floor(i / 3)]!),
        width,
        height,
      );
      made.push({ mask, share: coverage({ bytes, width, height }) });
    }
    await engine.close();
    if (args.json === true) process.stdout.write(`${JSON.stringify({ segmenter: segmenter.name, masks: made })}\n`);
    else say(`${made.length} masks in ${args.out}; look at them, then: contextura customize --images ${args.images} --masks ${args.out} …`);
  },
});
