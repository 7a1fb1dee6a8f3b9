/**
 * A claim: a node says that one of its processes has a name. Only the node of the process can make it, for what it names
 * is a process number of the node that says it, in the life in which it says it (NX-D23). All claims of a name together
 * decide who has it, the same way on every node; no clock is asked (NX-D16).
 *
 *     meta: [process, state, id, contract or null, counter, wins, fence, how, node, life, id, how, ...]
 *
 * The `id` of a claim stays when it becomes held, and is another one when it has won a conflict. Values at the end that are the usual ones are left out.
 */
import type { Ref } from '../../behaviours/index.ts'
import { SpaceEntry, type EntryFacts } from '../../mesh/index.ts'

/**
 * `pending`: not everybody has acknowledged it. `held`: they have, and the name is the process's. `dissolved`: nobody has the
 * name; the claim stands only until those that it ends are gone.
 */
export type ClaimState = 'pending' | 'held' | 'dissolved'

/** What becomes of the process of a claim that loses against another one. */
export type Ending = 'replaced' | 'exit' | 'notify' | 'dissolve'

/** A claim that another one ends. */
export interface Ended {
  readonly node: string
  readonly life: number
  readonly id: number
  readonly how: Ending
}

/** What a node says of a name. */
export interface ClaimBody {
  readonly process: number
  readonly state: ClaimState
  /** Among all claims of its node in this life. */
  readonly id: number
  /** Name of the contract that the process speaks. */
  readonly contract: string | undefined
  /** How often the name was registered over a registration that stood. */
  readonly counter: number
  /** Conflicts that it has won. */
  readonly wins: number
  /** Token of the lease of a strict name; 0 for others. */
  readonly fence: number
  /** What becomes of processes that lose against it. */
  readonly how: Ending
  /** Claims that are over because of it, whatever their right. */
  readonly ends: readonly Ended[]
}

/** The usual claim, but for its process and id. */
export const PLAIN_CLAIM: Omit<ClaimBody, 'process' | 'id'> = Object.freeze({
  state: 'pending',
  contract: undefined,
  counter: 1,
  wins: 0,
  fence: 0,
  how: 'exit',
  ends: Object.freeze([]),
})

const STATES: readonly ClaimState[] = ['pending', 'held', 'dissolved']
const ENDINGS: readonly Ending[] = ['exit', 'notify', 'dissolve', 'replaced']

/** Values before the claims that are ended. */
const FIXED = 8
const CONTRACT_LENGTH_MAX = 256
const KEY_PATTERN = /^[0-9a-f]{64}$/

/** Claims that one can end: one of each of so many nodes. */
export const ENDS_MAX = 64

/** A claim as it is known. */
export class Claim extends SpaceEntry implements ClaimBody {
  readonly process: number
  readonly state: ClaimState
  readonly id: number
  readonly contract: string | undefined
  readonly counter: number
  readonly wins: number
  readonly fence: number
  readonly how: Ending
  readonly ends: readonly Ended[]
  /** False when its node said something that is none: it never counts. */
  readonly isValid: boolean
  /** What a look-up gives, once it was made; for whoever looks up. */
  found: Ref<unknown> | undefined

  constructor(facts: EntryFacts) {
    super(facts, undefined)
    this.found = undefined
    const body = bodyOf(facts.meta)
    this.isValid = body !== undefined
    const said = body ?? NO_CLAIM
    this.process = said.process
    this.state = said.state
    this.id = said.id
    this.contract = said.contract
    this.counter = said.counter
    this.wins = said.wins
    this.fence = said.fence
    this.how = said.how
    this.ends = said.ends
  }
}

const NO_CLAIM: ClaimBody = Object.freeze({ ...PLAIN_CLAIM, process: 0, id: 0 })

