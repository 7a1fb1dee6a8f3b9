/** Numbered calls, casts under a monitor, and processes of other nodes that are spawned and mourned. */
import { contract, implement, noreply, reply, stop } from '../../behaviours/index.ts'
import type { Contract, Server } from '../../behaviours/index.ts'
import type { FoveaNode } from '../../dist/index.ts'
import type { Entropy } from '../../runtime/index.ts'
import { formatReason } from '../../runtime/index.ts'
import type { Journal } from './journal.ts'

export interface ProbeApi {
  call: { add(input: { readonly from: string; readonly n: number }): number }
  cast: { note(input: Note): void }
}

interface Note {
  readonly from: string
  readonly epoch: number
  readonly n: number
  readonly data: Uint8Array
}

const ProbeContract: Contract<ProbeApi> = contract('probe/1', {
  call: { add: true },
  cast: { note: true },
})

interface Life {
  readonly id: string
  readonly lifeMs: number
  readonly reason: string
}

const MayflyContract: Contract<{ call: {}; cast: {} }> = contract('mayfly/1', {
  call: {},
  cast: {},
})

/** What all loads of a member have. */
export interface Member {
  readonly node: FoveaNode
  readonly journal: Journal
  readonly entropy: Entropy
  /** This start of the process. */
  readonly run: string
}

/** The end of a wait on others, as the journal has it. */
export const codeOf = (error: unknown): string => {
  const { code, reason } = error as { readonly code?: string; readonly reason?: unknown }
  if (code === undefined) return String(error)
  return reason === undefined ? code : `${code} ${formatReason(reason as never)}`
}

export const CALL_TIMEOUT_MS = 5_000
const LARGE_BYTES = 200_000

/** What others call, cast to and spawn here. */
export async function serve({ node, journal }: Member): Promise<void> {
  const probe: Server<ProbeApi, undefined> = implement<ProbeApi, undefined, undefined>(
    ProbeContract,
    {
      init: () => undefined,
      call: {
        add: (state, { from, n }) => {
          journal.write({ kind: 'executed', from, n })
          return reply(n + 1, state)
        },
      },
      cast: {
        note: (state, { from, epoch, n }) => {
          journal.write({ kind: 'got', from, epoch, n })
          return noreply(state)
        },
      },
    },
  )
  const mayfly = implement<{ call: {}; cast: {} }, Life, Life>(MayflyContract, {
    init: (life, ctx) => {
      journal.write({ kind: 'born', id: life.id })
      ctx.sendAfter(life.lifeMs, 'die')
      return life
    },
    call: {},
    cast: {},
    info: (life) => stop(life.reason, life),
    terminate: (reason, { id }) => {
      journal.write({ kind: 'died', id, reason: formatReason(reason) })
    },
  })
  node.behaviorRegistry.register('mayfly', mayfly, { remote: true })
  await probe.start(undefined, { system: node.system, name: 'probe' })
}

/** The loads towards all nodes that this one knows. */
export class Load {
  readonly #member: Member
  readonly #epochs = new Map<string, { epoch: number; n: number; isOpen: boolean }>()
  /** Calls and spawns that have not ended. */
  readonly #open = new Set<Promise<void>>()
  /** Processes elsewhere whose end was not told yet. */
  #living = 0
  #calls = 0
  #spawns = 0

  constructor(member: Member) {
    this.#member = member
  }

  /** Says something to everybody. */
  tick(): void {
    for (const key of this.#others()) {
      this.#call(key)
      this.#casts(key)
      if (this.#pick(10) === 0) this.#spawn(key)
    }
  }

  /** When every call and spawn has ended. */
  async settled(): Promise<void> {
    while (this.#open.size > 0) await Promise.allSettled(this.#open)
  }

  get waiting(): number {
    return this.#open.size + this.#living
  }

  #others(): string[] {
    return this.#member.node.cluster.getNodes().map(({ key }) => key.hex)
  }

  #pick(n: number): number {
    return Math.floor(this.#member.entropy.random() * n)
  }

  #track(wait: Promise<void>): void {
    this.#open.add(wait)
    void wait.finally(() => this.#open.delete(wait))
  }

  #call(key: string): void {
    const { node, journal, run } = this.#member
    const n = ++this.#calls
    journal.write({ kind: 'call', n, key })
    const target = { name: 'probe', node: key, contract: ProbeContract }
    const asked = node.remoteCall.call(
      target,
      'add',
      { from: run, n },
      { timeoutMs: CALL_TIMEOUT_MS },
    )
    this.#track(
      asked.then(
        (value) => journal.write({ kind: 'answer', n, value }),
        (error: unknown) => journal.write({ kind: 'answer', n, code: codeOf(error) }),
      ),
    )
  }

  /** Each epoch begins with a monitor and ends with its DOWN. */
  #casts(key: string): void {
    const { node, journal, run } = this.#member
    let at = this.#epochs.get(key)
    if (at === undefined) this.#epochs.set(key, (at = { epoch: 0, n: 0, isOpen: false }))
    if (!at.isOpen) {
      const epoch = at.epoch + 1
      Object.assign(at, { epoch, n: 0, isOpen: true })
      journal.write({ kind: 'watch', key, epoch })
      node.remoteMonitor.monitor({ name: 'probe', node: key }, (_target, reason) => {
        journal.write({ kind: 'down', key, epoch, reason: formatReason(reason) })
        this.#epochs.get(key)!.isOpen = false
      })
    }
    for (let left = 1 + this.#pick(6); left > 0; left--) {
      const data = new Uint8Array(this.#pick(40) === 0 ? LARGE_BYTES : 16)
      const note = { from: run, epoch: at.epoch, n: at.n + 1, data }
      if (
        node.remoteCall.cast({ name: 'probe', node: key, contract: ProbeContract }, 'note', note)
      ) {
        at.n += 1
      }
    }
    journal.write({ kind: 'cast', key, epoch: at.epoch, n: at.n })
  }

  #spawn(key: string): void {
    const { node, journal, run } = this.#member
    const id = `${run}/${++this.#spawns}`
    const arg: Life = { id, lifeMs: 200 + this.#pick(3_000), reason: `reason-${this.#pick(3)}` }
    journal.write({ kind: 'spawn', id, key })
    const wait = node.remoteSpawn.spawn(MayflyContract, key, { arg }).then(
      (ref) => {
        journal.write({ kind: 'spawned', id })
        this.#living += 1
        node.remoteMonitor.monitor(ref, (_ref, reason) => {
          this.#living -= 1
          journal.write({ kind: 'mourned', id, reason: formatReason(reason) })
        })
      },
      (error: unknown) => journal.write({ kind: 'spawned', id, code: codeOf(error) }),
    )
    this.#track(wait)
  }
}
