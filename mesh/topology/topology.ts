/**
 * The process that keeps the standing links of this node: it feeds members and links to the machine in
 * `neighbourhood.ts`, dials whom that chooses, holds those links and tells the peers.
 *
 * It chooses once per batch of changes: a table of a thousand members that arrives at once is one choice.
 * Restarting it forgets who was chosen; links that exist are chosen first, so most stay.
 */
import { contract, implement, noreply } from '../../behaviours/index.ts'
import type { Contract, Server } from '../../behaviours/index.ts'
import type { Clock } from '../../runtime/index.ts'
import { Alarm, ALARM } from '../alarm.ts'
import type { Dialer } from '../link/dialer.ts'
import type { Link, LinkEvent } from '../link/link.ts'
import type { LinkPool } from '../link/pool.ts'
import type { LinkDownReason } from '../link/reasons.ts'
import type { HoldSignal } from '../membership/hold-signal.ts'
import type { MemberEvent } from '../membership/membership.ts'
import type { SwimProtocol } from '../membership/swim-protocol.ts'
import type { MembershipView } from '../membership/view.ts'
import type { Refusals } from '../refusals.ts'
import { Neighbourhood } from './neighbourhood.ts'
import type {
  NeighbourhoodEffect,
  NeighbourhoodOptions,
  NeighbourTrouble,
} from './neighbourhood.ts'

/** What the topology process needs. */
export interface TopologyContext {
  readonly options: NeighbourhoodOptions
  readonly clock: Clock
  readonly chance: () => number
  readonly pool: LinkPool
  readonly dialer: Dialer
  readonly refusals: Refusals
  readonly view: MembershipView
  readonly protocol: SwimProtocol
  readonly holdSignal: HoldSignal
  /** Holds on standing links, by key of the peer; emptied when the process ends. */
  readonly standing: Map<string, () => void>
}

/** Messages of the topology process to itself. */
export interface TopologyApi {
  call: {}
  cast: {
    link(event: LinkEvent): void
    member(event: MemberEvent): void
    /** A peer keeps the link with it as a standing one, or not any more. */
    peerHolds(word: { readonly link: Link; readonly hold: boolean }): void
    dialFailed(key: string): void
    /** Everything of a batch is told. */
    choose(): void
  }
}

interface State {
  readonly context: TopologyContext
  readonly machine: Neighbourhood
  readonly alarm: Alarm
  /** A `choose` is on its way. */
  choosing: boolean
}

const TopologyContract: Contract<TopologyApi> = contract('fovea.topology/1', {
  call: {},
  cast: { link: true, member: true, peerHolds: true, dialFailed: true, choose: true },
})

/** Starts and serves the standing links. */
export const TopologyServer: Server<TopologyApi, TopologyContext> = implement<
  TopologyApi,
  TopologyContext,
  State
