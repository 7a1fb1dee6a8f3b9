/**
 * Where the count is kept; in a real program a database. It knows the highest fencing token it has heard of and takes nothing
 * from anybody with a lower one, however late that comes.
 */
import { contract, implement, noreply, reply } from 'fovea'
import type { Contract, Server } from 'fovea'

export interface LedgerApi {
  call: {
    /** What is kept; from now on only this token and higher ones may write. */
    open(token: number): number
    write(entry: { readonly token: number; readonly value: number }): void
    read(): { readonly token: number; readonly value: number }
  }
  cast: {}
}

export const LedgerContract: Contract<LedgerApi> = contract('ledger/1', {
  call: { open: true, write: true, read: true },
  cast: {},
})

interface State {
  readonly token: number
  readonly value: number
}

const tooOld = (token: number, state: State): Error =>
  new Error(`token ${token} is too old, ${state.token} was here`)

export const Ledger: Server<LedgerApi, undefined> = implement<LedgerApi, undefined, State>(
  LedgerContract,
  {
    init: () => ({ token: 0, value: 0 }),
    call: {
      open: (state, token, ctx) => {
        if (token > state.token) return reply(state.value, { ...state, token })
        ctx.from.fail(tooOld(token, state))
        return noreply(state)
      },
      write: (state, { token, value }, ctx) => {
        if (token >= state.token) return reply(undefined, { token, value })
        ctx.from.fail(tooOld(token, state))
        return noreply(state)
      },
      read: (state) => reply(state, state),
    },
    cast: {},
  },
)
