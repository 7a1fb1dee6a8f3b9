/**
 * The process of discovery: it runs the sources, dials what they find and keeps the book of
 * candidates up to date. Restarting it forgets only how often something failed.
 */
import { contract, implement, noreply } from '../../behaviours/index.ts'
import type { Contract, Server } from '../../behaviours/index.ts'
import type { Clock, Logger } from '../../runtime/index.ts'
import { Alarm, ALARM } from '../alarm.ts'
import type { Dialer } from '../link/dialer.ts'
import { isLastingFailure } from '../link/lasting.ts'
import type { LinkEvent } from '../link/link.ts'
import type { LinkPool } from '../link/pool.ts'
import type { MemberEvent } from '../membership/membership.ts'
import type { MembershipView } from '../membership/view.ts'
import type { Refusals } from '../refusals.ts'
import { Candidates } from './candidates.ts'
import type { CandidatesOptions } from './candidates.ts'
import type { Candidate, Discovery } from './discovery.ts'

/** What the discovery process needs. */
export interface DiscoveryContext {
  readonly options: CandidatesOptions
  readonly clock: Clock
  readonly chance: () => number
  readonly logger: Logger
  readonly pool: LinkPool
  readonly dialer: Dialer
  readonly refusals: Refusals
  readonly view: MembershipView
  /** Sources in force; what is added at run time is here too, so it survives a restart. */
  readonly sources: readonly Discovery[]
  /** Whether the node is on its way out: who leaves dials nobody (D13). */
  readonly leaving: () => boolean
}

interface Outcome {
  readonly candidate: Candidate
  /** Key of the node that answered, or why none did. */
  readonly result: { readonly keyHex: string } | { readonly error: unknown }
}

/** Addresses, and what names them; without a source it is the operator. */
interface Named {
  readonly candidates: readonly Candidate[]
  readonly source?: Discovery
}

/** Messages of the discovery process to itself. */
export interface DiscoveryApi {
  call: {}
  cast: {
    seen(named: Named): void
    gone(named: Named): void
    link(event: LinkEvent): void
    member(event: MemberEvent): void
    dialled(outcome: Outcome): void
    /** One more source. */
    run(source: Discovery): void
  }
}

interface State {
  readonly context: DiscoveryContext
  readonly book: Candidates
  readonly alarm: Alarm
}

/** The contract of the discovery process. */
export const DiscoveryContract: Contract<DiscoveryApi> = contract('fovea.discovery/1', {
  call: {},
  cast: { seen: true, gone: true, link: true, member: true, dialled: true, run: true },
})

/** Runs sources and dials what they find. */
export const DiscoveryServer: Server<DiscoveryApi, DiscoveryContext> = implement<
  DiscoveryApi,
  DiscoveryContext,
  State
