/** The package itself: its version, and where lies what it brings along. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('../', import.meta.url);

/** Path of something in assets/: `tiny`, the embedded model's folder, and `judges`, that of its judges. */
export const assetPath = (name: string): string => fileURLToPath(new URL(`assets/${name}`, root));
/** Path of something in examples/: `subjects/dog`, say. */
export const examplePath = (name: string): string => fileURLToPath(new URL(`examples/${name}`, root));

export const version = (JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as { version: string }).version;
/** What a run's record says it was made with. */
export const versions = (): Record<string, string> => ({
  contextura: version,
  node: process.versions.node,
  platform: `${process.platform} ${process.arch}`,
});
