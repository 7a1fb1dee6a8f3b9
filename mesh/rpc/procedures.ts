/**
 * What this node offers: patterns, who serves them, and their limits. It outlives restarts of the process behind. The
 * catalog tells the others; a handler of calls and one of streams under one pattern are one entry there, so its detail
 * says which of both there is:
 *
 *     the metadata of whoever advertised, and `$stream: true` when there are streams, `$call: false` when there are no calls,
 *     `$idempotent: true` when calls may run twice
 *
 * Every entry is told again 60 s before its `ttlMs` is over, at the earliest after 10 s.
 */
import type { ExitReason, Pid } from '../../runtime/index.ts'
import { checkFilter } from '../topics/topic.ts'
import type { Catalog, CatalogDetail } from '../catalog/catalog.ts'
import { RpcError } from './errors.ts'
import { Gate } from './gate.ts'
import type { GateJob } from './gate.ts'
import type { AdvertiseSettings } from './options.ts'
import { PatternMap } from './patterns.ts'

/** What is offered: answers to calls, or streams. */
export type ProcedureKind = 'call' | 'stream'

/** Words of the catalog's detail that are not metadata. */
export const STREAM_MARK = '$stream'
/** See {@link STREAM_MARK}. */
export const CALL_MARK = '$call'
/** See {@link STREAM_MARK}. */
export const IDEMPOTENT_MARK = '$idempotent'

const RETELL_BEFORE_MS = 60_000
const RETELL_MIN_MS = 10_000

/** One advertisement. */
export interface Registration<Handler = unknown> {
  readonly kind: ProcedureKind
  /** Canonical. */
  readonly pattern: string
  readonly handler: Handler
  readonly settings: AdvertiseSettings
  /** When it was advertised, by the clock of this node. */
  readonly sinceMs: number
  /** Lets its calls in. */
  readonly gate: Gate<GateJob>
  /** True once it is not offered any more. */
  ended: boolean
  /** Told when that happens. */
  readonly onEnd: Set<() => void>
}

/** Something to advertise. */
export interface RegistrationRequest<Handler> {
  readonly kind: ProcedureKind
  readonly pattern: string
  readonly handler: Handler
  readonly settings: AdvertiseSettings
  /** It ends with the first of these processes that does. */
  readonly owners: readonly Pid[]
}

/** What {@link Procedures} needs. */
export interface ProceduresParts {
  readonly catalog: Catalog
  readonly advertisedMax: number
  /** Calls back when a process has ended; gives the way to stop. */
  readonly watch: (pid: Pid, ended: (reason: ExitReason) => void) => () => void
  readonly now: () => number
  /** An entry must be told again at another time than was known. */
  readonly changed: () => void
}

