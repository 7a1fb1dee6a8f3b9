/**
 * Who gets the messages of a topic: subscriptions of this node, other nodes, and groups. Worked out when a topic is used
 * and remembered until a subscription or an entry of the catalog changes.
 */
import type { Catalog, CatalogEntry } from '../catalog/catalog.ts'
import type { LocalSubscription } from './local-subscription.ts'
import type { Registry } from './registry.ts'
import { GROUP_PREFIX, LocalGroup, PLAIN, WIDENED } from './registry.ts'
import type { Unwanted } from './unwanted.ts'

/** Another node. */
export interface RemoteNode {
  readonly node: string
  /** The gateway it is connected to. */
  readonly via: string | undefined
}

/** A node with members of a group. */
export interface GroupSite extends RemoteNode {
  readonly members: number
}

/** A group with members on this node, on others, or both. */
export interface RouteGroup {
  readonly name: string
  readonly local: LocalGroup | undefined
  readonly sites: readonly GroupSite[]
}

/** The part of a topic that this node has itself. */
export interface LocalRoute {
  readonly topic: string
  /** In no group. */
  readonly plain: readonly LocalSubscription[]
  /** By name: all members whose filters match. */
  readonly groups: ReadonlyMap<string, LocalGroup>
}

/** Everybody. */
export interface Route {
  readonly topic: string
  readonly nodes: readonly RemoteNode[]
  readonly groups: readonly RouteGroup[]
}

interface Remembered {
  local: LocalRoute | undefined
  localVersion: number
  route: Route | undefined
  version: number
  /** Nobody has said who wants it. */
  isFirst: boolean
}

/** What routes are made of. */
export interface RoutesParts {
  readonly catalog: Catalog
  readonly registry: Registry
  readonly unwanted: Unwanted
  readonly routesMax: number
}

/** See the head of this file. */
export class Routes {
  readonly #parts: RoutesParts
  /** Used lately; when there are too many, they are the old ones, and the old ones are forgotten. */
  #young = new Map<string, Remembered>()
  #old = new Map<string, Remembered>()
  #version = 0

  constructor(parts: RoutesParts) {
    this.#parts = parts
  }

  /** True for a topic that was used lately, so it is a valid one. */
  has(topic: string): boolean {
    return this.#young.has(topic) || this.#old.has(topic)
  }

  /** What others want has changed. */
  changed(): void {
    this.#version += 1
  }

  /** True until somebody who was asked has said who wants the topic. */
  isFirst(topic: string): boolean {
    return this.#remembered(topic).isFirst
  }

  /** It was said. */
  sought(topic: string): void {
    this.#remembered(topic).isFirst = false
  }

  /** Whether another node is known to want the topic. */
  isWantedElsewhere(topic: string): boolean {
    const { nodes, groups } = this.route(topic)
    return nodes.length > 0 || groups.some(({ sites }) => sites.length > 0)
  }

  /** The topic must be valid. */
  local(topic: string): LocalRoute {
    const remembered = this.#remembered(topic)
    const { version } = this.#parts.registry
    if (remembered.local === undefined || remembered.localVersion !== version) {
      remembered.local = this.#localRoute(topic)
      remembered.localVersion = version
    }
    return remembered.local
  }

  /** The topic must be valid. */
  route(topic: string): Route {
    const remembered = this.#remembered(topic)
    const version = this.#version + this.#parts.registry.version + this.#parts.unwanted.version
    if (remembered.route === undefined || remembered.version !== version) {
      remembered.route = this.#route(topic)
      remembered.version = version
    }
    return remembered.route
  }

  #remembered(topic: string): Remembered {
    const young = this.#young.get(topic)
    if (young !== undefined) return young
    let remembered = this.#old.get(topic)
    remembered ??= {
      local: undefined,
      localVersion: -1,
      route: undefined,
      version: -1,
      isFirst: true,
    }
    if (this.#young.size >= this.#parts.routesMax / 2) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(topic, remembered)
    return remembered
  }

  #localRoute(topic: string): LocalRoute {
    const plain: LocalSubscription[] = []
    const groups = new Map<string, LocalGroup>()
    this.#parts.registry.match(topic, (entry) => {
      for (const subscription of entry.plain) plain.push(subscription)
      for (const [name, group] of entry.groups) {
        const there = groups.get(name)
        // Made for this topic when there are several filters.
        const all =
          there === undefined ? group : new LocalGroup([...there.members, ...group.members])
        groups.set(name, all)
      }
    })
    return { topic, plain, groups }
  }

  #route(topic: string): Route {
    const { catalog, unwanted } = this.#parts
    const nodes = new Map<string, RemoteNode>()
    const groups = new Map<string, { local: LocalGroup | undefined; sites: GroupSite[] }>()
    for (const [name, local] of this.local(topic).groups) groups.set(name, { local, sites: [] })
    for (const entry of catalog.lookup('topic', topic)) {
      const { node, via } = entry
      if (unwanted.has(node, topic)) continue
      if (isPlain(entry)) nodes.set(node, { node, via })
      for (const [name, members] of groupsOf(entry)) {
        let found = groups.get(name)
        if (found === undefined) groups.set(name, (found = { local: undefined, sites: [] }))
        const at = found.sites.findIndex((site) => site.node === node)
        if (at === -1) found.sites.push({ node, via, members })
        else found.sites[at] = { node, via, members: found.sites[at]!.members + members }
      }
    }
    return {
      topic,
      nodes: Array.from(nodes.values()),
      groups: Array.from(groups, ([name, { local, sites }]) => ({ name, local, sites })),
    }
  }
}

/** One that says nothing of subscribers, or of several filters at once, may have such that are in no group. */
function isPlain({ detail }: CatalogEntry): boolean {
  if (detail[PLAIN] !== undefined || detail[WIDENED] === true) return true
  return !Object.keys(detail).some((name) => name.startsWith(GROUP_PREFIX))
}

function* groupsOf({ detail }: CatalogEntry): Iterable<readonly [string, number]> {
  for (const [name, members] of Object.entries(detail)) {
    if (name.startsWith(GROUP_PREFIX) && typeof members === 'number' && members >= 1) {
      yield [name.slice(GROUP_PREFIX.length), members]
    }
  }
}
