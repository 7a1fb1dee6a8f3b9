/**
 * The machines of leases with one rule taken out or bent, each named. A text that is no longer there fails the
 * test, so that the list follows the machines.
 */

/** One rule less. */
export interface LeaseMutant {
  readonly rule: string
  readonly file: 'voter.ts' | 'voter-recovery.ts' | 'holder.ts'
  readonly from: string
  readonly to: string
  /** Of the first schedule that noticed it; the search begins there. */
  readonly firstSeed: number
}

/** Every mutant. */
export const LEASE_MUTANTS: readonly LeaseMutant[] = [
  {
    rule: 'a lease is counted from when the request was sent, not from the answer',
    file: 'holder.ts',
    from: 'this.#majority) this.#extend(round)',
    to: 'this.#majority) this.#extend({ ...round, sentAtMs: nowMs })',
    firstSeed: 575,
  },
  {
    rule: 'a lease is shorter here by what clocks may drift',
    file: 'holder.ts',
    from: 'ttlMs * (1 - clockDriftPpm / MILLION)',
    to: 'ttlMs',
    firstSeed: 67,
  },
  {
    rule: 'a majority is more than half',
    file: 'holder.ts',
    from: 'Math.floor(options.voters.length / 2) + 1',
    to: 'Math.floor(options.voters.length / 2)',
    firstSeed: 0,
  },
  {
    rule: 'a token is higher than what a majority knows',
    file: 'holder.ts',
    from: 'answers.map((answer) => answer.token)) + 1',
    to: 'answers.map((answer) => answer.token))',
    firstSeed: 0,
  },
  {
    rule: 'a restarted voter knows the tokens that it has voted for',
    file: 'voter.ts',
    from: 'this.#keep({ ...record,',
    to: 'this.#keep({ ...record, token: 0,',
    firstSeed: 2,
  },
  {
    rule: 'a restarted voter counts every TTL from its start',
    file: 'voter.ts',
    from: "record.holder === '' ? nowMs : nowMs + record.ttlMs",
    to: 'nowMs',
    firstSeed: 1,
  },
  {
    rule: 'a voter votes for no other until the TTL is over',
    file: 'voter.ts',
    from: 'token <= known.token || (known.remainingMs > 0 && !isOwn)',
    to: 'token <= known.token',
    firstSeed: 17,
  },
  {
    rule: 'a voter votes for higher tokens only',
    file: 'voter.ts',
    from: 'token <= known.token || (known.remainingMs > 0 && !isOwn)',
    to: 'known.remainingMs > 0 && !isOwn',
    firstSeed: 24,
  },
  {
    rule: 'a voter without memory waits one TTL first',
    file: 'voter-recovery.ts',
    from: 'this.#dueMs = nowMs + options.ttlMs',
    to: 'this.#dueMs = nowMs',
    firstSeed: 40,
  },
  {
    rule: 'a voter without memory asks one of every majority',
    file: 'voter-recovery.ts',
    from: 'remembering.length >= voters - majority + 1',
    to: 'remembering.length >= 1',
    firstSeed: 335,
  },
  {
    rule: 'where nobody remembers, all lives are counted',
    file: 'voter-recovery.ts',
    from: 'sum * TOKENS_PER_LIFE',
    to: '0',
    firstSeed: 0,
  },
]
