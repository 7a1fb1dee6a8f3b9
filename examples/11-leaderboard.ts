/**
 * A leaderboard of actors: one for each player and one for the board, spread over processes by their ids. One process is
 * killed, another one comes, and whoever plays does not notice. Run it with: npm run example 11
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { startNode } from 'fovea/dist'
import type { FoveaNode, Sharded } from 'fovea/dist'
import { best, Board, BoardContract } from './11-leaderboard/board.ts'
import { Player, PlayerContract } from './11-leaderboard/player.ts'
import type { PlayerApi } from './11-leaderboard/player.ts'
import { runProcesses } from './processes.ts'
import type { Part, Stage } from './processes.ts'

const SHARDS = 16
const PLAYERS = Array.from({ length: 20 }, (_none, at) => `player-${at + 1}`)

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0)

/** What a player wins in a round. */
const won = (player: string, round: number): number =>
  (Number(player.split('-')[1]) * 7 + round * 13) % 10

await runProcesses(play, startHost)

/** In each of the other processes: a host of players and boards. */
async function startHost({ folder, options }: Part): Promise<FoveaNode> {
  const node = await startNode(options)
  await node.cluster.waitFor(options.seeds?.[0] ?? '')
  const scores = join(folder, 'scores')
  node.behaviorRegistry.register(Board)
  node.behaviorRegistry.register(Player)
  const boards = await node.sharding.start({
    ...{ entity: BoardContract, shards: SHARDS },
    argOf: () => scores,
  })
  const board = boards.entityRef('all')
  await node.sharding.start({
    ...{ entity: PlayerContract, shards: SHARDS },
    argOf: ({ id }) => ({ player: id, folder: scores, board }),
  })
  return node
}

async function play({ node, folder, start }: Stage): Promise<void> {
  await mkdir(join(folder, 'scores'))
  const actors = await Promise.all(['ape', 'bee'].map((name) => start(name)))
  // Who only sends needs no behaviour.
  const boards = await node.sharding.start({ entity: BoardContract, shards: SHARDS, host: false })
  const players = await node.sharding.start({ entity: PlayerContract, shards: SHARDS, host: false })
  const board = boards.entityRef('all')
  const show = (): void => {
    console.log('the board is at', boards.hostOf('all'), 'and players are at', hostsOf(players))
  }

  for (const round of [1, 2, 3]) await playRound(players, round)
  show()
  const host = actors.find(({ id }) => id === boards.hostOf('all'))
  if (host === undefined) throw new Error('the board is nowhere')
  console.log('kill -9 of', host.name, 'in the middle of a round')
  await Promise.all([playRound(players, 4), host.kill()])
  show()
  await Promise.all([playRound(players, 5), start('cat')])
  await playRound(players, 6)
  show()

  const rounds = [1, 2, 3, 4, 5, 6]
  const right = new Map(PLAYERS.map((player) => [player, sum(rounds.map((r) => won(player, r)))]))
  const top = await board.call('top', PLAYERS.length)
  if (JSON.stringify(top) !== JSON.stringify(best(right, PLAYERS.length))) {
    throw new Error(`the board is wrong: ${JSON.stringify(top)}`)
  }
  const first = top.slice(0, 3).map(({ player, points }) => `${player} ${points}`)
  console.log(`every win of ${PLAYERS.length} players counts once; in front: ${first.join(', ')}`)
  await Promise.all([players.stop(), boards.stop()])
}

/** All players at once. */
async function playRound(players: Sharded<PlayerApi>, round: number): Promise<void> {
  await Promise.all(
    PLAYERS.map(async (id) => {
      for (;;) {
        const win = { round, points: won(id, round) }
        try {
          return await players.entityRef(id).call('win', win)
        } catch {
          await setTimeout(100) // its host was lost; it can be asked again, see there
        }
      }
    }),
  )
}

function hostsOf(players: Sharded<PlayerApi>): string {
  const names = PLAYERS.map((id) => players.hostOf(id)?.split('@')[0] ?? 'nowhere').sort()
  const counts = [...new Set(names)].map((name) => {
    return `${name} (${names.filter((one) => one === name).length})`
  })
  return counts.join(', ')
}
