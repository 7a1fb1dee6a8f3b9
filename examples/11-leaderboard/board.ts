/** The leaderboard: one actor, which holds in memory what it can read again wherever it is started. */
import { contract, implement, reply } from 'fovea'
import type { Contract, Server } from 'fovea'
import { allScores } from './store.ts'

export interface Place {
  readonly player: string
  readonly points: number
}

export interface BoardApi {
  call: { report(place: Place): void; top(count: number): readonly Place[] }
  cast: {}
}

export const BoardContract: Contract<BoardApi> = contract('board/1', {
  call: { report: true, top: true },
  cast: {},
})

export const Board: Server<BoardApi, string> = implement<BoardApi, string, Map<string, number>>(
  BoardContract,
  {
    init: (folder) => allScores(folder),
    call: {
      report: (places, { player, points }) => {
        places.set(player, Math.max(points, places.get(player) ?? 0))
        return reply(undefined, places)
      },
      top: (places, count) => reply(best(places, count), places),
    },
    cast: {},
  },
)

/** The first of all, those with the same points by name. */
export function best(places: ReadonlyMap<string, number>, count: number): readonly Place[] {
  return [...places]
    .map(([player, points]) => ({ player, points }))
    .sort((x, y) => y.points - x.points || x.player.localeCompare(y.player))
    .slice(0, count)
}
