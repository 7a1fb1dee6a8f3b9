/**
 * How a voter that has forgotten what it promised comes to vote again: it was started before under this key, and its
 * store holds nothing of that. A synchronous machine.
 *
 *     start ── one TTL, silent ──> asks the other voters ── enough have answered ──> votes, above a floor
 *
 * 1. It waits one TTL: whatever it has voted for has ended by then.
 * 2. Only then it asks the others for their highest token. Every majority that its former votes were part of has
 *    ended by now, so that those who were in it know the token: `voters - majority + 1` others who remember are
 *    one of each such majority. Their highest is its floor.
 * 3. When too few remember, it waits until all others have answered, and goes above all tokens that any voter can
 *    have voted for: lives are counted (the incarnations are on the disk beside the key), their sum has grown since any
 *    of those votes, and stands above the number of a token within one sum.
 */

/** What a voter tells another about itself. */
export interface VoterStanding {
  /** Whether it knows everything that it has promised. */
  readonly remembers: boolean
  /** The highest token that it has voted for, if it remembers. */
  readonly tokenMax: number
  /** Which start of its key this is; 0 when a key is never started twice. */
  readonly lives: number
}

/** Tokens within one sum of lives. */
export const TOKENS_PER_LIFE: number = 2 ** 30

/** What the machine wants. */
export type RecoveryEffect =
  | { readonly type: 'ask'; readonly voter: string }
  | { readonly type: 'ready'; readonly floor: number }

/** What it needs to know. */
export interface RecoveryOptions {
  /** Keys of the other voters. */
  readonly others: readonly string[]
  readonly lives: number
  readonly ttlMs: number
  /** Those who have not answered are asked again after this. */
  readonly retryMs: number
}

/** See the file header. */
export class VoterRecovery {
  readonly #options: RecoveryOptions
  readonly #standings = new Map<string, VoterStanding>()
  #dueMs: number

  constructor(options: RecoveryOptions, nowMs: number) {
    this.#options = options
    this.#dueMs = nowMs + options.ttlMs
  }

  /** When `tick` must be called. */
  get nextDueMs(): number {
    return this.#dueMs
  }

  tick(nowMs: number): readonly RecoveryEffect[] {
    if (nowMs < this.#dueMs) return []
    this.#dueMs = nowMs + this.#options.retryMs
    const ready = this.#floor()
    if (ready !== undefined) return [{ type: 'ready', floor: ready }]
    // Who forgot too is asked again: it may remember by now.
    return this.#options.others
      .filter((voter) => this.#standings.get(voter)?.remembers !== true)
      .map((voter) => ({ type: 'ask', voter }))
  }

  /** The answer to an `ask`. */
  answered(voter: string, standing: VoterStanding): readonly RecoveryEffect[] {
    if (!this.#options.others.includes(voter)) return []
    this.#standings.set(voter, standing)
    const floor = this.#floor()
    return floor === undefined ? [] : [{ type: 'ready', floor }]
  }

  /** Once enough have answered. */
  #floor(): number | undefined {
    const { others, lives } = this.#options
    const voters = others.length + 1
    const majority = Math.floor(voters / 2) + 1
    const all = [...this.#standings.values()]
    const remembering = all.filter(({ remembers }) => remembers)
    const highest = Math.max(0, ...remembering.map(({ tokenMax }) => tokenMax))
    if (remembering.length >= voters - majority + 1) return highest
    if (all.length < others.length) return undefined
    const sum = all.reduce((total, standing) => total + standing.lives, lives)
    return Math.max(highest, sum * TOKENS_PER_LIFE)
  }
}
