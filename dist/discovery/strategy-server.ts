/**
 * The process of one strategy. It calls `start`, hands on what the strategy says, and calls `start` again, after
 * growing pauses, when that fails; so a source that is down for hours costs a node nothing but the knowledge of it.
 * When the process is killed its supervisor starts it anew, and what the strategy said before does not count any more.
 */
import { contract, implement, noreply, type Contract, type Server } from '../../behaviours/index.ts'
import type { Candidate, DiscoverySink } from '../../mesh/index.ts'
import { retryPauses } from './poll.ts'
import type { Strategy, StrategyContext } from './strategy.ts'
import { pause } from './wait.ts'

/** Where a strategy's words go. */
export interface StrategyEar {
  began(): void
  seen(candidates: readonly Candidate[]): void
  gone(candidates: readonly Candidate[]): void
  failed(error: unknown): void
}

/** What the process needs. */
export interface StrategyJob {
  readonly strategy: Strategy
  readonly ear: StrategyEar
  context(signal: AbortSignal): StrategyContext
}

/** It is not talked to. */
export interface StrategyApi {
  call: {}
  cast: {}
}

const StrategyContract: Contract<StrategyApi> = contract('fovea.strategy/1', { call: {}, cast: {} })

interface State {
  readonly over: AbortController
  /** Resolves when the strategy has let go of all that it had. */
  readonly ended: Promise<void>
}

/** Runs a strategy. Its process traps exits: its end waits for what the strategy still closes. */
export const StrategyServer: Server<StrategyApi, StrategyJob> = implement<
  StrategyApi,
  StrategyJob,
  State
>(StrategyContract, {
  init: (job, { signal }): State => {
    const over = new AbortController()
    signal.addEventListener('abort', () => over.abort())
    job.ear.began()
    return { over, ended: run(job, job.context(over.signal)) }
  },
  call: {},
  cast: {},
  info: (state) => noreply(state),
  terminate: (_reason, { over, ended }) => {
    over.abort()
    return ended
  },
})

async function run({ strategy, ear }: StrategyJob, context: StrategyContext): Promise<void> {
  const { clock, entropy, signal } = context
  const pauses = retryPauses()
  const unlessOver =
    <T>(say: (words: T) => void) =>
    (words: T): void => {
      if (!signal.aborted) say(words)
    }
  const sink: DiscoverySink = {
    seen: unlessOver(ear.seen),
    gone: unlessOver(ear.gone),
    failed: unlessOver(ear.failed),
  }
  while (!signal.aborted) {
    try {
      await strategy.start(sink, context)
      return
    } catch (error) {
      sink.failed(error)
    }
    if (!(await pause(clock, pauses.nextMs(entropy.random()), signal))) return
  }
}
