import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Set by hand: some defaults leave out every folder called dist, and ours is source.
    exclude: ['**/node_modules/**', 'build/**'],
    pool: 'forks',
    // One less than the cores by default: half of a machine of two, for which the tests are sized.
    maxWorkers: 2,
    testTimeout: 15_000,
    hookTimeout: 15_000,
    expect: { requireAssertions: true },
    coverage: {
      provider: 'v8',
      include: ['index.ts', 'runtime/**', 'behaviours/**', 'mesh/**', 'dist/**'],
      reporter: ['text-summary', 'html'],
    },
  },
})
