/** `mesh.presence`: turns what an application asks for into entries and watches. */
import { isRef } from '../../behaviours/index.ts'
import type { Ref } from '../../behaviours/index.ts'
import { isPid, numberOption, optional, ownPromise, resolveOptions } from '../../runtime/index.ts'
import type { OptionCheck, Pid } from '../../runtime/index.ts'
import { checkTopic } from '../topics/topic.ts'
import { filterOf } from './announcer.ts'
import type { PresenceContext } from './context.ts'
import { PresenceError } from './errors.ts'
import { LateLeaves, LateListener } from './late-leaves.ts'
import { HandlerListener, LocalStream, LoopListener, ProcessListener } from './local-watch.ts'
import type { Listener, LocalWatch } from './local-watch.ts'
import type {
  ListOptions,
  Presence,
  PresenceEntry,
  PresenceEvent,
  PresenceHandler,
  PresenceStats,
  PresenceStream,
  PresenceWatch,
  TrackedPresence,
  TrackOptions,
  WatchOptions,
} from './presence.ts'
import { Tracked } from './tracked.ts'
import { isKey } from './wire.ts'

/** Presence of one node. */
export class PresenceFunctions implements Presence {
  readonly #context: PresenceContext
  readonly #check: () => void
  readonly #tracked = new Set<Tracked>()

  /** `check` throws once the mesh has stopped. */
  constructor(context: PresenceContext, check: () => void) {
    this.#context = context
    this.#check = check
  }

  track<Meta = unknown>(
    topic: string,
    key: string,
    meta?: Meta,
    options?: TrackOptions,
  ): TrackedPresence<Meta> {
    this.#check()
    const { settings, memory } = this.#context
    const checked = resolveOptions<TrackOptions>('presence.track', {}, TRACK_CHECKS, options)
    checkPresenceTopic(topic)
    if (!isKey(key, settings.keyBytesMax)) {
      const text = `a key is a text of 1 to ${settings.keyBytesMax} bytes (keyBytesMax), received ${keyShown(key)}`
      throw new PresenceError('ERR_PRESENCE_KEY_INVALID', text)
    }
    if (memory.owner.size >= settings.ownEntriesMax) {
      const text = `'${key}' in '${topic}' is not tracked: this node tracks ${memory.owner.size} entries already, at most ownEntriesMax (${settings.ownEntriesMax}) may be`
      throw new PresenceError('ERR_PRESENCE_ENTRIES_MAX', text)
    }
    const pid = checked.process === undefined ? undefined : this.#alive(pidOf(checked.process))
    const isNew = !memory.owner.topics.has(topic)
    const tracked = new Tracked(this.#context, { topic, key, meta: meta ?? null }, (over) =>
      this.#tracked.delete(over),
    )
    this.#tracked.add(tracked)
    if (pid !== undefined) tracked.tie(pid)
    if (isNew) memory.entered(topic)
    memory.changed()
    return tracked as TrackedPresence<Meta>
  }

