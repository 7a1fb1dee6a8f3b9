/**
 * The process of the member exchange: it feeds links, `swim_sync` frames and time to the machine and
 * carries out what it decides. `MembershipView` outlives it, so subscribers notice nothing of a
 * restart but the changes that happened meanwhile.
 */
import { contract, implement, noreply } from '../../behaviours/index.ts'
import type { Contract, Server } from '../../behaviours/index.ts'
import type { Clock } from '../../runtime/index.ts'
import { Alarm, ALARM } from '../alarm.ts'
import type { Dialer } from '../link/dialer.ts'
import type { FrameRouter } from '../link/frame-router.ts'
import { isLastingFailure } from '../link/lasting.ts'
import type { LinkEvent } from '../link/link.ts'
import type { LinkPool } from '../link/pool.ts'
import type { Refusals } from '../refusals.ts'
import { WireType } from '../wire/messages.ts'
import { MemberExchange } from './exchange.ts'
import type { ExchangeEffect, ExchangeOptions, SyncEntry } from './exchange.ts'
import type { SyncProtocol } from './sync-protocol.ts'
import type { MembershipView } from './view.ts'

/** What the membership process needs. */
export interface MembershipContext {
  readonly options: ExchangeOptions
  readonly clock: Clock
  readonly chance: () => number
  readonly pool: LinkPool
  readonly dialer: Dialer
  readonly frames: FrameRouter
  readonly protocol: SyncProtocol
  readonly refusals: Refusals
  readonly view: MembershipView
}

/** A link event as the process keeps it. */
interface SyncFrom {
  readonly fromHex: string
  readonly entries: readonly SyncEntry[]
}

/** Messages of the membership process to itself. */
export interface MembershipApi {
  call: {}
  cast: {
    link(event: LinkEvent): void
    sync(sync: SyncFrom): void
    dialFailed(failure: { readonly keyHex: string; readonly error: unknown }): void
  }
}

interface State {
  readonly context: MembershipContext
  readonly exchange: MemberExchange
  readonly alarm: Alarm
}

const MembershipContract: Contract<MembershipApi> = contract('fovea.membership/1', {
  call: {},
  cast: { link: true, sync: true, dialFailed: true },
})

/** `swim_sync` frames that one peer may send within a second. */
const SYNCS_PER_SECOND = 16

/** Starts and serves the member exchange. */
export const MembershipServer: Server<MembershipApi, MembershipContext> = implement<
  MembershipApi,
  MembershipContext,
  State
>(MembershipContract, {
  init: (context, ctx): State => {
    const { clock, options, chance, pool, view } = context
    const exchange = new MemberExchange(options, chance, clock.now())
    exchange.restore(view.members(), clock.now())
    const state: State = { context, exchange, alarm: new Alarm(clock) }
    listen(context, ctx.self.cast, ctx.signal)
    for (const link of pool.links()) {
      const effects = exchange.linkUp(link.peer, clock.now())
      apply(
        state,
        effects.filter(({ type }) => type !== 'event'),
        ctx.self.cast,
      )
    }
    view.reconcile(exchange.members())
    state.alarm.set(ctx, exchange.nextDueMs())
    return state
  },
  call: {},
  cast: {
    link: (state, event, ctx) => {
      const { exchange, context } = state
      const nowMs = context.clock.now()
      const { peer } = event.link
      const effects =
        event.type === 'up'
          ? exchange.linkUp(peer, nowMs)
          : exchange.linkDown(peer.key.hex, event.reason, nowMs)
      return after(state, effects, ctx)
    },
    sync: (state, { fromHex, entries }, ctx) =>
      after(state, state.exchange.sync(fromHex, entries, state.context.clock.now()), ctx),
    dialFailed: (state, { keyHex, error }, ctx) => {
      const nowMs = state.context.clock.now()
      return after(state, state.exchange.dialFailed(keyHex, isLastingFailure(error), nowMs), ctx)
    },
  },
  info: (state, info, ctx) => {
    if (info.type !== 'message' || info.message !== ALARM) return noreply(state)
    state.alarm.rang()
    return after(state, state.exchange.tick(state.context.clock.now()), ctx)
  },
})

/** What handlers use of their context. */
interface Self {
  readonly link: (event: LinkEvent) => boolean
  readonly sync: (sync: SyncFrom) => boolean
  readonly dialFailed: (failure: { readonly keyHex: string; readonly error: unknown }) => boolean
}

type Timers = Parameters<Alarm['set']>[0] & { readonly self: { readonly cast: Self } }

function after(
  state: State,
  effects: readonly ExchangeEffect[],
  ctx: Timers,
): ReturnType<typeof noreply<State>> {
  apply(state, effects, ctx.self.cast)
  state.alarm.set(ctx, state.exchange.nextDueMs())
  return noreply(state)
}

/** Until the process dies, however it dies. */
function listen(context: MembershipContext, self: Self, signal: AbortSignal): void {
  const { pool, frames, protocol, refusals, clock } = context
  const windows = new Map<string, { startMs: number; count: number }>()
  const offLink = pool.onLink((event) => {
    if (event.type === 'down') windows.delete(event.link.peer.key.hex)
    self.link(event)
  })
  const offFrames = frames.handle(WireType.swimSync, WireType.swimSync, (link, _type, payload) => {
    const fromHex = link.peer.key.hex
    const nowMs = clock.now()
    let window = windows.get(fromHex)
    if (window === undefined || nowMs - window.startMs >= 1_000) {
      window = { startMs: nowMs, count: 0 }
      windows.set(fromHex, window)
    }
    window.count += 1
    const peer = link.peer.nodeId
    if (window.count > SYNCS_PER_SECOND) return refusals.count('ERR_MEMBERS_SYNC_FLOOD', { peer })
    const entries = protocol.read(payload)
    if (!self.sync({ fromHex, entries })) refusals.count('ERR_MEMBERS_BUSY', { peer })
  })
  signal.addEventListener('abort', () => {
    offLink()
    offFrames()
  })
}

function apply({ context }: State, effects: readonly ExchangeEffect[], self: Self): void {
  const { pool, dialer, protocol, refusals, view } = context
  for (const effect of effects) {
    switch (effect.type) {
      case 'event':
        view.apply(effect.event)
        break
      case 'dial': {
        const { key, address } = effect
        dialer.connect({ ...address, key }, { timeoutMs: Infinity }).catch((error: unknown) => {
          if (pool.accepting)
            refusals.count(codeOf(error), { dial: `${address.host}:${address.port}`, err: error })
          self.dialFailed({ keyHex: key.hex, error })
        })
        break
      }
      case 'sync':
        for (const frame of protocol.frames(effect.entries)) {
          try {
            pool.link(effect.to)?.send('control', frame)
          } catch {
            // Counted by the link; the periodic exchange repeats it.
          }
        }
        break
      case 'refused':
        refusals.count(effect.code, { entries: effect.count }, { times: effect.count })
    }
  }
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code
  return typeof code === 'string' ? code : 'ERR_LINK_CLOSED'
}
