/**
 * What this node remembers about the procedures it calls: who offers them, what answers took, what may be tried again.
 * One {@link Route} per name, at most `routesMax`; those without calls under way that were used longest ago go first.
 *
 * Who offers a name is asked of the catalog and kept until something changes there or here. A provider that said it does
 * not offer it is left out until it tells something new, at the longest for `ABSENT_MS`.
 */
import type { Catalog, CatalogEntry } from '../catalog/catalog.ts'
import { Breaker } from './breaker.ts'
import { AttemptBudget } from './budget.ts'
import { LatencyWindow } from './hedging.ts'
import type { RpcSettings } from './options.ts'
import { comparePatterns } from './patterns.ts'
import { PeakEwma } from './peak-ewma.ts'
import { IDEMPOTENT_MARK, offers } from './procedures.ts'
import type { ProcedureKind, Procedures } from './procedures.ts'
import type { Selectable } from './selector.ts'
import { Throttle } from './throttle.ts'

const ABSENT_MS = 5_000

/** Nodes per procedure that were asked without being known as providers, and are remembered. */
const STRANGERS_MAX = 256

/** A node that offers a procedure, and how it has answered. */
export class Candidate implements Selectable {
  readonly node: string
  readonly isLocal: boolean
  /** What it advertised, when this was last looked up. */
  entry: CatalogEntry | undefined
  pattern: string
  /** It says that calls of it may run twice. */
  isIdempotent = false
  outstanding = 0
  readonly latency: PeakEwma
  readonly breaker: Breaker

  constructor(node: string, isLocal: boolean, pattern: string, settings: RpcSettings) {
    this.node = node
    this.isLocal = isLocal
    this.pattern = pattern
    this.latency = new PeakEwma(settings.latencyDecayMs)
    this.breaker = new Breaker(settings)
  }

  get via(): string | undefined {
    return this.entry?.via
  }

  get latencyMs(): number | undefined {
    return this.latency.latencyMs
  }

  cost(nowMs: number): number {
    return this.latency.cost(this.outstanding, nowMs)
  }
}

/** One procedure that this node calls. */
export class Route {
  readonly procedure: string
  /** Who offers the best pattern, by node key. */
  candidates: readonly Candidate[] = []
  /** As of which changes that is. */
  version = -1
  /** Everybody who is or was one. */
  readonly known: Map<string, Candidate> = new Map()
  /** Until when nodes are left out that said they do not offer it. */
  readonly absent: Map<string, number> = new Map()
  readonly retries: AttemptBudget
  readonly hedges: AttemptBudget
  readonly latencies: LatencyWindow = new LatencyWindow()
  readonly throttle: Throttle
  /** Calls under way. */
  active = 0
  /** Choices made so far. */
  turn = 0
  /** Used since it was last looked at for being forgotten. */
  used = true

  constructor(procedure: string, settings: RpcSettings) {
    this.procedure = procedure
    this.retries = new AttemptBudget(settings.retryRatio)
    this.hedges = new AttemptBudget(settings.hedgeRatio)
    this.throttle = new Throttle(settings)
  }
}

/** What {@link Routes} needs. */
export interface RoutesParts {
  readonly self: string
  readonly kind: ProcedureKind
  readonly catalog: Catalog
  readonly procedures: Procedures
  readonly settings: RpcSettings
  readonly now: () => number
}

/** See the head of this file. */
export class Routes {
  readonly #parts: RoutesParts
  readonly #routes = new Map<string, Route>()
  /** Those that leave somebody out. */
  readonly #withAbsent = new Set<Route>()
  #changes = 0

  constructor(parts: RoutesParts) {
    this.#parts = parts
  }

  get size(): number {
    return this.#routes.size
  }

  /** The catalog has learned something about a node. */
  changed(node: string): void {
    this.#changes += 1
    for (const route of this.#withAbsent) {
      route.absent.delete(node)
      if (route.absent.size === 0) this.#withAbsent.delete(route)
    }
  }