/** See the head of this file. */
export class Procedures {
  readonly #parts: ProceduresParts
  readonly #registrations: Readonly<Record<ProcedureKind, PatternMap<Registration>>> = {
    call: new PatternMap(),
    stream: new PatternMap(),
  }
  readonly #listeners = new Set<(pattern: string) => void>()
  /** When each pattern is told again. */
  readonly #retellMs = new Map<string, number>()
  #nextRetellMs = Infinity
  #version = 0

  constructor(parts: ProceduresParts) {
    this.#parts = parts
  }

  /** Changes whenever something is offered, or not any more. */
  get version(): number {
    return this.#version
  }

  /** Patterns of both kinds. */
  get size(): number {
    return this.#registrations.call.size + this.#registrations.stream.size
  }

  get nextDueMs(): number {
    return this.#nextRetellMs
  }

  /** Offers it, here and to others. Throws `RpcError`, and what the catalog throws. */
  add<Handler>(request: RegistrationRequest<Handler>): Registration<Handler> {
    const { kind, handler, settings } = request
    const { advertisedMax } = this.#parts
    const pattern = checkPattern(request.pattern)
    if (this.#registrations[kind].get(pattern) !== undefined) {
      throw new RpcError('ERR_RPC_PROCEDURE_TAKEN', `'${pattern}' is advertised here already`, {
        procedure: pattern,
      })
    }
    if (this.size >= advertisedMax) {
      throw new RpcError('ERR_RPC_ADVERTISED_MAX', `${advertisedMax} patterns are advertised`, {
        procedure: pattern,
      })
    }
    const registration: Registration<Handler> = {
      ...{ kind, pattern, handler, settings },
      sinceMs: this.#parts.now(),
      gate: new Gate(settings),
      ended: false,
      onEnd: new Set(),
    }
    this.#registrations[kind].add(pattern, registration)
    try {
      this.#tell(pattern)
    } catch (error) {
      this.#registrations[kind].delete(pattern)
      throw error
    }
    this.#version += 1
    for (const listener of this.#listeners) listener(pattern)
    for (const owner of request.owners) {
      registration.onEnd.add(this.#parts.watch(owner, () => this.end(registration)))
    }
    return registration
  }

  /** Offers it no more; false when it was not offered. */
  end(registration: Registration): boolean {
    if (registration.ended) return false
    const { kind, pattern } = registration
    registration.ended = true
    this.#registrations[kind].delete(pattern)
    this.#version += 1
    this.#tell(pattern)
    for (const told of registration.onEnd) told()
    registration.onEnd.clear()
    for (const listener of this.#listeners) listener(pattern)
    return true
  }

  /** Calls `listener` when what is offered under a pattern has changed; gives the way to stop. */
  onChange(listener: (pattern: string) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  get(kind: ProcedureKind, pattern: string): Registration | undefined {
    return this.#registrations[kind].get(pattern)
  }

  /** Who serves `name` here. */
  match(kind: ProcedureKind, name: string): Registration | undefined {
    return this.#registrations[kind].match(name)?.value
  }

  *all(): Iterable<Registration> {
    for (const kind of ['call', 'stream'] as const) {
      for (const { value } of this.#registrations[kind].values()) yield value
    }
  }

  /** Tells again what is due. */
  tick(): void {
    const nowMs = this.#parts.now()
    if (nowMs < this.#nextRetellMs) return
    for (const [pattern, dueMs] of this.#retellMs) if (dueMs <= nowMs) this.#tell(pattern)
    let nextMs = Infinity
    for (const dueMs of this.#retellMs.values()) nextMs = Math.min(nextMs, dueMs)
    this.#nextRetellMs = nextMs
  }

  /** One entry of the catalog for both kinds. */
  #tell(pattern: string): void {
    const { catalog, now } = this.#parts
    const call = this.#registrations.call.get(pattern)
    const stream = this.#registrations.stream.get(pattern)
    if (call === undefined && stream === undefined) {
      this.#retellMs.delete(pattern)
      catalog.delete('procedure', pattern)
      return
    }
    const detail: CatalogDetail = {
      ...stream?.settings.metadata,
      ...call?.settings.metadata,
      ...(stream === undefined ? {} : { [STREAM_MARK]: true }),
      ...(call === undefined ? { [CALL_MARK]: false } : {}),
      ...(call?.settings.idempotent === true ? { [IDEMPOTENT_MARK]: true } : {}),
    }
    catalog.set('procedure', pattern, detail)
    const ttlMs = Math.min(call?.settings.ttlMs ?? Infinity, stream?.settings.ttlMs ?? Infinity)
    const retellMs = now() + Math.max(RETELL_MIN_MS, ttlMs - RETELL_BEFORE_MS)
    this.#retellMs.set(pattern, retellMs)
    if (retellMs >= this.#nextRetellMs) return
    this.#nextRetellMs = retellMs
    this.#parts.changed()
  }
}

/** The pattern in its canonical form; throws `ERR_RPC_PROCEDURE_INVALID`. */
export function checkPattern(pattern: string): string {
  try {
    return checkFilter(pattern)
  } catch (cause) {
    throw invalid(cause)
  }
}

/** What a procedure that is called must be told as wrong. */
export function invalid(cause: unknown): RpcError {
  const { message } = cause as Error
  return new RpcError('ERR_RPC_PROCEDURE_INVALID', `procedure: ${message}`, { cause })
}

/** What was advertised with a pattern, without the marks. */
export function metadataOf(detail: CatalogDetail): CatalogDetail {
  return Object.fromEntries(Object.entries(detail).filter(([name]) => !name.startsWith('$')))
}

/** Whether an entry of another node offers that kind. */
export function offers(detail: CatalogDetail, kind: ProcedureKind): boolean {
  return kind === 'stream' ? detail[STREAM_MARK] === true : detail[CALL_MARK] !== false
}