>(DiscoveryContract, {
  init: (context, ctx): State => {
    const { cast } = ctx.self
    const offLinks = context.pool.onLink((event) => void cast.link(event))
    const offMembers = context.view.subscribe((event) => {
      if (event.type === 'down' || event.type === 'left') cast.member(event)
    })
    ctx.signal.addEventListener('abort', () => {
      offLinks()
      offMembers()
    })
    for (const source of context.sources) run(source, context, cast, ctx.signal)
    const book = new Candidates(context.options, context.chance)
    return { context, book, alarm: new Alarm(context.clock) }
  },
  call: {},
  cast: {
    seen: (state, { candidates, source }, ctx) => {
      const { book, context } = state
      for (const candidate of candidates) {
        if (book.add(candidate, context.clock.now(), source)) continue
        const { host, port } = candidate
        context.refusals.count('ERR_SEEDS_FULL', { candidate: `${host}:${port}` })
      }
      return after(state, ctx)
    },
    gone: (state, { candidates, source }, ctx) => {
      for (const candidate of candidates) state.book.remove(candidate, source)
      return after(state, ctx)
    },
    link: (state, event, ctx) => {
      const { hex } = event.link.peer.key
      if (event.type === 'up') state.book.linkUp(hex)
      else state.book.linkDown(hex, event.reason, state.context.clock.now())
      return after(state, ctx)
    },
    member: (state, { type, member }, ctx) => {
      const { book, context } = state
      const { hex } = member.key
      // A member without a link has none that could tell of its end.
      if (context.pool.link(hex) !== undefined) return noreply(state)
      const reason = type === 'left' ? 'graceful_shutdown' : 'heartbeat_timeout'
      book.linkDown(hex, reason, context.clock.now())
      return after(state, ctx)
    },
    dialled: (state, { candidate, result }, ctx) => {
      const { book, context } = state
      const nowMs = context.clock.now()
      if ('error' in result) book.failed(candidate, failureOf(result.error), nowMs)
      else {
        book.answered(candidate, result.keyHex)
        // The link may have gone down again while this message was on its way.
        const linked = context.pool.link(result.keyHex) !== undefined
        if (!linked) book.linkDown(result.keyHex, 'connection_closed', nowMs)
      }
      return after(state, ctx)
    },
    run: (state, source, ctx) => {
      run(source, state.context, ctx.self.cast, ctx.signal)
      return noreply(state)
    },
  },
  info: (state, info, ctx) => {
    if (info.type !== 'message' || info.message !== ALARM) return noreply(state)
    state.alarm.rang()
    return after(state, ctx)
  },
})

interface Self {
  readonly seen: (named: Named) => boolean
  readonly gone: (named: Named) => boolean
  readonly dialled: (outcome: Outcome) => boolean
}

type Timers = Parameters<Alarm['set']>[0] & { readonly self: { readonly cast: Self } }

/** Dials what is due and sets the alarm. */
function after(state: State, ctx: Timers): ReturnType<typeof noreply<State>> {
  const { book, context, alarm } = state
  if (context.leaving()) {
    alarm.set(ctx, Infinity)
    return noreply(state)
  }
  for (const candidate of book.take(context.clock.now())) dial(context, candidate, ctx.self.cast)
  alarm.set(ctx, book.nextDueMs())
  return noreply(state)
}

function dial(
  { dialer, pool, refusals }: DiscoveryContext,
  candidate: Candidate,
  self: Self,
): void {
  const { host, port, key } = candidate
  const target = key === undefined ? { host, port } : { host, port, key }
  dialer.connect(target, { timeoutMs: Infinity }).then(
    (link) => void self.dialled({ candidate, result: { keyHex: link.peer.key.hex } }),
    (error: unknown) => {
      const code = (error as { code?: unknown } | undefined)?.code
      const known = typeof code === 'string' ? code : 'ERR_LINK_CLOSED'
      if (known !== 'ERR_LINK_SELF' && pool.accepting)
        refusals.count(known, { seed: `${host}:${port}`, err: error })
      self.dialled({ candidate, result: { error } })
    },
  )
}

function run(source: Discovery, context: DiscoveryContext, self: Self, signal: AbortSignal): void {
  const failed = (error: unknown): void => {
    context.refusals.count('ERR_DISCOVERY_SOURCE', { source: source.name, err: error })
  }
  const sink = {
    seen: (candidates: readonly Candidate[]) => void self.seen({ candidates, source }),
    gone: (candidates: readonly Candidate[]) => void self.gone({ candidates, source }),
    failed,
  }
  const start = async (): Promise<void> => source.start(sink, { signal })
  start().catch(failed)
}

function failureOf(error: unknown): 'retry' | 'lasting' | 'self' {
  const { code, reason } = (error ?? {}) as { code?: unknown; reason?: unknown }
  if (code === 'ERR_LINK_SELF') return 'self'
  // For a dial by somebody's hand it may be over soon; a source names such an address again and again.
  if (reason === 'cluster_mismatch' || reason === 'secret_mismatch') return 'lasting'
  return isLastingFailure(error) ? 'lasting' : 'retry'
}
