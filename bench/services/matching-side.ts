/** One matcher in a process of its own: prints its figures as JSON. Arguments: its name, subscriptions, script of a peer. */
import { pathToFileURL } from 'node:url'
import { FilterMap } from 'fovea/cores'
import { median } from '../harness.ts'
import { heapBytes } from '../local/side.ts'
import { MatchingFloor } from './matching-floor.ts'
import { filters, topics } from './workload.ts'

/** What is measured. */
export interface Matcher {
  /** How it writes wildcards, for the same meaning. */
  readonly wildcard: { readonly one: string; readonly any: string }
  add(filter: string, value: number): unknown
  remove(filter: string, value: number): unknown
  /** Calls `visit` for each value. */
  match(topic: string, visit: (value: number) => void): void
}

/** What it prints: per second of processor time, and bytes of memory per subscription, its filter included. */
export interface MatcherFigures {
  readonly addPerSecond: number
  readonly removePerSecond: number
  readonly bytes: number
  /** `TOPICS` topics in turn: more than a cache of results remembers. */
  readonly matchesPerSecond: number
  /** A thousand topics in turn. */
  readonly hotPerSecond: number
  /** A hundred thousand topics in turn: more than a cache of the processor remembers. */
  readonly rarePerSecond: number
  /** Values found per match, for a look whether all matchers find the same. */
  readonly found: number
}

const WILDCARD = { one: '*', any: '**' } as const
const RARE = 100_000
const TOPICS = 8_000
const HOT = 1_000
const ROUNDS = 5

function ownMatcher(): Matcher {
  const map = new FilterMap<number>()
  return {
    wildcard: WILDCARD,
    add: (filter, value) => map.add(filter, value),
    remove: (filter, value) => map.delete(filter, value),
    match: (topic, visit) => map.match(topic, visit),
  }
}

function floorMatcher(): Matcher {
  const floor = new MatchingFloor()
  return {
    wildcard: WILDCARD,
    add: (filter, value) => floor.add(filter, value),
    remove: (filter, value) => floor.remove(filter, value),
    match: (topic, visit) => floor.match(topic, visit),
  }
}

async function matcherOf(name: string, script: string | undefined): Promise<Matcher> {
  if (name === 'Fovea') return ownMatcher()
  if (script === undefined) return floorMatcher()
  const peer = (await import(pathToFileURL(script).href)) as { matcher(): Matcher }
  return peer.matcher()
}

/** Operations per second of processor time; the collector's threads count. */
function perSecond(operations: number, run: () => void): number {
  const before = process.cpuUsage()
  run()
  const { user, system } = process.cpuUsage(before)
  return (operations / (user + system)) * 1e6
}

/** Integers that lie side by side are beside the heap, and count as well. */
function memoryBytes(): number {
  return heapBytes() + process.memoryUsage().arrayBuffers
}

function fill(matcher: Matcher, subscriptions: number): void {
  let value = 0
  for (const filter of filters(subscriptions, matcher.wildcard)) matcher.add(filter, value++)
}

function measure(matcher: Matcher, subscriptions: number): MatcherFigures {
  const before = memoryBytes()
  fill(matcher, subscriptions)
  const bytes = (memoryBytes() - before) / subscriptions
  const rare = topics(RARE, subscriptions)
  let count = 0
  const visit = (): void => void (count += 1)
  const run = (distinct: number): number => {
    const of = rare.slice(0, distinct)
    const times = Math.ceil(RARE / distinct)
    return perSecond(distinct * times, () => {
      for (let i = 0; i < times; i++) for (const topic of of) matcher.match(topic, visit)
    })
  }
  run(RARE)
  count = 0
  run(RARE)
  const found = count / RARE
  const figures = (distinct: number): number =>
    median(Array.from({ length: ROUNDS }, () => run(distinct)))
  const [matchesPerSecond, hotPerSecond, rarePerSecond] = [TOPICS, HOT, RARE].map(figures)
  // The names are made beforehand: making them is not what is measured.
  const names = Array.from(filters(subscriptions, matcher.wildcard))
  const times = Math.ceil(200_000 / subscriptions)
  const adds: number[] = []
  const removes: number[] = []
  for (let i = 0; i < times; i++) {
    removes.push(
      perSecond(subscriptions, () => names.forEach((name, v) => matcher.remove(name, v))),
    )
    adds.push(perSecond(subscriptions, () => names.forEach((name, v) => matcher.add(name, v))))
  }
  return {
    addPerSecond: median(adds),
    removePerSecond: median(removes),
    bytes,
    matchesPerSecond: matchesPerSecond!,
    hotPerSecond: hotPerSecond!,
    rarePerSecond: rarePerSecond!,
    found,
  }
}

const [name = 'Fovea', subscriptions = '10000', script] = process.argv.slice(2)
console.log(JSON.stringify(measure(await matcherOf(name, script), Number(subscriptions))))
