/**
 * A bridge from one realm to another, for a program that is a member of both. Realms have nothing in common, so this is
 * the only way between them, and nothing goes it that is not named: messages of the topics in `topics`, and calls of
 * the procedures in `procedures`, both from members of `from` to members of `to`. Answers of calls come back; nothing
 * else does: for the other direction there is another bridge.
 *
 * - In `to` the bridge is the publisher and the caller, so the policy of `to` decides what it may do there. Who was
 *   behind a message is said in the headers `$bridge_realm` and `$bridge_publisher`, on the word of the bridge.
 * - A message says which realms it has been in (`$bridge`), and no bridge takes it into one of them again, nor further
 *   than `hopsMax`. A call is never handed to a provider that is a bridge itself. So nothing goes round.
 * - Everything is told to `audit` before it happens, without payloads.
 */
import type { Headers, PubSubMessage, Subscription } from '../pubsub/pubsub.ts'
import { RpcError } from '../rpc/errors.ts'
import type { Advertisement, CallContext } from '../rpc/rpc.ts'
import { BridgeError } from './bridge-errors.ts'
import type { BridgeErrorCode } from './bridge-errors.ts'
import { resolveBridge } from './bridge-options.ts'
import type {
  BridgeEntry,
  BridgeKind,
  BridgeOutcome,
  BridgeSettings,
  RealmBridgeOptions,
} from './bridge-options.ts'
import { Buckets } from './buckets.ts'

/** Realms that a message has been in: the first 16 digits of each id, joined by commas. */
const HEADER_PATH = '$bridge'

/** Name of the realm that a message came from, and who published it there. */
const HEADER_REALM = '$bridge_realm'
const HEADER_PUBLISHER = '$bridge_publisher'

/** What bridges say of themselves when they offer a procedure. */
const METADATA_BRIDGE = 'bridge'

/** Counters since the start, by outcome. */
export type BridgeStats = Readonly<Record<BridgeOutcome, number>>

/** A bridge that works. */
export interface RealmBridge extends AsyncDisposable {
  stats(): BridgeStats
  /** Takes nothing over any more. Idempotent. */
  close(): Promise<void>
}

/**
 * Takes messages and calls from one realm to another; see the head of this file. Resolves when it works; rejects with
 * `ERR_BRIDGE_REALM`, an `OptionError`, a `TopicError`, or what `subscribe` and `advertise` reject with.
 *
 * @example
 * await using bridge = await createRealmBridge({ from: shop, to: factory, topics: ['orders.*'], procedures: ['stock.get'] })
 */
export async function createRealmBridge(options: RealmBridgeOptions): Promise<RealmBridge> {
  const settings = resolveBridge(options)
  if (settings.from.realm.idHex === settings.to.realm.idHex) {
    throw new BridgeError('ERR_BRIDGE_REALM', `both sides are of realm ${settings.from.realm.name}`)
  }
  const bridge = new Bridge(settings)
  try {
    await bridge.open()
  } catch (error) {
    await bridge.close()
    throw error
  }
  return bridge
}

