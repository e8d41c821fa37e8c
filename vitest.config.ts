import { defineConfig } from 'vitest/config';

// Tests run as compiled code: what is tested is what ships, worker threads included.
// A test whose loop never ran, or whose callback was never called, has asserted nothing: it fails.
const expect = { requireAssertions: true };

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['packages/*/dist/**/*.test.js', 'services/*/dist/**/*.test.js'],
          testTimeout: 60_000,
          expect,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/dist/**/*.test.js'],
          testTimeout: 120_000,
          // Building MinIO the first time takes minutes.
          hookTimeout: 900_000,
          fileParallelism: false,
          expect,
        },
      },
    ],
  },
});
