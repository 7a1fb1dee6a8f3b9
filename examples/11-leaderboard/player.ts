/** A player: an actor that knows its points, stores them before it answers, and tells the board. */
import { contract, implement, reply } from 'fovea'
import type { Contract, Server } from 'fovea'
import type { EntityRef } from 'fovea/dist'
import type { BoardApi } from './board.ts'
import { readScore, writeScore } from './store.ts'
import type { Score } from './store.ts'

export interface PlayerApi {
  /** What a player won in a round. One that is told twice counts once, so whoever got no answer may ask again. */
  call: { win(won: { readonly round: number; readonly points: number }): number }
  cast: {}
}

export const PlayerContract: Contract<PlayerApi> = contract('player/1', {
  call: { win: true },
  cast: {},
})

export interface PlayerArg {
  readonly player: string
  readonly folder: string
  readonly board: EntityRef<BoardApi>
}

interface State extends PlayerArg {
  readonly score: Score
}

export const Player: Server<PlayerApi, PlayerArg> = implement<PlayerApi, PlayerArg, State>(
  PlayerContract,
  {
    init: (arg) => ({ ...arg, score: readScore(arg.folder, arg.player) }),
    call: {
      win: async (state, { round, points }) => {
        const { player, folder, board } = state
        const isNew = round > state.score.round
        const score = isNew ? { round, points: state.score.points + points } : state.score
        if (isNew) writeScore(folder, player, score)
        await board.call('report', { player, points: score.points })
        return reply(score.points, { ...state, score })
      },
    },
    cast: {},
  },
)
