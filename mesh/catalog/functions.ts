/** The catalog as the services use it; it goes on when the process behind it is restarted. */
import {
  ownPromise,
  resolveOptions,
  signalOption,
  functionOption,
  numberOption,
  optional,
} from '../../runtime/index.ts'
import type { OptionCheck } from '../../runtime/index.ts'
import { checkFilter } from '../topics/topic.ts'
import type {
  Catalog,
  CatalogChange,
  CatalogDetail,
  CatalogEntry,
  CatalogKind,
  CatalogStats,
  SeekOptions,
} from './catalog.ts'
import { detailBytes, detailOf, NO_DETAIL } from './detail.ts'
import { CatalogError } from './errors.ts'
import type { CatalogMemory } from './memory.ts'
import { sameDetail } from './message.ts'
import type { CatalogSettings } from './settings.ts'

/** What it works with. */
export interface CatalogFunctionsParts {
  readonly memory: CatalogMemory
  readonly settings: CatalogSettings
}

const SEEK_CHECKS: { readonly [K in keyof SeekOptions]-?: OptionCheck } = {
  timeoutMs: optional(numberOption(1, 2_147_483_647)),
  signal: optional(signalOption),
}

/** Somebody waits for a seek. */
interface Waiter {
  readonly resolve: () => void
}

/** A seek for a name that goes on. */
interface Seeking {
  readonly waiters: Set<Waiter>
  stop: () => void
}

/** See the head of this file. */
export class CatalogFunctions implements Catalog {
  readonly #parts: CatalogFunctionsParts
  readonly #seeking = new Map<string, Seeking>()
  #found: CatalogEntry[] = []
  readonly #visit = (entry: CatalogEntry): void => void this.#found.push(entry)

  constructor(parts: CatalogFunctionsParts) {
    this.#parts = parts
  }

  set(kind: CatalogKind, pattern: string, detail: CatalogDetail = NO_DETAIL): void {
    const { memory, settings } = this.#parts
    const filter = checkFilter(pattern)
    const checked = this.#checkDetail(detail)
    const own = memory.own[kind]
    const before = own.get(filter)
    if (before !== undefined && sameDetail(before, checked)) return
    if (before === undefined && own.size >= settings.entriesPerNodeMax) {
      throw new CatalogError(
        'ERR_CATALOG_OWN_MAX',
        `this node has ${own.size} entries of kind ${kind}, at most ${settings.entriesPerNodeMax} may be`,
      )
    }
    own.set(filter, checked)
    memory.running?.set(kind, filter, checked)
  }

  delete(kind: CatalogKind, pattern: string): void {
    const { memory } = this.#parts
    const filter = checkFilter(pattern)
    if (memory.own[kind].delete(filter)) memory.running?.delete(kind, filter)
  }

  lookup(kind: CatalogKind, name: string): readonly CatalogEntry[] {
    const found = (this.#found = [])
    this.#parts.memory.reader?.match(kind, name, this.#visit)
    return found
  }

  *entries(kind: CatalogKind): Iterable<CatalogEntry> {
    const { reader } = this.#parts.memory
    if (reader !== undefined) yield* reader.entries(kind)
  }

  isSought(kind: CatalogKind, name: string): boolean {
    return this.#parts.memory.running?.isSought(kind, name) ?? false
  }

  isUnanswered(kind: CatalogKind, name: string): boolean {
    return this.#parts.memory.running?.isUnanswered(kind, name) ?? false
  }

  isDoubtful(kind: CatalogKind, name: string): boolean {
    return this.#parts.memory.running?.isDoubtful(kind, name) ?? false
  }

  seek(kind: CatalogKind, name: string, options?: SeekOptions): Promise<void> {
    const { settings } = this.#parts
    const { timeoutMs = settings.seekTimeoutMs, signal } = resolveOptions<SeekOptions>(
      'catalog.seek',
      {},
      SEEK_CHECKS,
      options,
    )
    return ownPromise<void>((resolve, reject) => {
      if (signal?.aborted === true) return reject(aborted(kind, name, signal))
      const id = `${kind} ${timeoutMs} ${name}`
      const end = (): void => signal?.removeEventListener('abort', giveUp)
      const waiter: Waiter = {
        resolve: () => {
          end()
          resolve()
        },
      }
      const giveUp = (): void => {
        end()
        this.#leave(id, waiter)
        reject(aborted(kind, name, signal!))
      }
      signal?.addEventListener('abort', giveUp)
      this.#wait(id, waiter, kind, name, timeoutMs)
    })
  }

  follow(kind: CatalogKind, filter: string): () => void {
    const { memory } = this.#parts
    const followed = memory.followed[kind]
    const count = followed.get(filter) ?? 0
    followed.set(filter, count + 1)
    if (count === 0) memory.running?.follow(kind, filter)
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      const left = followed.get(filter)! - 1
      if (left > 0) return void followed.set(filter, left)
      followed.delete(filter)
      memory.running?.unfollow(kind, filter)
    }
  }

