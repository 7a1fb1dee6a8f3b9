/** The process that closes links which nobody needs; `idle-links.ts` says which. */
import { contract, implement, noreply } from '../../behaviours/index.ts'
import type { Contract, Server } from '../../behaviours/index.ts'
import type { Clock } from '../../runtime/index.ts'
import { Alarm, ALARM } from '../alarm.ts'
import type { Connection } from './connection.ts'
import { IdleLinks } from './idle-links.ts'
import type { IdleLinksOptions } from './idle-links.ts'
import type { LinkPool } from './pool.ts'

/** What it works with. */
export interface IdleContext {
  readonly options: IdleLinksOptions
  readonly clock: Clock
  readonly pool: LinkPool
}

/** It answers nobody. */
export interface IdleApi {
  call: {}
  cast: {}
}

interface State {
  readonly context: IdleContext
  readonly idle: IdleLinks<Connection>
  readonly alarm: Alarm
}

/** Looked at this often at least, and at most. */
const SWEEP_MS_MIN = 100
const SWEEP_MS_MAX = 5_000

const IdleContract: Contract<IdleApi> = contract('fovea.idle/1', { call: {}, cast: {} })

/** Starts and serves it. */
export const IdleServer: Server<IdleApi, IdleContext> = implement<IdleApi, IdleContext, State>(
  IdleContract,
  {
    init: (context, ctx): State => {
      const { clock, options, pool } = context
      const idle = new IdleLinks<Connection>(
        options,
        (link) => pool.isKept(link),
        (link) => pool.expectedUse(link),
      )
      const state = { context, idle, alarm: new Alarm(clock) }
      state.alarm.set(ctx, clock.now() + sweepMs(options))
      return state
    },
    call: {},
    cast: {},
    info: (state, info, ctx) => {
      if (info.type !== 'message' || info.message !== ALARM) return noreply(state)
      const { context, idle, alarm } = state
      const { clock, options, pool } = context
      alarm.rang()
      const nowMs = clock.now()
      for (const link of idle.sweep(pool.links(), nowMs)) link.part()
      alarm.set(ctx, nowMs + sweepMs(options))
      return noreply(state)
    },
  },
)

/** Often enough to tell uses apart that are half of the shortest rest apart. */
function sweepMs({ linkIdleMs, linkIdleMinMs }: IdleLinksOptions): number {
  const halfMs = Math.min(linkIdleMs, linkIdleMinMs) / 2
  return Math.min(SWEEP_MS_MAX, Math.max(SWEEP_MS_MIN, halfMs))
}
