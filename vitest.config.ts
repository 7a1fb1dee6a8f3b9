import process from 'node:process'
import { defineConfig } from 'vitest/config'

/**
 * Folders of tests that keep to themselves: what they share in one process is code, as programs that use the
 * library do.
 */
const SHARING = ['runtime', 'behaviours', 'mesh', 'dist', 'tidy']

/** Tests in those that change their whole process, or judge its heap, as their heads say. */
const ALONE = [
  'test/behaviours/leaks.test.ts',
  'test/mesh/wire/codec-taken.test.ts',
  'test/mesh/wire/codec-native.prop.test.ts',
]

/** Set by hand: some defaults leave out every folder called dist, and ours is source. */
const NEVER = ['**/node_modules/**', 'build/**']

/** Minutes of real processes: `npm run test:soak` and `npm run test:processes` ask for them. */
const LONG =
  process.env['FOVEA_LONG'] === undefined
    ? []
    : [{ extends: true as const, test: { name: 'long', include: ['test/**/*.soak.ts'] } }]

export default defineConfig({
  test: {
    exclude: NEVER,
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
          include: SHARING.map((folder) => `test/${folder}/**/*.test.ts`),
          exclude: [...NEVER, ...ALONE],
          // The library keeps no state in modules, so its tests need no fresh copy of it for every file: loading
          // them anew cost a third of the whole run. It also shows what a test leaves behind.
          isolate: false,
        },
      },
      {
        extends: true,
        test: {
          // Worlds of ten thousand nodes, child processes, examples that run in the default system.
          name: 'apart',
          include: ['test/*.test.ts', `test/!(${SHARING.join('|')})/**/*.test.ts`, ...ALONE],
        },
      },
      ...LONG,
    ],
    coverage: {
      provider: 'v8',
      include: ['index.ts', 'runtime/**', 'behaviours/**', 'mesh/**', 'dist/**'],
      reporter: ['text-summary', 'html'],
    },
  },
})
