/**
 * What parts of a node ask the same parts of other nodes: names, locks, functions, placement. A service is a name
 * and two functions; it is no process, so that a request is answered where its message arrives, and the part behind it
 * may be restarted meanwhile. Calls to it are calls like any other: with a deadline, cancelled with their caller,
 * `noconnection` when the link is lost, `noproc` where the node has no such service, in order with everything that
 * one node says to another.
 *
 * Invariants:
 * - Who asks is the node at the other end of the link; what it says of others is its word only.
 * - A service is reached by its name alone. Names begin with `$`, and the policy of the realm decides by the action
 *   that the service was opened with.
 */
import { invariant } from '../runtime/index.ts'
import type { CallOptions } from '../runtime/index.ts'
import type { PeerInfo, PolicyAction } from '../mesh/index.ts'
import type { NodeDirectory } from './node-directory.ts'
import type { RemoteCallFunctions } from './remote-call.ts'

/** The node that asks. */
export interface PeerOrigin {
  readonly keyHex: string
  readonly incarnation: number
  readonly roles: readonly string[]
}

/** What a service does. What it throws travels to the caller as a `RemoteError`. */
export interface PeerService {
  /** The action that the realm must grant to who asks. */
  readonly action: PolicyAction
  /** Answers; `signal` is aborted when the caller gave up or is lost. */
  call(origin: PeerOrigin, name: string, input: unknown, signal: AbortSignal): unknown
  /** Takes what needs no answer. */
  cast(origin: PeerOrigin, name: string, input: unknown): void
}

/** The services of one node. */
export class PeerServices {
  readonly #services = new Map<string, PeerService>()

  /** Opens a service; gives the way to close it. */
  open(name: string, service: PeerService): () => void {
    invariant(name.startsWith('$') && !this.#services.has(name), 'ERR_INVARIANT_SERVICE_NAME')
    this.#services.set(name, service)
    return () => {
      if (this.#services.get(name) === service) this.#services.delete(name)
    }
  }

  find(name: string): PeerService | undefined {
    return this.#services.get(name)
  }
}

/** The node at the other end of a link, as a service sees it. */
export function originOf({ key, incarnation, roles }: PeerInfo): PeerOrigin {
  return { keyHex: key.hex, incarnation, roles }
}

/** What {@link PeerClient} needs of its node. */
export interface PeerClientParts {
  readonly services: PeerServices
  readonly remoteCall: RemoteCallFunctions
  readonly directory: NodeDirectory
  readonly incarnation: number
}

/** Asks services of other nodes, and of this one without a link. */
export class PeerClient {
  readonly #parts: PeerClientParts

  constructor(parts: PeerClientParts) {
    this.#parts = parts
  }

  /** Rejects as `RemoteCall.call` does: `noproc` where the node has no such service. */
  async call(
    keyHex: string,
    service: string,
    name: string,
    input: unknown,
    options: CallOptions = {},
  ): Promise<unknown> {
    const { services, remoteCall, directory } = this.#parts
    const own = keyHex === directory.ownKeyHex ? services.find(service) : undefined
    if (own !== undefined) {
      return own.call(this.#self(), name, input, options.signal ?? new AbortController().signal)
    }
    return remoteCall.call({ name: service, node: keyHex }, name, input, options)
  }

  /** False when it was refused on this side. */
  cast(keyHex: string, service: string, name: string, input: unknown): boolean {
    const { services, remoteCall, directory } = this.#parts
    const own = keyHex === directory.ownKeyHex ? services.find(service) : undefined
    if (own === undefined) return remoteCall.cast({ name: service, node: keyHex }, name, input)
    own.cast(this.#self(), name, input)
    return true
  }

  #self(): PeerOrigin {
    const { directory, incarnation } = this.#parts
    return { keyHex: directory.ownKeyHex, incarnation, roles: [] }
  }
}