  watch<Meta = unknown>(
    topic: string,
    watcher: PresenceHandler<Meta> | Pid | Ref<never>,
    options?: WatchOptions,
  ): PresenceWatch
  watch<Meta = unknown>(topic: string, options?: WatchOptions): PresenceStream<Meta>
  watch(topic: string, given?: unknown, options?: WatchOptions): PresenceWatch {
    this.#check()
    if (typeof given === 'function') {
      const failed = (error: unknown): void =>
        this.#context.refusals.count('ERR_PRESENCE_HANDLER', { topic, error })
      return this.#watch(
        topic,
        new HandlerListener(given as PresenceHandler<never>, failed),
        options,
      )
    }
    const pid = isPid(given) || isRef(given) ? pidOf(given) : undefined
    if (pid === undefined) {
      const loop = new LoopListener(topic)
      return new LocalStream(this.#watch(topic, loop, given as WatchOptions), loop)
    }
    const listener = new ProcessListener(this.#context.system, this.#alive(pid))
    const watch = this.#watch(topic, listener, options)
    listener.untie = this.#context.memory.ties.tie(pid, () => watch.close())
    return watch
  }

  list<Meta = unknown>(
    topic: string,
    options?: ListOptions,
  ): Promise<readonly PresenceEntry<Meta>[]> {
    try {
      this.#check()
      const { signal, ...rest } = resolveOptions<ListOptions>(
        'presence.list',
        {},
        LIST_CHECKS,
        options,
      )
      return this.#list(topic, rest, signal) as Promise<readonly PresenceEntry<Meta>[]>
    } catch (error) {
      return Promise.reject(error as Error)
    }
  }

  async get<Meta = unknown>(
    topic: string,
    key: string,
    options?: ListOptions,
  ): Promise<readonly PresenceEntry<Meta>[]> {
    const all = await this.list<Meta>(topic, options)
    return all.filter((entry) => entry.key === key)
  }

  leave(): void {
    const { memory, clock } = this.#context
    for (const tracked of Array.from(this.#tracked)) tracked.untrack()
    memory.owner.flushAll(clock.now())
    memory.changed()
  }

  /** The node has stopped: watches and loops end, lists fail. */
  stopped(): void {
    this.#context.memory.stop()
  }

  stats(): PresenceStats {
    const { owner, observer } = this.#context.memory
    const { size, watches, topics, missing } = observer
    return { own: owner.size, known: size, watches, topics: topics.size, missing }
  }

  #watch(topic: string, listener: Listener, options: WatchOptions | undefined): LocalWatch {
    const { memory, settings } = this.#context
    const { timeoutMs = settings.syncTimeoutMs, leaveDelayMs = 0 } = resolveOptions<WatchOptions>(
      'presence.watch',
      {},
      WATCH_CHECKS,
      options,
    )
    checkPresenceTopic(topic)
    if (memory.observer.watches >= settings.watchesMax) {
      const text = `'${topic}' is not watched: this node has ${memory.observer.watches} watches already, at most watchesMax (${settings.watchesMax}) may be`
      throw new PresenceError('ERR_PRESENCE_WATCHES_MAX', text)
    }
    const late = leaveDelayMs > 0 ? this.#late(topic, leaveDelayMs, listener) : listener
    return memory.watch(topic, timeoutMs, late)
  }

  #late(topic: string, delayMs: number, listener: Listener): Listener {
    const { settings, clock, refusals } = this.#context
    const exceeded = (): void => refusals.count('ERR_PRESENCE_LEAVES_MAX', { topic })
    const leaves = new LateLeaves(topic, { delayMs, heldMax: settings.lateLeavesMax, exceeded })
    return new LateListener(listener, leaves, clock)
  }

  #list(
    topic: string,
    options: WatchOptions,
    signal: AbortSignal | undefined,
  ): Promise<readonly PresenceEntry[]> {
    const { system } = this.#context
    return ownPromise((resolve, reject) => {
      let off: (() => void) | undefined
      // A snapshot comes later, never from within `#watch`.
      const take = (event: PresenceEvent): void => {
        if (event.type !== 'snapshot') return
        resolve(event.entries)
        watch.close()
      }
      // After the snapshot it changes nothing; before it, the signal was aborted or the node has stopped.
      const end = (): void => {
        off?.()
        const cause: unknown = signal?.reason
        reject(new PresenceError('ERR_PRESENCE_ABORTED', `list of ${topic}`, { cause }))
      }
      const watch = this.#watch(topic, { take, end }, options)
      const aborted = (): void => watch.close()
      if (signal !== undefined) off = system.onAbort(signal, aborted)
    })
  }

  #alive(pid: Pid): Pid {
    if (this.#context.system.process(pid) !== undefined) return pid
    throw new PresenceError('ERR_PRESENCE_PROCESS', 'no such process in this system')
  }
}

/** A topic that still is one with the prefix of presence, and none of a part of the system. */
function checkPresenceTopic(topic: string): void {
  checkTopic(topic)
  if (topic.startsWith('$')) {
    const text = `the topic '${topic}' begins with '$': such topics are those of parts of nodes, choose another one`
    throw new PresenceError('ERR_PRESENCE_RESERVED', text)
  }
  checkTopic(filterOf(topic, 'watches'))
}

function keyShown(key: unknown): string {
  return typeof key === 'string' ? `one of ${Buffer.byteLength(key)} bytes` : typeof key
}

function pidOf(given: Pid | Ref<never>): Pid {
  return isPid(given) ? given : given.pid
}

const TIMEOUT: OptionCheck = optional(numberOption(0, 2_147_483_647))
const WATCH_CHECKS: Readonly<Record<keyof WatchOptions, OptionCheck>> = {
  timeoutMs: TIMEOUT,
  leaveDelayMs: TIMEOUT,
}
const LIST_CHECKS: Readonly<Record<keyof ListOptions, OptionCheck>> = {
  timeoutMs: TIMEOUT,
  signal: optional({ expected: 'an AbortSignal', test: (value) => value instanceof AbortSignal }),
}
const TRACK_CHECKS: Readonly<Record<keyof TrackOptions, OptionCheck>> = {
  process: optional({
    expected: 'a pid or a ref',
    test: (value) => isPid(value) || isRef(value),
  }),
}
