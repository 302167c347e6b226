/** What is packed, as a project that installs it sees it: every entry, its types, the programs of docs/library.md. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const entries = ['contextura', 'contextura/graph', 'contextura/methods'] as const;
const tsc = resolve('node_modules/typescript/bin/tsc');
let project = '';

/** A project with the package and what it depends on; no types but these, so that what leaks from elsewhere is not found. */
beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'contextura-'));
  const modules = join(project, 'node_modules');
  const own = join(modules, 'contextura');
  mkdirSync(own, { recursive: true });
  execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', join(own, 'dist')]);
  cpSync('package.json', join(own, 'package.json'));
  for (const folder of ['assets', 'examples']) symlinkSync(resolve(folder), join(own, folder));
  for (const name of readdirSync('node_modules').filter((one) => !one.startsWith('.')))
    symlinkSync(resolve('node_modules', name), join(modules, name));
  writeFileSync(join(project, 'package.json'), JSON.stringify({ type: 'module' }));
});
afterAll(() => rm(project, { recursive: true, force: true }));

/** Runs a program in the project; a failure shows what it has printed. */
function run(...args: string[]): string {
  try {
    return execFileSync(process.execPath, args, { cwd: project, encoding: 'utf8' });
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${args.join(' ')}\n${stdout}${stderr}`);
  }
}

const resolutions = [
  ['nodenext', 'nodenext'],
  ['esnext', 'bundler'],
] as const;
const checked = ['--strict', '--skipLibCheck', 'false', '--exactOptionalPropertyTypes', '--target', 'es2023', '--types', ''];

test.each(resolutions)('types of every entry compile in a project: --module %s, --moduleResolution %s', (module, resolution) => {
  const lines = entries.map((entry, i) => `import * as entry${i} from '${entry}';\nexport type All${i} = keyof typeof entry${i};`);
  writeFileSync(join(project, 'entries.ts'), lines.join('\n'));
  const files = run(tsc, '--noEmit', ...checked, '--module', module, '--moduleResolution', resolution, '--listFiles', 'entries.ts');
  // Of what the package depends on, zod alone is part of its types.
  const foreign = files.split('\n').filter((path) => /node_modules\/(?!contextura\/|zod\/|@?typescript\/)/.test(path));
  expect(foreign).toEqual([]);
});

test('every entry can be imported, and what is exported from two of them is one', () => {
  writeFileSync(
    join(project, 'imported.js'),
    `const all = await Promise.all(${JSON.stringify(entries)}.map((entry) => import(entry)));
    const [root, graph, methods] = all;
    const same = root.Engine === graph.Engine && graph.Parameters === methods.Parameters && root.methodNames === methods.methodNames;
    console.log(JSON.stringify({ same, counts: all.map((one) => Object.keys(one).length > 10) }));`,
  );
  expect(JSON.parse(run('imported.js'))).toEqual({ same: true, counts: [true, true, true] });
});

/** Programs of the page, their runs cut short. */
const programs = [...readFileSync('docs/library.md', 'utf8').matchAll(/^```ts\n(.*?)^```$/gms)].map(([, text]) => text!);

test.each(resolutions)('the programs of docs/library.md compile: --module %s, --moduleResolution %s', (module, resolution) => {
  programs.forEach((text, i) => writeFileSync(join(project, `program${i}.ts`), text));
  const files = programs.map((_, i) => `program${i}.ts`);
  run(tsc, '--noEmit', ...checked.slice(0, -1), 'node', '--lib', 'es2023', '--module', module, '--moduleResolution', resolution, ...files);
});

test('the programs of docs/library.md do what they say', { timeout: 300_000 }, () => {
  const short = programs.map((text) => text.replace('steps: 200', 'steps: 2').replace('usualSteps(model),\n  guid', '2,\n  guid'));
  short.forEach((text, i) => writeFileSync(join(project, `short${i}.ts`), text));
  run(tsc, '--target', 'es2023', '--module', 'nodenext', '--types', 'node', ...short.map((_, i) => `short${i}.ts`));
  expect(run('short0.js')).toMatch(/^1 [\d.]+\n2 [\d.]+\n$/);
  expect(readdirSync(join(project, 'pictures'))).toEqual(['0.png', '1.png']);
  expect(run('short1.js')).toMatch(/0\.6.*, 0\.8/);
});

test('what is packed is what runs need: no maps of sources that are not there', () => {
  const list = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [{ files }] = JSON.parse(list) as [{ files: { path: string }[] }];
  const paths = files.map(({ path }) => path);
  expect(new Set(paths.map((path) => (path.includes('/') ? dirname(path).split('/')[0] : path)))).toEqual(
    new Set(['LICENSE', 'README.md', 'assets', 'dist', 'docs', 'examples', 'package.json', 'recipes']),
  );
  expect(
    readdirSync(join(project, 'node_modules', 'contextura', 'dist'), { recursive: true }).filter((path) => String(path).endsWith('.map')),
  ).toEqual([]);
});
