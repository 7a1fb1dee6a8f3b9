import { defineConfig } from 'vitest/config'

/** Tests that keep to themselves: what they share in one process is code, as programs that use the library do. */
const SHARING = [
  'test/runtime/**',
  'test/behaviours/**',
  'test/mesh/**',
  'test/dist/**',
  'test/tidy/**',
]

export default defineConfig({
  test: {
    // Set by hand: some defaults leave out every folder called dist, and ours is source.
    exclude: ['**/node_modules/**', 'build/**'],
    pool: 'forks',
    // One less than the cores by default: half of a machine of two, for which the tests are sized.
    maxWorkers: 2,
    testTimeout: 15_000,
    hookTimeout: 15_000,
    expect: { requireAssertions: true },
    projects: [
      {
        extends: true,
        test: {
          name: 'sharing',
          include: SHARING.map((folder) => `${folder}/*.test.ts`),
          // The library keeps no state in modules, so its tests need no fresh copy of it for every file: loading them
          // anew cost a third of the whole run. It also shows what a test leaves behind.
          isolate: false,
        },
      },
      {
        extends: true,
        test: {
          // Worlds of ten thousand nodes, child processes, examples that run in the default system.
          name: 'apart',
          include: ['test/**/*.test.ts'],
          exclude: ['**/node_modules/**', 'build/**', ...SHARING],
        },
      },
    ],
    coverage: {
      provider: 'v8',
      include: ['index.ts', 'runtime/**', 'behaviours/**', 'mesh/**', 'dist/**'],
      reporter: ['text-summary', 'html'],
    },
  },
})
