/** The server that is measured: a sum, as every side has it. */
import {
  contract,
  implement,
  noreply,
  reply,
  type Contract,
  type NoReply,
  type Ref,
  type Server,
} from 'fovea'

/** Asks and tells of the sum. */
export interface SumApi {
  call: { add(by: number): number; total(): number }
  cast: { put(by: number): void }
}

const SumContract: Contract<SumApi> = contract('bench-sum/1', {
  call: { add: true, total: true },
  cast: { put: true },
})

export const Sum: Server<SumApi, number> = implement(SumContract, {
  init: (start: number) => start,
  call: { add: (n, by) => reply(n + by, n + by), total: (n) => reply(n, n) },
  cast: { put: (n, by) => noreply(n + by) },
})

/** Passes what it gets back, as long as it may. */
export interface PlayerApi {
  cast: { hit(ball: number): void; meet(other: Ref<PlayerApi>): void }
}

interface Player {
  readonly goesOn: () => boolean
  readonly other: Ref<PlayerApi> | undefined
}

const PlayerContract: Contract<PlayerApi> = contract('bench-player/1', {
  call: {},
  cast: { hit: true, meet: true },
})

export const Player: Server<PlayerApi, () => boolean> = implement<PlayerApi, () => boolean, Player>(
  PlayerContract,
  {
    init: (goesOn: () => boolean): Player => ({ goesOn, other: undefined }),
    call: {},
    cast: {
      hit: (player, ball): NoReply<Player> => {
        if (player.goesOn()) player.other?.cast.hit(ball + 1)
        return noreply(player)
      },
      meet: ({ goesOn }, other) => noreply({ goesOn, other }),
    },
  },
)