class Bridge implements RealmBridge {
  readonly #settings: BridgeSettings
  readonly #bucket: Buckets
  readonly #subscriptions: Subscription[] = []
  readonly #advertisements: Advertisement[] = []
  readonly #counts: Record<BridgeOutcome, number> = {
    bridged: 0,
    failed: 0,
    denied: 0,
    rate_limited: 0,
    looped: 0,
  }
  #closed = false

  constructor(settings: BridgeSettings) {
    const { ratePerSecond: perSecond, burst } = settings
    this.#settings = settings
    this.#bucket = new Buckets({ perSecond, burst, keysMax: 1 })
  }

  async open(): Promise<void> {
    const { from, to, topics, procedures, callsMax } = this.#settings
    for (const filter of topics) {
      const take = (message: PubSubMessage): unknown => this.#message(message)
      this.#subscriptions.push(from.pubsub.subscribe(filter, take, { retained: false }))
    }
    for (const pattern of procedures) {
      const serve = (input: unknown, context: CallContext): unknown => this.#call(input, context)
      this.#advertisements.push(
        await from.rpc.advertise(pattern, serve, {
          concurrency: callsMax,
          metadata: { [METADATA_BRIDGE]: to.realm.name },
        }),
      )
    }
  }

  stats(): BridgeStats {
    return { ...this.#counts }
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const subscription of this.#subscriptions) subscription.unsubscribe()
    for (const advertisement of this.#advertisements) advertisement.unadvertise()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** The promise that it gives keeps the acknowledgement back until the other realm has the message. */
  async #message(message: PubSubMessage): Promise<void> {
    if (this.#closed) return
    const { from, to, delivery, hopsMax } = this.#settings
    const { topic, publisher } = message
    const path = pathOf(message)
    const here = shortId(from.realm.idHex)
    const isLoop = path.includes(shortId(to.realm.idHex)) || path.length >= hopsMax
    try {
      const as = this.#pass('publish', topic, publisher, isLoop)
      const headers: Headers = {
        ...message.headers,
        [HEADER_PATH]: [...path, here].join(','),
        [HEADER_REALM]: from.realm.name,
        [HEADER_PUBLISHER]: publisher,
      }
      await this.#guarded('publish', topic, publisher, as, () =>
        to.pubsub.publish(as, message.payload, { delivery, headers }),
      )
    } catch (error) {
      // It was counted and told; a message has nobody who waits for it.
      if (!(error instanceof BridgeError)) throw error
    }
  }

  async #call(input: unknown, context: CallContext): Promise<unknown> {
    if (this.#closed) throw new BridgeError('ERR_BRIDGE_CLOSED', 'the bridge is closed')
    const { to, clock } = this.#settings
    const { procedure, caller, deadlineMs, signal } = context
    const endMs = clock.now() + deadlineMs
    const leftMs = (): number => Math.max(1, Math.ceil(endMs - clock.now()))
    const as = this.#pass('call', procedure, caller.node, false)
    try {
      return await this.#guarded('call', procedure, caller.node, as, async () => {
        // Those who are not known yet are looked for: a call without a node might go to another bridge.
        if (to.rpc.providers(as).length === 0) {
          await to.services.find(as, { timeoutMs: Math.ceil(leftMs() / 2), signal })
        }
        const node = this.#provider(as)
        return to.rpc.call(as, input, { timeoutMs: leftMs(), signal, node })
      })
    } catch (error) {
      throw asThrown(error)
    }
  }

  /** Somebody in `to` who offers it and is no bridge. */
  #provider(procedure: string): string {
    const providers = this.#settings.to.rpc.providers(procedure)
    const real = providers.filter(({ metadata }) => metadata[METADATA_BRIDGE] === undefined)
    if (providers.length > 0 && real.length === 0) {
      throw new BridgeError('ERR_BRIDGE_LOOP', `only bridges offer ${procedure} there`)
    }
    // Whoever has least to do for this node; the same one for nobody.
    const least = real.reduce<(typeof real)[number] | undefined>(
      (best, one) => (best === undefined || one.outstanding < best.outstanding ? one : best),
      undefined,
    )
    if (least !== undefined) return least.node
    throw new RpcError('ERR_RPC_NO_PROVIDER', `nobody offers ${procedure} there`, { procedure })
  }

  /** The name in `to` of what may cross. */
  #pass(kind: BridgeKind, name: string, by: string, isLoop: boolean): string {
    const { translate, clock } = this.#settings
    if (isLoop) throw this.#refuse(kind, 'looped', 'ERR_BRIDGE_LOOP', name, by)
    if (!this.#bucket.take('', clock.now())) {
      throw this.#refuse(kind, 'rate_limited', 'ERR_BRIDGE_RATE', name, by)
    }
    const as = translate(name, kind)
    if (as === undefined) throw this.#refuse(kind, 'denied', 'ERR_BRIDGE_DENIED', name, by)
    this.#tell({ kind, outcome: 'bridged', name, by, as, code: undefined })
    this.#counts.bridged += 1
    return as
  }

  /** Does it, and tells when it failed after all. */
  async #guarded<T>(
    kind: BridgeKind,
    name: string,
    by: string,
    as: string,
    work: () => Promise<T>,
  ): Promise<T> {
    try {
      return await work()
    } catch (error) {
      const { code } = (error ?? {}) as { code?: unknown }
      this.#counts.failed += 1
      this.#tell({ kind, outcome: 'failed', name, by, as, code: String(code ?? error) })
      throw error
    }
  }

  #refuse(
    kind: BridgeKind,
    outcome: BridgeOutcome,
    code: BridgeErrorCode,
    name: string,
    by: string,
  ): BridgeError {
    this.#counts[outcome] += 1
    this.#tell({ kind, outcome, name, by, as: undefined, code })
    return new BridgeError(code, `${kind} of ${name} does not cross: ${outcome}`)
  }

  #tell(entry: Omit<BridgeEntry, 'wallMs' | 'from' | 'to'>): void {
    const { audit, clock, from, to } = this.#settings
    try {
      audit({ wallMs: clock.wallNow(), ...entry, from: from.realm.name, to: to.realm.name })
    } catch (cause) {
      throw new BridgeError('ERR_BRIDGE_AUDIT', 'the audit failed', { cause })
    }
  }
}

function pathOf({ headers }: PubSubMessage): readonly string[] {
  const path = headers[HEADER_PATH]
  return typeof path === 'string' && path !== '' ? path.split(',') : []
}

/** What the handler there threw, so that its caller here sees that and not that it came by a bridge. */
function asThrown(error: unknown): unknown {
  if (!(error instanceof RpcError) || error.remote === undefined) return error
  const { name, message, code, details } = error.remote
  return Object.assign(new Error(message, { cause: error }), { name, code, details })
}

function shortId(idHex: string): string {
  return idHex.slice(0, 16)
}
