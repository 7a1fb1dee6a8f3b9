/** The counter, of which there is one in the whole cluster. What it knows is in the ledger, so it can go on anywhere. */
import { contract, implement, noreply, ok, reply } from 'fovea'
import type { Contract, Ref, Server } from 'fovea'
import type { GlobalRegistryFunctions } from 'fovea/dist'
import type { LedgerApi } from './ledger.ts'

export interface CounterApi {
  call: { add(by: number): number }
  cast: {}
}

export const CounterContract: Contract<CounterApi> = contract('counter/1', {
  call: { add: true },
  cast: {},
})

export interface CounterArg {
  readonly ledger: Ref<LedgerApi>
  /** Of the lease under which this one runs. */
  readonly token: number
  readonly names: GlobalRegistryFunctions
}

interface State extends CounterArg {
  readonly value: number
}

export const Counter: Server<CounterApi, CounterArg> = implement<CounterApi, CounterArg, State>(
  CounterContract,
  {
    init: async (arg) => {
      const value = await arg.ledger.call.open(arg.token)
      return ok({ ...arg, value }, { continue: 'register' })
    },
    // The one before may be dead for a moment that not all nodes have noticed: the name is taken over.
    continue: async (state, _register, ctx) => {
      await state.names.reRegister('counter', ctx.self)
      return noreply(state)
    },
    call: {
      // A ledger that refuses the token ends this counter: another one has been started.
      add: async (state, by) => {
        const value = state.value + by
        await state.ledger.call.write({ token: state.token, value })
        return reply(value, { ...state, value })
      },
    },
    cast: {},
  },
)