  unwanted(kind: CatalogKind, name: string, from: string): void {
    this.#parts.memory.running?.unwanted(kind, name, from)
  }

  isTold(): boolean {
    return this.#parts.memory.running?.isTold ?? false
  }

  onChange(kind: CatalogKind, handler: (change: CatalogChange) => void): () => void {
    if (!functionOption.test(handler)) throw new TypeError('a handler is a function')
    const handlers = this.#parts.memory.handlers[kind]
    // A wrapper, so that the same function registered twice is called and removed twice.
    const entry = (change: CatalogChange): void => handler(change)
    handlers.add(entry)
    return () => void handlers.delete(entry)
  }

  stats(): CatalogStats {
    const { own, reader, running, seeks } = this.#parts.memory
    const { known, nodes } = reader?.stats() ?? { known: 0, nodes: 0 }
    const all = { own: own.topic.size + own.procedure.size, known, nodes }
    return { ...all, seeks: seeks + (running?.seeks ?? 0) }
  }

  #wait(id: string, waiter: Waiter, kind: CatalogKind, name: string, timeoutMs: number): void {
    const { running } = this.#parts.memory
    // Whoever asks while the process is away gets what is known.
    if (running === undefined) return waiter.resolve()
    const known = this.#seeking.get(id)
    if (known !== undefined) return void known.waiters.add(waiter)
    const seeking: Seeking = { waiters: new Set([waiter]), stop: () => {} }
    this.#seeking.set(id, seeking)
    seeking.stop = running.seek(kind, name, timeoutMs, () => {
      if (this.#seeking.get(id) === seeking) this.#seeking.delete(id)
      for (const { resolve } of seeking.waiters) resolve()
    })
  }

  #leave(id: string, waiter: Waiter): void {
    const seeking = this.#seeking.get(id)
    if (seeking === undefined || !seeking.waiters.delete(waiter)) return
    if (seeking.waiters.size > 0) return
    this.#seeking.delete(id)
    seeking.stop()
  }

  #checkDetail(given: CatalogDetail): CatalogDetail {
    const { detailBytesMax } = this.#parts.settings
    const detail = detailOf(given)
    if (detail === undefined) {
      const text = 'a detail is a flat object of texts, finite numbers and truth values'
      throw new CatalogError('ERR_CATALOG_DETAIL', text)
    }
    const bytes = detailBytes(detail)
    if (bytes <= detailBytesMax) return detail
    const text = `the detail takes ${bytes} bytes, at most ${detailBytesMax} may be`
    throw new CatalogError('ERR_CATALOG_DETAIL', text)
  }
}

/** Tells handlers of a change, each by itself. */
export function tellHandlers(
  handlers: ReadonlySet<(change: CatalogChange) => void>,
  change: CatalogChange,
  failed: (error: unknown) => void,
): void {
  for (const handler of handlers) {
    try {
      handler(change)
    } catch (error) {
      failed(error)
    }
  }
}

function aborted(kind: CatalogKind, name: string, signal: AbortSignal): CatalogError {
  const text = `the seek of ${kind} ${JSON.stringify(name)} was given up`
  return new CatalogError('ERR_CATALOG_ABORTED', text, { cause: signal.reason })
}
