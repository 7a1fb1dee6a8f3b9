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
}

/** Every mutant. */
export const LEASE_MUTANTS: readonly LeaseMutant[] = [
  {
    rule: 'a lease is counted from when the request was sent, not from the answer',
    file: 'holder.ts',
    from: 'this.#majority) this.#extend(round)',
    to: 'this.#majority) this.#extend({ ...round, sentAtMs: nowMs })',
  },
  {
    rule: 'a lease is shorter here by what clocks may drift',
    file: 'holder.ts',
    from: 'ttlMs * (1 - clockDriftPpm / MILLION)',
    to: 'ttlMs',
  },
  {
    rule: 'a majority is more than half',
    file: 'holder.ts',
    from: 'Math.floor(options.voters.length / 2) + 1',
    to: 'Math.floor(options.voters.length / 2)',
  },
  {
    rule: 'a token is higher than what a majority knows',
    file: 'holder.ts',
    from: 'answers.map((answer) => answer.token)) + 1',
    to: 'answers.map((answer) => answer.token))',
  },
  {
    rule: 'a restarted voter knows the tokens that it has voted for',
    file: 'voter.ts',
    from: 'this.#keep({ ...record,',
    to: 'this.#keep({ ...record, token: 0,',
  },
  {
    rule: 'a restarted voter counts every TTL from its start',
    file: 'voter.ts',
    from: "record.holder === '' ? nowMs : nowMs + record.ttlMs",
    to: 'nowMs',
  },
  {
    rule: 'a voter votes for no other until the TTL is over',
    file: 'voter.ts',
    from: 'token <= known.token || (known.remainingMs > 0 && !isOwn)',
    to: 'token <= known.token',
  },
  {
    rule: 'a voter votes for higher tokens only',
    file: 'voter.ts',
    from: 'token <= known.token || (known.remainingMs > 0 && !isOwn)',
    to: 'known.remainingMs > 0 && !isOwn',
  },
  {
    rule: 'a voter without memory waits one TTL first',
    file: 'voter-recovery.ts',
    from: 'this.#dueMs = nowMs + options.ttlMs',
    to: 'this.#dueMs = nowMs',
  },
  {
    rule: 'a voter without memory asks one of every majority',
    file: 'voter-recovery.ts',
    from: 'remembering.length >= voters - majority + 1',
    to: 'remembering.length >= 1',
  },
  {
    rule: 'where nobody remembers, all lives are counted',
    file: 'voter-recovery.ts',
    from: 'sum * TOKENS_PER_LIFE',
    to: '0',
  },
]
