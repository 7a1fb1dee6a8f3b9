import { defineConfig } from 'vitest/config'

/** The tests that a mutant of the runtime or the behaviours must not survive. */
export default defineConfig({
  test: {
    include: ['test/runtime/**/*.test.ts', 'test/behaviours/**/*.test.ts'],
    exclude: ['**/node_modules/**', 'build/**'],
    testTimeout: 15_000,
    expect: { requireAssertions: true },
  },
})
