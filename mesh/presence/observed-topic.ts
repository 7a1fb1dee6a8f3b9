/** A topic that is watched here: who tells about it, and who listens. */
import type { Diff } from './diff.ts'
import type { LocalWatch } from './local-watch.ts'
import { Remote } from './remote.ts'

/** See the head of this file. */
export class ObservedTopic {
  readonly topic: string
  readonly remotes: Map<string, Remote> = new Map()
  readonly watches: Set<LocalWatch> = new Set()
  /** Whoever is here has been looked for. */
  isSought: boolean = false
  /** When it is given up, if nobody watches. */
  endsMs: number = Infinity

  constructor(topic: string) {
    this.topic = topic
  }

  /** Everybody who is known to be here has told. */
  get isComplete(): boolean {
    if (!this.isSought) return false
    for (const { known } of this.remotes.values()) if (known === undefined) return false
    return true
  }

  remote(node: string): Remote {
    let remote = this.remotes.get(node)
    if (remote === undefined) {
      remote = new Remote(this.topic, node)
      this.remotes.set(node, remote)
    }
    return remote
  }

  /** Those who have their snapshot hear of it. */
  tell(diff: Diff): void {
    for (const watch of Array.from(this.watches)) watch.diff(diff)
  }
}
