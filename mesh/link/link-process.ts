/**
 * The process of one connection: it reaches the peer if we dial, owns the deadlines, and takes the
 * connection with it when it dies. Supervised as a temporary child of `links`: a crash closes this
 * link only, and the mesh dials again.
 *
 *     dial:    start -> lookup, transport dial -> `reached` -> handshake -> ticks -> `ended`
 *     accept:  start ---------------------------------------> handshake -> ticks -> `ended`
 *
 * Frames do not pass through its mailbox.
 */
import { isIP } from 'node:net'
import { contract, implement, noreply, stop } from '../../behaviours/index.ts'
import type { Contract, Ctx, Server } from '../../behaviours/index.ts'
import type { ExitReason, TimerRef } from '../../runtime/index.ts'
import type { Endpoint, TransportConnection } from '../transport/transport.ts'
import { Connection } from './connection.ts'
import type { ConnectionContext } from './connection-context.ts'
import type { Attempt } from './dialer.ts'
import { LinkError } from './errors.ts'

/** What link processes share beside the context of connections. */
export interface LinkProcessContext extends ConnectionContext {
  /** The endpoint of now; a restarted one is another object. */
  endpoint(): Endpoint | undefined
  /** Addresses of a host name. */
  readonly lookup: (host: string) => Promise<readonly string[]>
  /** Chance for choosing among several addresses. */
  readonly chance: () => number
}

/** What a link process is for; it survives the process so that nothing is left behind. */
export class LinkJob {
  readonly context: LinkProcessContext
  /** Until the connection has taken it over: then that tells it how it ends. */
  attempt: Attempt | undefined
  connection: Connection | undefined
  /** A connection that was reached and not handed over yet. */
  reached: TransportConnection | undefined
  /** When the process looks at its deadlines next. */
  armedMs: number = Infinity

  constructor(
    context: LinkProcessContext,
    from: { readonly attempt: Attempt } | { readonly connection: Connection },
  ) {
    this.context = context
    this.attempt = 'attempt' in from ? from.attempt : undefined
    this.connection = 'connection' in from ? from.connection : undefined
  }

  /** The process is gone, however it ended. Idempotent. */
  processGone(): void {
    this.connection?.processGone()
    if (this.connection === undefined) this.reached?.close(0, 'link process ended')
    this.attempt?.processGone()
  }
}

/** Messages of a link process to itself. */
export interface LinkApi {
  call: {}
  cast: {
    /** The transport connection is there, in `job.reached`. */
    reached(): void
    unreachable(error: unknown): void
    /** The next deadline has changed. */
    wake(): void
    ended(reason: ExitReason): void
  }
}

interface State {
  readonly job: LinkJob
  timer: TimerRef | undefined
}

const LinkContract: Contract<LinkApi> = contract('fovea.link/1', {
  call: {},
  cast: { reached: true, unreachable: true, wake: true, ended: true },
})

/** What a link process does with itself, by cast. */
interface Self {
  readonly reached: () => boolean
  readonly unreachable: (error: unknown) => boolean
  readonly wake: () => boolean
  readonly ended: (reason: ExitReason) => boolean
}

/** The server of one connection. Start it with `trapExit`, so that it can say goodbye. */
export const LinkServer: Server<LinkApi, LinkJob> = implement<LinkApi, LinkJob, State>(
  LinkContract,
  {
    init: (job, ctx): State => {
      if (job.connection !== undefined) begin(job, ctx.self.cast)
      else if (job.attempt !== undefined) reach(job, job.attempt, ctx.self.cast)
      const state: State = { job, timer: undefined }
      arm(state, ctx)
      return state
    },
    call: {},
    cast: {
      reached: (state, _input, ctx) => {
        if (handshake(state.job, ctx.self.cast)) return stop('normal', state)
        arm(state, ctx)
        return noreply(state)
      },
      unreachable: (state, error) => {
        if (state.job.connection !== undefined) return noreply(state)
        state.job.attempt?.fail(asDialError(error))
        return stop('normal', state)
      },
      wake: (state, _input, ctx) => {
        arm(state, ctx)
        return noreply(state)
      },
      ended: (state, reason) => stop(reason, state),
    },
    info: (state, info, ctx) => {
      if (info.type === 'message' && info.message === 'tick') {
        state.timer = undefined
        state.job.connection?.tick()
        arm(state, ctx)
      }
      return noreply(state)
    },
    terminate: async (_reason, { job }) => {
      await job.connection?.close('shutdown')
    },
  },
)

