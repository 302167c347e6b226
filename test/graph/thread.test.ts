import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const thread = fileURLToPath(new URL('../../src/graph/thread.ts', import.meta.url));

test('a message that cannot be sent fails its request alone, and keeps no process alive', async () => {
  const script = `
    import { WorkerThread } from ${JSON.stringify(thread)};
    const thread = new WorkerThread((message) => new Error(message));
    await thread.request({ kind: 'dropState', names: [() => 0] }).catch((error) => console.log(error.name));
    console.log(await thread.request({ kind: 'dropState', names: [] }));
    await thread.request({ kind: 'dropState', names: [() => 0] }).catch((error) => console.log(error.name));
  `;
  const args = ['--import', 'tsx', '--input-type=module', '--eval', script];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 });
  expect(stdout).toBe('DataCloneError\nundefined\nDataCloneError\n');
});
