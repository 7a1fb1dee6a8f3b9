/**
 * What watchers of presence are told (PS14): differences fit what came before, and when everything is calm each watcher
 * sees what is tracked, by whoever lives, and no ghosts.
 */
import type { PresenceEvent } from '../../mesh/index.ts'
import type { Claim } from './services-claim.ts'
import type { Life } from './services-life.ts'

/** What one watcher sees. */
interface View {
  readonly by: Life
  readonly topic: string
  /** By ref: node and key. */
  readonly seen: Map<string, string>
  hasSnapshot: boolean
}

/** See the file header. */
export class PresenceAccount {
  readonly #views: View[] = []
  readonly #claim: Claim
  joins = 0
  leaves = 0

  constructor(claim: Claim) {
    this.#claim = claim
  }

  watch(by: Life, topic: string): void {
    const view: View = { by, topic, seen: new Map(), hasSnapshot: false }
    this.#views.push(view)
    by.watches.push(by.node.presence.watch(topic, (event) => this.#take(view, event)))
  }

  /** What watchers see that is not so, or do not see that is; empty when all agree. */
  disagreements(lives: readonly Life[]): readonly string[] {
    const wrong: string[] = []
    for (const { by, topic, seen, hasSnapshot } of this.#views) {
      if (by.isOver) continue
      const truth = truthOf(lives, topic)
      if (!hasSnapshot) wrong.push(`${by.name} has no snapshot of ${topic}`)
      for (const [ref, what] of truth) {
        if (!seen.has(ref)) wrong.push(`${by.name} does not see ${what} in ${topic}`)
      }
      for (const [ref, what] of seen) {
        if (!truth.has(ref)) wrong.push(`${by.name} sees a ghost, ${what} in ${topic}`)
      }
    }
    return wrong
  }

  #take(view: View, event: PresenceEvent): void {
    const { by, topic, seen } = view
    const who = (): string => `${by.name} watching ${topic}`
    if (event.type === 'snapshot') {
      this.#claim(!view.hasSnapshot, 'PS14', () => `${who()}: a second snapshot`)
      view.hasSnapshot = true
      for (const { ref, node, key } of event.entries) seen.set(ref, `${key} of ${node.slice(0, 8)}`)
      return
    }
    for (const { ref, key } of event.leaves) {
      this.#claim(seen.delete(ref), 'PS14', () => `${who()}: ${key} leaves and was not there`)
      this.leaves += 1
    }
    for (const { ref, key, node } of event.joins) {
      this.#claim(!seen.has(ref), 'PS14', () => `${who()}: ${key} joins twice`)
      seen.set(ref, `${key} of ${node.slice(0, 8)}`)
      this.joins += 1
    }
  }
}

/** What is tracked, by ref. */
function truthOf(lives: readonly Life[], topic: string): ReadonlyMap<string, string> {
  const truth = new Map<string, string>()
  for (const life of lives) {
    for (const entry of life.tracked.values()) {
      if (entry.topic === topic) truth.set(entry.ref, `${entry.key} of ${life.name}`)
    }
  }
  return truth
}