/** What travels. */
export function metaOf(body: ClaimBody): unknown[] {
  const { process, state, id, contract, counter, wins, fence, how, ends } = body
  const fixed = [
    ...[process, STATES.indexOf(state), id, contract ?? null],
    ...[counter, wins, fence, ENDINGS.indexOf(how)],
  ]
  if (ends.length > 0) {
    const flat = ends.map(({ node, life, id: of, how }) => [node, life, of, ENDINGS.indexOf(how)])
    return [...fixed, ...flat.flat()]
  }
  const usual = [undefined, undefined, undefined, null, 1, 0, 0, 0]
  while (fixed.length > 3 && fixed.at(-1) === usual[fixed.length - 1]) fixed.pop()
  return fixed
}

/** What a node said, if it is a claim. Read by places and not taken apart: a newcomer reads a hundred thousand. */
export function bodyOf(meta: unknown): ClaimBody | undefined {
  if (!Array.isArray(meta) || meta.length < 3) return undefined
  const all = meta as readonly unknown[]
  const process = all[0]
  const state = at(STATES, all[1])
  const id = all[2]
  const contract = all[3] ?? undefined
  const counter = all[4] ?? 1
  const wins = all[5] ?? 0
  const fence = all[6] ?? 0
  const how = at(ENDINGS, all[7] ?? 0)
  if (!isWhole(process) || !isWhole(id) || state === undefined || how === undefined)
    return undefined
  if (!isWhole(counter) || !isWhole(wins) || !isWhole(fence)) return undefined
  if (contract !== undefined) {
    if (typeof contract !== 'string' || contract.length > CONTRACT_LENGTH_MAX) return undefined
  }
  const ends = all.length <= FIXED ? PLAIN_CLAIM.ends : endsOf(all.slice(FIXED))
  if (ends === undefined) return undefined
  return { process, state, id, contract, counter, wins, fence, how, ends }
}

function endsOf(flat: readonly unknown[]): Ended[] | undefined {
  if (flat.length % 4 !== 0 || flat.length > 4 * ENDS_MAX) return undefined
  const ends: Ended[] = []
  for (let i = 0; i < flat.length; i += 4) {
    const [node, life, id, code] = flat.slice(i, i + 4)
    const how = at(ENDINGS, code)
    if (typeof node !== 'string' || !KEY_PATTERN.test(node) || how === undefined) return undefined
    if (!isWhole(life) || !isWhole(id)) return undefined
    ends.push({ node, life, id, how })
  }
  return ends
}

/** A peer may send anything for a place: the name of a property, or an object that cannot be one. */
function at<T>(list: readonly T[], place: unknown): T | undefined {
  return typeof place === 'number' ? list[place] : undefined
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** Whether both are the same claim in the same state. */
export function isSame(a: Claim, b: Claim): boolean {
  return a === b || (a.version === b.version && a.life === b.life && a.node === b.node)
}

/** Whether that is the claim which was ended. */
export function isEnded({ node, life, id }: Ended, claim: Claim): boolean {
  return id === claim.id && life === claim.life && node === claim.node
}

/** The ending of `claim` by `other`, if that one ends it. */
export function endingOf(claim: Claim, other: Claim): Ending | undefined {
  return other.ends.find((ended) => isEnded(ended, claim))?.how
}

/** Negative when `a` has the later fence, or has won more conflicts; 0 when they are even. */
export function compareWins(a: Claim, b: Claim): number {
  return a.fence === b.fence ? b.wins - a.wins : b.fence - a.fence
}

/**
 * Negative when `a` has the better right: held before pending, the later fence, more conflicts won, registered over more
 * often, and last the smaller key of the node. Never 0 for claims of two nodes.
 */
export function compareClaims(a: Claim, b: Claim): number {
  if (a.state !== b.state && (a.state === 'pending' || b.state === 'pending')) {
    return a.state === 'pending' ? 1 : -1
  }
  const wins = compareWins(a, b)
  if (wins !== 0) return wins
  if (a.counter !== b.counter) return b.counter - a.counter
  return a.node < b.node ? -1 : a.node > b.node ? 1 : 0
}
