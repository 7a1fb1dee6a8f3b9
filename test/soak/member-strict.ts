/**
 * What there must be one of: a lease, a singleton, the children of a strict supervisor that is itself a singleton, and a
 * strict name. Whoever has one writes that it began, that it acts, and that it ended, each with its token.
 */
import { contract, implement, noreply } from '../../behaviours/index.ts'
import type { Contract, Server } from '../../behaviours/index.ts'
import type { Pid, System } from '../../runtime/index.ts'
import { nowUs } from './journal.ts'
import type { Journal } from './journal.ts'
import { codeOf, type Member } from './member-load.ts'

const ACT_MS = 50
/** Children of the supervisor. */
export const JOBS = 6
export const SUPERVISOR = 'jobs'

interface Held {
  readonly what: string
  readonly token: number
}

interface HolderApi {
  call: {}
  cast: {}
}

const HolderContract: Contract<HolderApi> = contract('holder/1', { call: {}, cast: {} })
const JobContract: Contract<HolderApi> = contract('job/1', { call: {}, cast: {} })

/** A process that acts for as long as it lives. `what` and token of its start argument are read by `of`. */
function holder<A>(
  contractOf: Contract<HolderApi>,
  journal: Journal,
  of: (arg: A) => Held,
): Server<HolderApi, A> {
  return implement<HolderApi, A, Held>(contractOf, {
    init: (arg, ctx) => {
      const held = of(arg)
      journal.write({ kind: 'held', ...held })
      ctx.sendAfter(ACT_MS, 'act')
      return held
    },
    call: {},
    cast: {},
    info: (held, info, ctx) => {
      if (info.type !== 'message' || info.message !== 'act') return noreply(held)
      journal.write({ kind: 'act', ...held })
      ctx.sendAfter(ACT_MS, 'act')
      return noreply(held)
    },
    terminate: (_reason, held) => journal.write({ kind: 'left', ...held }),
  })
}

interface JobArg {
  readonly arg: string
  readonly token: number
}

/** Makes this node a candidate for all of them. */
export class Strict {
  readonly #member: Member
  readonly #over = new AbortController()
  readonly #holders: Server<HolderApi, Held>
  #asks = 0
  #leases: Promise<void> = Promise.resolve()
  #names: Promise<void> = Promise.resolve()

  constructor(member: Member) {
    this.#member = member
    const { node, journal } = member
    this.#holders = holder<Held>(HolderContract, journal, (held) => held)
    const jobs = holder<JobArg>(JobContract, journal, ({ arg, token }) => ({ what: arg, token }))
    node.behaviorRegistry.register('job', jobs, { remote: true })
  }

  start(): void {
    const { node } = this.#member
    const holders = this.#holders
    node.singletons.start({
      name: 'boss',
      start: ({ system, parent, token }) => {
        return holders.start({ what: 'singleton', token }, { system, parent, link: true })
      },
    })
    node.singletons.start({
      name: SUPERVISOR,
      start: ({ parent }) =>
        node.distributedSupervisor.start({
          name: SUPERVISOR,
          parent,
          mode: 'strict',
          nodeSelector: 'rendezvous',
          ...{ intensity: 1_000, periodMs: 1_000 },
          children: Array.from({ length: JOBS }, (_, at) => ({
            ...{ id: `${at}`, behavior: 'job', arg: `job ${at}`, fenced: true, shutdown: 500 },
          })),
        }),
    })
    this.#leases = this.#takeTurns()
    this.#names = this.#nameTurns()
  }

  /** No new leases and names; those that are held are given back. Singletons and jobs go on. */
  async end(): Promise<void> {
    this.#over.abort()
    await Promise.all([this.#leases, this.#names])
  }

  /** What is held by this node at this moment. */
  view(): { readonly boss: number | undefined; readonly supervisor: number | undefined } {
    const { singletons } = this.#member.node
    return { boss: singletons.get('boss')?.token, supervisor: singletons.get(SUPERVISOR)?.token }
  }

  /** The lease is held for a moment, again and again, and acted under only while it says that it is held. */
  async #takeTurns(): Promise<void> {
    const { node, journal, entropy } = this.#member
    const what = 'lease'
    while (!this.#over.signal.aborted) {
      const n = ++this.#asks
      journal.write({ kind: 'ask', what, n })
      try {
        const lease = await node.leases.acquire(what, { timeoutMs: 4_000 })
        journal.write({ kind: 'told', what, n })
        for (let acts = 5 + Math.floor(entropy.random() * 40); acts > 0; acts--) {
          const atUs = nowUs()
          if (!lease.isHeld) break
          journal.write({ kind: 'act', what, token: lease.token }, atUs)
          if (lease.lost.aborted || this.#over.signal.aborted) break
          await this.#pause(ACT_MS)
        }
        lease.release()
      } catch (error) {
        journal.write({ kind: 'told', what, n, code: codeOf(error) })
        await this.#pause(200)
      }
    }
  }

  /** A process gets the strict name, acts, and ends. */
  async #nameTurns(): Promise<void> {
    const { node, journal, entropy } = this.#member
    const what = 'strict name'
    while (!this.#over.signal.aborted) {
      const n = ++this.#asks
      const process = nameless(node.system)
      journal.write({ kind: 'ask', what, n })
      try {
        const { token } = await node.globalRegistry.register(what, process, {
          mode: 'strict',
          timeoutMs: 6_000,
          signal: this.#over.signal,
        })
        journal.write({ kind: 'told', what, n })
        for (let acts = 5 + Math.floor(entropy.random() * 40); acts > 0; acts--) {
          const atUs = nowUs()
          // The node kills the process when the lease is lost.
          if (this.#over.signal.aborted || !node.system.isAlive(process)) break
          journal.write({ kind: 'act', what, token: token! }, atUs)
          await this.#pause(ACT_MS)
        }
      } catch (error) {
        journal.write({ kind: 'told', what, n, code: codeOf(error) })
        await this.#pause(200)
      }
      node.system.exit(process, 'kill')
    }
  }

  #pause(delayMs: number): Promise<void> {
    const { clock } = this.#member.node.system
    return new Promise((resolve) => void clock.setTimer(delayMs, resolve))
  }
}

/** A process that waits for its end. */
function nameless(system: System): Pid {
  return system.spawn(async ({ receive }) => {
    await receive(() => false, { timeoutMs: Infinity })
  })
}
