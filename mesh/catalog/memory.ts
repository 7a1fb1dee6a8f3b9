/** What outlives a restart of the catalog's process. */
import type { CatalogChange, CatalogDetail, CatalogEntry, CatalogKind } from './catalog.ts'
import type { StandingQuestions } from './standing.ts'

/** What the functions for users need of the driver that runs. */
export interface RunningCatalog {
  set(kind: CatalogKind, pattern: string, detail: CatalogDetail): void
  delete(kind: CatalogKind, pattern: string): void
  isSought(kind: CatalogKind, name: string): boolean
  isUnanswered(kind: CatalogKind, name: string): boolean
  isDoubtful(kind: CatalogKind, name: string): boolean
  /** Calls `done` when it is over; gives the way to give it up. */
  seek(kind: CatalogKind, name: string, timeoutMs: number, done: () => void): () => void
  /** Whoever is found for that name or filter is to be kept known, until `unfollow`. */
  follow(kind: CatalogKind, filter: string): void
  unfollow(kind: CatalogKind, filter: string): void
  unwanted(kind: CatalogKind, name: string, from: string): void
  readonly seeks: number
  readonly isTold: boolean
}

/** Where entries of others are read, also while the process is away. */
export interface CatalogReader {
  match(kind: CatalogKind, name: string, visit: (entry: CatalogEntry) => void): void
  entries(kind: CatalogKind): Iterable<CatalogEntry>
  stats(): { readonly known: number; readonly nodes: number }
}

/** One per node. */
export interface CatalogMemory {
  /** The one that runs; undefined while its process is being restarted. */
  running: RunningCatalog | undefined
  /** What is known of others. */
  reader: CatalogReader | undefined
  /** What this node wants and offers. */
  readonly own: Readonly<Record<CatalogKind, Map<string, CatalogDetail>>>
  readonly handlers: Readonly<Record<CatalogKind, Set<(change: CatalogChange) => void>>>
  /** Keys under which this node is published. */
  readonly published: Set<string>
  /** What is followed, and how often. */
  readonly followed: Readonly<Record<CatalogKind, Map<string, number>>>
  /** Questions of peers at the edge; undefined before there is a gateway that takes them. */
  standing: StandingQuestions | undefined
  /** Nodes that the former driver told through others. */
  pairs: readonly string[]
  /** Of drivers before. */
  seeks: number
  /** What they told, at most. */
  version: number
}

/** With nothing in it. */
export function catalogMemory(): CatalogMemory {
  return {
    running: undefined,
    reader: undefined,
    own: { topic: new Map(), procedure: new Map() },
    handlers: { topic: new Set(), procedure: new Set() },
    published: new Set(),
    followed: { topic: new Map(), procedure: new Map() },
    standing: undefined,
    pairs: [],
    seeks: 0,
    version: 0,
  }
}