  /** The route of a name, with those who offer it now. */
  route(procedure: string): Route {
    let route = this.#routes.get(procedure)
    if (route === undefined) {
      this.#makeRoom()
      route = new Route(procedure, this.#parts.settings)
      this.#routes.set(procedure, route)
    }
    route.used = true
    if (route.absent.size > 0) this.#expire(route)
    const version = this.#changes + this.#parts.procedures.version
    if (route.version !== version) {
      route.version = version
      this.#refresh(route)
    }
    return route
  }

  /** Who offers a name as of now, without remembering that it was asked. */
  lookup(procedure: string): readonly Candidate[] {
    const known = this.#routes.get(procedure)
    if (known !== undefined) return this.route(procedure).candidates
    const route = new Route(procedure, this.#parts.settings)
    this.#refresh(route)
    return route.candidates
  }

  /** A provider said that it does not offer it. */
  isAbsent(route: Route, node: string): void {
    route.absent.set(node, this.#parts.now() + ABSENT_MS)
    route.version = -1
    this.#withAbsent.add(route)
  }

  /** One that need not be known: for calls to a certain node. */
  candidate(route: Route, node: string): Candidate {
    const known = route.known.get(node)
    if (known !== undefined) return known
    if (route.known.size >= route.candidates.length + STRANGERS_MAX) this.#prune(route)
    return this.#known(route, node, route.procedure)
  }

  #refresh(route: Route): void {
    const { catalog, procedures, self, kind } = this.#parts
    const entries = catalog
      .lookup('procedure', route.procedure)
      .filter(({ node, detail }) => offers(detail, kind) && !route.absent.has(node))
    const registration = procedures.match(kind, route.procedure)
    const own = registration?.pattern
    let best = own
    for (const { pattern } of entries) {
      if (best === undefined || comparePatterns(pattern, best) < 0) best = pattern
    }
    const candidates: Candidate[] = []
    if (registration !== undefined && own === best) {
      const candidate = this.#known(route, self, registration.pattern)
      candidate.isIdempotent = registration.settings.idempotent
      candidates.push(candidate)
    }
    for (const entry of entries) {
      if (entry.pattern !== best || entry.node === self) continue
      const candidate = this.#known(route, entry.node, entry.pattern)
      candidate.entry = entry
      candidate.isIdempotent = entry.detail[IDEMPOTENT_MARK] === true
      candidates.push(candidate)
    }
    route.candidates = candidates.sort((left, right) => (left.node < right.node ? -1 : 1))
    this.#prune(route)
  }

  /** Forgets those that do not offer it and have nothing under way. */
  #prune(route: Route): void {
    const kept = new Set(route.candidates)
    for (const [node, candidate] of route.known) {
      if (candidate.outstanding === 0 && !kept.has(candidate)) route.known.delete(node)
    }
  }

  #known(route: Route, node: string, pattern: string): Candidate {
    const { self, settings } = this.#parts
    let candidate = route.known.get(node)
    if (candidate === undefined) {
      candidate = new Candidate(node, node === self, pattern, settings)
      route.known.set(node, candidate)
    }
    candidate.pattern = pattern
    return candidate
  }

  #expire(route: Route): void {
    const nowMs = this.#parts.now()
    for (const [node, untilMs] of route.absent) {
      if (untilMs > nowMs) continue
      route.absent.delete(node)
      route.version = -1
    }
    if (route.absent.size === 0) this.#withAbsent.delete(route)
  }

  /** The oldest that was not used since it was last looked at; those with calls under way stay. */
  #makeRoom(): void {
    if (this.#routes.size < this.#parts.settings.routesMax) return
    let looked = 0
    for (const [procedure, route] of this.#routes) {
      if (looked++ > this.#parts.settings.routesMax) return
      this.#routes.delete(procedure)
      if (route.used || route.active > 0) {
        route.used = false
        this.#routes.set(procedure, route)
        continue
      }
      this.#withAbsent.delete(route)
      return
    }
  }
}
