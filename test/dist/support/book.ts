/** A process that notes what it is told, in order, for tests of what is lost, doubled or late on the way to it. */
import {
  contract,
  implement,
  noreply,
  reply,
  type Contract,
  type Server,
} from '../../../behaviours/index.ts'

/** What it is told: a number, by a cast with as many bytes as the test likes. */
export interface BookApi {
  call: { note(number: number): number }
  cast: { note(page: { readonly number: number; readonly rest: Uint8Array }): void }
}

export const BookContract: Contract<BookApi> = contract('book/1', {
  call: { note: true },
  cast: { note: true },
})

/** The behaviour; `noted` is called with each number as it is handled. */
export function bookOf(noted: (number: number) => void): Server<BookApi> {
  return implement<BookApi, undefined, undefined>(BookContract, {
    init: () => undefined,
    call: {
      note: (state, number) => {
        noted(number)
        return reply(number, state)
      },
    },
    cast: {
      note: (state, { number }) => {
        noted(number)
        return noreply(state)
      },
    },
  })
}
