/**
 * Waits until the names of other nodes are known here (`global:sync/0`): each connected node is asked how far it is, and
 * that much of it is waited for. So it tells nothing of what is registered later.
 */
import { ownPromise } from '../../runtime/index.ts'
import type { SpaceTopic } from '../../mesh/index.ts'
import type { DistParts } from '../parts.ts'
import { GlobalRegistryError, GlobalTimeoutError } from './errors.ts'
import type { NameEvents } from './events.ts'
import { NAMES_SERVICE } from './name-requests.ts'

/** How long to wait. */
export interface SyncWait {
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

/** See the head of this file. */
export class NameSync {
  readonly #parts: DistParts
  readonly #topic: SpaceTopic
  readonly #events: NameEvents
  readonly #timeoutMs: number
  readonly #waits = new Set<() => void>()

  constructor(parts: DistParts, topic: SpaceTopic, events: NameEvents, timeoutMs: number) {
    this.#parts = parts
    this.#topic = topic
    this.#events = events
    this.#timeoutMs = timeoutMs
  }

  /** Tells who listens when all of a node that comes up is known. Gives the way to stop. */
  follow(): () => void {
    return this.#parts.cluster.onNodeUp((nodeId, node) => {
      if (!this.#events.isHeard('synced')) return
      const synced = (isKnown: boolean): void => {
        if (isKnown) this.#events.emit('synced', nodeId)
      }
      // Who is not there any more has nothing to be waited for.
      this.#with(node.key.hex, { timeoutMs: this.#timeoutMs }).then(synced, () => {})
    })
  }

  /** Resolves when all that connected nodes have said up to now is known here. */
  async all(wait: SyncWait): Promise<void> {
    const nodes = this.#parts.cluster.getConnectedNodes()
    await Promise.all(nodes.map(({ key }) => this.#with(key.hex, wait)))
  }

  /** Resolves when that much of what a node has said is known here, or nothing of it stands any more. */
  upTo(keyHex: string, answer: unknown, wait: SyncWait): Promise<void> {
    const at = placeOf(answer)
    if (at === undefined) return Promise.resolve()
    return this.#until(keyHex, wait, (done) => [this.#topic.whenKnownOrGone(keyHex, ...at, done)])
  }

  /** The node has stopped: who waits is told. */
  close(): void {
    for (const stop of Array.from(this.#waits)) stop()
  }

  /** False when that node is gone, or has no names. */
  async #with(keyHex: string, wait: SyncWait): Promise<boolean> {
    const at = await this.#ask(keyHex, wait)
    if (at === undefined) return false
    await this.#known(keyHex, at, wait)
    return this.#parts.cluster.isNodeConnected(keyHex)
  }

  async #ask(keyHex: string, wait: SyncWait): Promise<readonly [number, number] | undefined> {
    let answer: unknown
    try {
      answer = await this.#parts.peers.call(keyHex, NAMES_SERVICE, 'version', null, wait)
    } catch (error) {
      const { code } = error as { readonly code?: unknown }
      if (code === 'ERR_CALL_TIMEOUT') throw this.#timedOut(keyHex, wait)
      if (code === 'ERR_CALL_ABORTED') throw aborted(wait)
      // Gone, or without names: nothing to wait for.
      return undefined
    }
    return placeOf(answer)
  }

  #known(keyHex: string, at: readonly [number, number], wait: SyncWait): Promise<void> {
    const { cluster } = this.#parts
    return this.#until(keyHex, wait, (done) => [
      cluster.onNodeDown((_id, _reason, { key }) => key.hex === keyHex && done(), { hidden: true }),
      this.#topic.whenKnown(keyHex, ...at, done),
    ])
  }

  #timedOut(keyHex: string, { timeoutMs }: SyncWait): GlobalRegistryError {
    const node = this.#parts.directory.nameOf(keyHex)
    this.#parts.refusals.count('ERR_GLOBAL_TIMEOUT', { nodes: [node] })
    return new GlobalTimeoutError('*', `names were not told within ${timeoutMs} ms`, [node])
  }

  /** `begin` calls back when it is over, and gives how to stop that. */
  #until(
    keyHex: string,
    wait: SyncWait,
    begin: (done: () => void) => readonly (() => void)[],
  ): Promise<void> {
    const { system } = this.#parts
    return ownPromise<void>((resolve, reject) => {
      const offs: (() => void)[] = []
      const end = (settle: () => void) => (): void => {
        for (const off of offs.splice(0)) off()
        settle()
      }
      const done = end(resolve)
      const stop = end(() =>
        reject(new GlobalRegistryError('ERR_GLOBAL_STOPPED', '*', 'the node stopped')),
      )
      const timer = system.clock.setTimer(
        wait.timeoutMs,
        end(() => reject(this.#timedOut(keyHex, wait))),
      )
      this.#waits.add(stop)
      offs.push(
        () => timer.cancel(),
        () => void this.#waits.delete(stop),
      )
      if (wait.signal !== undefined) {
        offs.push(
          system.onAbort(
            wait.signal,
            end(() => reject(aborted(wait))),
          ),
        )
      }
      let isOver = false
      const more = begin(() => {
        isOver = true
        done()
      })
      // It may be over before it is known how to stop it.
      if (isOver) for (const off of more) off()
      else offs.push(...more)
    })
  }
}

/** How far a node said it is, if that is what it said. */
function placeOf(answer: unknown): readonly [number, number] | undefined {
  const [life, version] = Array.isArray(answer) ? (answer as unknown[]) : []
  if (!Number.isSafeInteger(life) || !Number.isSafeInteger(version)) return undefined
  return [life as number, version as number]
}

function aborted({ signal }: SyncWait): GlobalRegistryError {
  const cause: unknown = signal?.reason
  return new GlobalRegistryError('ERR_GLOBAL_ABORTED', '*', 'aborted', { cause })
}
