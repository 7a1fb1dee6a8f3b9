/**
 * When a node is gone for those who wait for it: members say that it is down or has left; it came back as another life; or,
 * for one that is no member (an edge peer, the client of a gateway), the link with it broke, which is the only way to it.
 */
import type { LinkEvent } from '../link/link.ts'
import type { Member, MemberEvent } from '../membership/membership.ts'
import type { GoneReason } from './courier.ts'

/** Lives remembered of nodes that are no members. */
const LIVES_MAX = 4_096

/** What it needs. */
export interface GoneParts {
  /** The member with that key, whatever its state. */
  readonly member: (node: string) => Pick<Member, 'state'> | undefined
  readonly isLinked: (node: string) => boolean
  readonly gone: (node: string, reason: GoneReason) => void
}

/** See the file header. Synchronous, and told of everything in order. */
export class GoneWatch {
  readonly #parts: GoneParts
  /** The latest life of each node, oldest entry first. A generation of membership is never below the incarnation. */
  readonly #lives = new Map<string, number>()
  /** Members that speak of another life while their link still stands: one of both is not true any more. */
  readonly #doubtful = new Set<string>()

  constructor(parts: GoneParts) {
    this.#parts = parts
  }

  member({ type, member }: MemberEvent): void {
    const { hex } = member.key
    switch (type) {
      case 'down':
      case 'left':
        this.#doubtful.delete(hex)
        return this.#parts.gone(hex, type)
      case 'up':
        // Before this it was down, which was told, or unknown.
        return this.#remember(hex, member.incarnation.generation)
      case 'update':
      case 'alive':
      case 'suspect':
        return this.#heard(hex, member.incarnation.generation)
      case 'forgotten':
        return void this.#lives.delete(hex)
      case 'conflict':
        return
    }
  }

  link(event: LinkEvent): void {
    const { hex } = event.link.peer.key
    if (event.type === 'up') return this.#linkUp(hex, event.link.peer.incarnation)
    const doubtful = this.#doubtful.delete(hex)
    if (event.reason === 'idle') return
    if (this.#parts.member(hex) === undefined) {
      this.#parts.gone(hex, event.reason === 'graceful_shutdown' ? 'left' : 'down')
    } else if (doubtful && event.reason !== 'graceful_shutdown') this.#parts.gone(hex, 'restarted')
  }

  #linkUp(node: string, life: number): void {
    const known = this.#lives.get(node)
    this.#remember(node, life)
    this.#doubtful.delete(node)
    if (known !== undefined && life > known) this.#parts.gone(node, 'restarted')
  }

  #heard(node: string, life: number): void {
    const known = this.#lives.get(node)
    this.#remember(node, life)
    if (known === undefined || life <= known) return
    // A detector that was restarted speaks of another life, too, and its node lives on.
    if (this.#parts.isLinked(node)) this.#doubtful.add(node)
    else this.#parts.gone(node, 'restarted')
  }

  #remember(node: string, life: number): void {
    const known = this.#lives.get(node) ?? 0
    this.#lives.delete(node)
    this.#lives.set(node, Math.max(known, life))
    if (this.#lives.size <= LIVES_MAX) return
    for (const oldest of this.#lives.keys()) {
      if (this.#parts.member(oldest) === undefined) return void this.#lives.delete(oldest)
    }
  }
}