/** Sets the timer to what is due next. */
function arm(state: State, ctx: Pick<Ctx<never, never>, 'sendAfter' | 'cancelTimer'>): void {
  const { job } = state
  const { connection, context } = job
  if (state.timer !== undefined) ctx.cancelTimer(state.timer)
  const dueMs = connection?.nextDueMs ?? Infinity
  const waitMs = Math.max(0, Math.ceil(dueMs - context.clock.now()))
  job.armedMs = dueMs
  state.timer = dueMs === Infinity ? undefined : ctx.sendAfter(waitMs, 'tick')
}

/** Looks the host up, dials, and reports to the process. */
function reach(job: LinkJob, attempt: Attempt, self: Self): void {
  const { context } = job
  const dial = async (): Promise<void> => {
    const { host, port, key } = attempt.target
    const address = { host: await resolve(context, host), port }
    const endpoint = context.endpoint()
    if (endpoint === undefined) throw new LinkError('ERR_LINK_CLOSED', 'the endpoint is not open')
    const transport = await endpoint.dial(address, {
      ...(key === undefined ? {} : { expect: key }),
      timeoutMs: Math.max(1, attempt.deadlineMs - context.clock.now()),
      signal: attempt.signal,
    })
    job.reached = transport
    attempt.signal.removeEventListener('abort', aborted)
    if (!self.reached()) transport.close(0, 'link process ended')
  }
  const failed = (error: unknown): void => void self.unreachable(error)
  // A lookup knows no signal: the process ends without it, and what comes of it later is closed.
  const aborted = (): void => failed(attempt.signal.reason)
  attempt.signal.addEventListener('abort', aborted, { once: true })
  dial().catch(failed)
}

/** Begins the handshake on a connection that we dialled; true when there is nothing to do. */
function handshake(job: LinkJob, self: Self): boolean {
  const { context, attempt, reached } = job
  if (attempt === undefined || reached === undefined) return true
  if (attempt.state === 'settled') {
    reached.close(0, 'not needed')
    return true
  }
  const claim = context.pool.claim(reached.peerKey)
  if (claim.type === 'go') {
    job.connection = new Connection(context, reached, attempt.deadlineMs, attempt)
    job.attempt = undefined
    job.reached = undefined
    context.pool.begin(job.connection)
    begin(job, self)
    return false
  }
  reached.close(0, claim.type)
  switch (claim.type) {
    case 'linked':
      attempt.succeed(claim.link)
      break
    case 'busy':
      attempt.supersede(reached.peerKey)
      break
    case 'self':
      attempt.fail(
        new LinkError(
          'ERR_LINK_SELF',
          'the node at that address has the key of this one: it is this node, or one with a copy of its key',
        ),
      )
      break
    case 'full':
      attempt.fail(new LinkError('ERR_LINK_LIMIT', 'this node has as many links as it may have'))
      break
    case 'stopping':
      attempt.fail(new LinkError('ERR_DIAL_ABORTED', 'the mesh stops'))
  }
  return true
}

function begin(job: LinkJob, self: Self): void {
  const { connection } = job
  connection?.start({
    wake: () => {
      // A timer that goes off too early only looks again: most deadlines move to later, many times in the life of a link.
      if (connection.nextDueMs >= job.armedMs) return
      job.armedMs = connection.nextDueMs
      self.wake()
    },
    ended: (reason) => void self.ended(reason),
  })
}

async function resolve(context: LinkProcessContext, host: string): Promise<string> {
  if (isIP(host) !== 0) return host
  let addresses: readonly string[]
  try {
    addresses = await context.lookup(host)
  } catch (cause) {
    throw new LinkError('ERR_DIAL_LOOKUP', `the host '${host}' could not be looked up`, { cause })
  }
  const address = addresses[Math.floor(context.chance() * addresses.length)]
  if (address === undefined) {
    throw new LinkError('ERR_DIAL_LOOKUP', `the lookup of host '${host}' gave no address`)
  }
  return address
}

/** Says clearly what a transport cannot know: another protocol here means another realm. */
function asDialError(error: unknown): Error {
  if ((error as { code?: unknown } | undefined)?.code === 'ERR_TRANSPORT_PROTOCOL') {
    return new LinkError(
      'ERR_LINK_REALM_MISMATCH',
      'the peer is of another realm (or is no Fovea node): it refused the protocol of this realm',
      { cause: error, reason: 'realm_mismatch' },
    )
  }
  return error instanceof Error ? error : new LinkError('ERR_LINK_CLOSED', String(error))
}
