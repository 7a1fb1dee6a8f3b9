/**
 * A tally, in two versions that speak one contract: the second one keeps a sum, too. Its state goes along when it is moved. From
 * the moment at which it gave it away it counts nothing, so a call that it refuses was not executed and may be made again. Whoever
 * lost the answer to a call does not know; the numbers go up, so a tally that has counted one knows a repeat when it sees it.
 */
import { contract, implement, noreply, reply } from 'fovea'
import type { Contract, Ctx, NoReply, Server } from 'fovea'
import type { HandoffReply } from 'fovea/dist'

export interface TallyApi {
  call: {
    add(number: number): void
    read(): { readonly version: number; readonly numbers: readonly number[] }
    beginHandoff(): HandoffReply
    endHandoff(state: Tallied): void
  }
  cast: {}
}

export const TallyContract: Contract<TallyApi> = contract('tally/1', {
  call: { add: true, read: true, beginHandoff: true, endHandoff: true },
  cast: {},
})

/** What is handed over: version 1 has no sum. */
interface Tallied {
  readonly numbers: readonly number[]
  readonly sum?: number
}

/** Undefined when it was given away. */
type State<T extends Tallied> = T | undefined

/** A refusal that says: not here, and not executed. */
export class MovedError extends Error {
  readonly code = 'ERR_TALLY_MOVED'
}

function refuse<T>(state: T, ctx: Ctx<never>): NoReply<T> {
  ctx.from.fail(new MovedError('the tally has moved'))
  return noreply(state)
}

/** A version of it, by what it makes of the state of any other, and how it adds. */
function tally<T extends Tallied>(
  version: number,
  upgrade: (old: Tallied) => T,
  add: (state: T, number: number) => T,
): Server<TallyApi, undefined> {
  return implement<TallyApi, undefined, State<T>>(TallyContract, {
    init: () => upgrade({ numbers: [] }),
    call: {
      add: (state, number, ctx) => {
        if (state === undefined) return refuse(state, ctx)
        const isRepeat = number <= (state.numbers.at(-1) ?? 0)
        return reply(undefined, isRepeat ? state : add(state, number))
      },
      read: (state, _input, ctx) =>
        state === undefined
          ? refuse(state, ctx)
          : reply({ version, numbers: state.numbers }, state),
      beginHandoff: (state, _input, ctx) =>
        state === undefined ? refuse(state, ctx) : reply({ resume: state }, undefined),
      endHandoff: (_state, old) => reply(undefined, upgrade(old)),
    },
    cast: {},
  })
}

export const TallyV1 = tally(
  1,
  ({ numbers }) => ({ numbers }),
  ({ numbers }, number) => ({ numbers: [...numbers, number] }),
)

export const TallyV2 = tally(
  2,
  ({ numbers, sum = numbers.reduce((all, one) => all + one, 0) }) => ({ numbers, sum }),
  ({ numbers, sum }, number) => ({ numbers: [...numbers, number], sum: sum + number }),
)
