import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    fileParallelism: false,
    globalSetup: 'test/build.ts',
    // Verbs run in the process that a test begins: src/cli/own-process.ts. They keep no programs for other tests.
    env: { GLIBC_TUNABLES: '', CONTEXTURA_CACHE: 'off' },
  },
});
