/** A small program of a strict user, compiled and run against the unpacked package. */

/** As strict as a user can be, with declarations of libraries checked. */
export const CONSUMER_TSCONFIG = {
  compilerOptions: {
    target: 'ES2023',
    lib: ['ES2023', 'ESNext.Disposable'],
    module: 'NodeNext',
    types: ['node'],
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    noPropertyAccessFromIndexSignature: true,
    verbatimModuleSyntax: true,
    isolatedModules: true,
    skipLibCheck: false,
    declaration: true,
  },
  files: ['consumer.ts'],
}

/** Prints `ok`. */
export const CONSUMER_SOURCE = `
import * as main from 'fovea'
import * as mesh from 'fovea/mesh'
import * as dist from 'fovea/dist'
import * as simulation from 'fovea/simulation'

export const entries: readonly object[] = [main, mesh, dist, simulation]
console.log('ok')
`
