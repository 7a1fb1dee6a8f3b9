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
    noImplicitReturns: true,
    verbatimModuleSyntax: true,
    isolatedModules: true,
    skipLibCheck: false,
    declaration: true,
  },
  files: ['consumer.ts'],
}

/** Prints `ok` after a supervised counter has counted, with types that must and must not hold. */
export const CONSUMER_SOURCE = `
import { contract, implement, noreply, reply, Supervisor, type Contract, type Ref, type Server } from 'fovea'
import * as mesh from 'fovea/mesh'
import { startNode } from 'fovea/dist'
import * as simulation from 'fovea/simulation'

export interface CounterApi {
  call: { get(): number; add(by: number): number }
  cast: { reset(): void }
}
export const CounterContract: Contract<CounterApi> = contract('counter/1', {
  call: { get: true, add: true },
  cast: { reset: true },
})
export const Counter: Server<CounterApi, number> = implement(CounterContract, {
  init: (start: number) => start,
  call: { get: (n) => reply(n, n), add: (n, by) => reply(n + by, n + by) },
  cast: { reset: () => noreply(0) },
})

const counter: Ref<CounterApi> = await Counter.start(10)
const sum: number = await counter.call.add(5, { timeoutMs: 1000 })
if (sum !== 15) throw new Error(String(sum))

export function neverCalled(): void {
  // @ts-expect-error a number is wanted
  void counter.call.add('5')
  // @ts-expect-error there is no such call
  void counter.call.subtract(5)
  // @ts-expect-error the reply is a number, and not any
  const text: Promise<string> = counter.call.get()
  void text
}

const supervisor = await Supervisor.start({
  strategy: 'one_for_one',
  children: [Counter.child(1, { id: 'one' })],
})
const [child] = await Supervisor.whichChildren(supervisor)
if (child?.pid === undefined) throw new Error('not running')
await CounterContract.at(child.pid).call.add(1)
await Supervisor.stop(supervisor)

const loaded: readonly unknown[] = [mesh, startNode, simulation]
if (loaded.includes(undefined)) throw new Error('an entry is empty')
console.log('ok')
`
