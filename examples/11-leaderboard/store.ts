/** What players have, a file each; in a real program a database. Each file has one writer: the actor of its player. */
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Score {
  readonly points: number
  /** The last round that is in it. */
  readonly round: number
}

const NONE: Score = { points: 0, round: 0 }
const SUFFIX = '.json'

export function readScore(folder: string, player: string): Score {
  try {
    return JSON.parse(readFileSync(join(folder, player + SUFFIX), 'utf8')) as Score
  } catch (error) {
    if ((error as { readonly code?: string }).code === 'ENOENT') return NONE
    throw error
  }
}

/** Whoever is killed meanwhile leaves the old file or the new one. */
export function writeScore(folder: string, player: string, score: Score): void {
  const path = join(folder, player + SUFFIX)
  writeFileSync(`${path}.new`, JSON.stringify(score))
  renameSync(`${path}.new`, path)
}

export function allScores(folder: string): Map<string, number> {
  const names = readdirSync(folder).filter((name) => name.endsWith(SUFFIX))
  const players = names.map((name) => name.slice(0, -SUFFIX.length))
  return new Map(players.map((player) => [player, readScore(folder, player).points]))
}