>(TopologyContract, {
  init: (context, ctx): State => {
    const { options, chance, clock, pool, view, holdSignal, standing } = context
    const machine = new Neighbourhood(options, chance)
    const self = ctx.self.cast
    for (const { peer } of pool.links()) machine.linkUp(peer.key.hex)
    const release = [
      pool.onLink((event) => void self.link(event)),
      view.subscribe((event) => void self.member(event)),
      holdSignal.subscribe((link, hold) => void self.peerHolds({ link, hold })),
    ]
    ctx.signal.addEventListener('abort', () => {
      for (const off of release) off()
      for (const letGo of standing.values()) letGo()
      standing.clear()
    })
    return { context, machine, alarm: new Alarm(clock), choosing: false }
  },
  call: {},
  cast: {
    link: (state, { type, link, ...event }, ctx) => {
      const { machine, context } = state
      const { hex } = link.peer.key
      // Another link to that node may have come up while this message was on its way.
      const linked = context.pool.link(hex)
      if (type === 'up' && linked !== link) return noreply(state)
      let choose = false
      if (type === 'down') {
        letGo(context, hex)
        const reason = 'reason' in event ? event.reason : 'connection_closed'
        choose = machine.linkDown(hex, troubleOf(reason), context.clock.now())
      }
      if (linked !== undefined && machine.linkUp(hex)) choose = true
      return choose ? chooseSoon(state, ctx.self.cast) : noreply(state)
    },
    member: (state, { type, member }, ctx) => {
      const { hex } = member.key
      if (hex === state.context.options.own) return noreply(state)
      if (type === 'up' || type === 'suspect' || type === 'alive') state.machine.memberUp(hex)
      else if (type === 'down' || type === 'left') state.machine.memberDown(hex)
      else return noreply(state)
      return chooseSoon(state, ctx.self.cast)
    },
    peerHolds: (state, { link, hold }, ctx) => {
      const { machine, context } = state
      const { hex } = link.peer.key
      if (context.pool.link(hex) !== link) return noreply(state)
      // The word may come before the message that the link is up.
      machine.linkUp(hex)
      const effects = hold ? machine.wanted(hex) : machine.declined(hex, context.clock.now())
      apply(state, effects, ctx.self.cast)
      return chooseSoon(state, ctx.self.cast)
    },
    dialFailed: (state, key, ctx) => {
      state.machine.dialFailed(key, state.context.clock.now())
      return chooseSoon(state, ctx.self.cast)
    },
    choose: (state, _input, ctx) => {
      state.choosing = false
      return choose(state, ctx)
    },
  },
  info: (state, info, ctx) => {
    if (info.type !== 'message' || info.message !== ALARM) return noreply(state)
    state.alarm.rang()
    return choose(state, ctx)
  },
})

/** What handlers use of their own ref. */
interface Self {
  readonly dialFailed: (key: string) => boolean
  readonly choose: () => boolean
}

type Timers = Parameters<Alarm['set']>[0] & { readonly self: { readonly cast: Self } }
type Result = ReturnType<typeof noreply<State>>

function chooseSoon(state: State, self: Self): Result {
  if (!state.choosing) state.choosing = self.choose()
  return noreply(state)
}

function choose(state: State, ctx: Timers): Result {
  const { machine, context, alarm } = state
  const nowMs = context.clock.now()
  apply(state, machine.choose(nowMs), ctx.self.cast)
  alarm.set(ctx, machine.nextDueMs(nowMs))
  return noreply(state)
}

function apply(state: State, effects: readonly NeighbourhoodEffect[], self: Self): void {
  for (const { type, key } of effects) {
    switch (type) {
      case 'dial':
        dial(state.context, key, self)
        break
      case 'hold':
        hold(state.context, key)
        say(state.context, key, true)
        break
      case 'accept':
        hold(state.context, key)
        break
      case 'decline':
        say(state.context, key, false)
        break
      case 'let_go':
        letGo(state.context, key)
    }
  }
}

function hold({ pool, standing }: TopologyContext, key: string): void {
  const link = pool.link(key)
  if (link !== undefined && !standing.has(key)) standing.set(key, link.hold())
}

function letGo({ standing }: TopologyContext, key: string): void {
  standing.get(key)?.()
  standing.delete(key)
}

/** A word that finds no way is not needed: the link is gone, and its event tells. */
function say({ pool, protocol, refusals }: TopologyContext, key: string, holds: boolean): void {
  const link = pool.link(key)
  if (link?.state !== 'established') return
  try {
    link.send('sync', protocol.hold(holds))
  } catch (error) {
    refusals.count('ERR_LINK_QUEUE_FULL', { peer: link.peer.nodeId, holds, err: error })
  }
}

function dial({ dialer, pool, view, refusals }: TopologyContext, key: string, self: Self): void {
  const member = view.member(key)
  if (member === undefined) return void self.dialFailed(key)
  const { host, port } = member.address
  dialer
    .connect({ host, port, key: member.key }, { timeoutMs: Infinity })
    .catch((error: unknown) => {
      const { code } = (error ?? {}) as { code?: unknown }
      const known = typeof code === 'string' ? code : 'ERR_LINK_CLOSED'
      if (pool.accepting) refusals.count(known, { neighbour: member.nodeId, err: error })
      self.dialFailed(key)
    })
}

function troubleOf(reason: LinkDownReason): NeighbourTrouble {
  return reason === 'graceful_shutdown' ? 'goodbye' : 'lost'
}
