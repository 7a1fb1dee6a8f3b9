/**
 * The behaviour that every node started by the command line offers to the mesh, so that
 * `fovea spawn counter` has something to start. It counts, and it crashes when told to.
 */
import {
  contract,
  implement,
  noreply,
  reply,
  type Contract,
  type Server,
} from '../../behaviours/index.ts'

/** What a counter understands. */
export interface CounterApi {
  readonly call: {
    get(): number
    add(by: number): number
    /** Crashes it: the caller gets `ERR_CALL_EXIT`, a supervisor starts it again. */
    crash(): never
  }
  readonly cast: { reset(): void }
}

/** Name of the behaviour and version of its contract. */
export const COUNTER = 'counter'

const isNumber = {
  '~standard': {
    version: 1,
    vendor: 'fovea',
    validate: (value: unknown) =>
      typeof value === 'number' && Number.isFinite(value)
        ? { value }
        : { issues: [{ message: 'must be a finite number' }] },
  },
} as const

/** The contract, for typed refs. */
export const CounterContract: Contract<CounterApi> = contract('counter/1', {
  call: { get: true, add: isNumber, crash: true },
  cast: { reset: true },
})

/** The server; its argument is where it starts, 0 when absent. */
export const Counter: Server<CounterApi, number | undefined> = implement(CounterContract, {
  init: (start: number | undefined): number => (typeof start === 'number' ? start : 0),
  call: {
    get: (count) => reply(count, count),
    add: (count, by) => reply(count + by, count + by),
    crash: () => {
      throw new Error('the counter was told to crash')
    },
  },
  cast: { reset: () => noreply(0) },
})
