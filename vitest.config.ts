import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    fileParallelism: false,
    // Verbs run in the process that a test begins: src/cli/own-process.ts.
    env: { GLIBC_TUNABLES: '' },
  },
});
