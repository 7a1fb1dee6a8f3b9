/**
 * A network inside one program, for tests and simulations: endpoints with addresses, connections
 * with the rules of QUIC (keys proven on both sides, protocol, limits, backpressure, idle timeout),
 * and faults made by hand: latency, jitter, loss, duplication, reordering, bandwidth, cuts of one or both
 * directions, machines that stand still, silent death.
 *
 * All time is the given clock's. What chance decides about a message depends on the seed, the link and its
 * number on that link only (`memory/link-chance.ts`), so one seed repeats a run, and a run with fewer
 * messages keeps the fate of the others.
 * Nothing is encrypted; what a certificate proves here is up to `verifyPeer`.
 */
import { asNobody } from '../../runtime/index.ts'
import type { Clock } from '../../runtime/index.ts'
import { checkLocalAddress, isWildcardHost } from './address.ts'
import { TransportError } from './errors.ts'
import type { MemoryConnection } from './memory/connection.ts'
import { MemoryEndpoint } from './memory/endpoint.ts'
import type { MemoryEndpointOwner } from './memory/endpoint.ts'
import { checkConditions, LINK_CONDITIONS, travelMs } from './memory/conditions.ts'
import type { LinkConditions } from './memory/conditions.ts'
import type { Frame } from './memory/frame.ts'
import { Decision, LinkChance } from './memory/link-chance.ts'
import { resolveMemoryOptions } from './memory/options.ts'
import type { MemoryLimits, MemoryNetworkOptions, ResolvedMemoryOptions } from './memory/options.ts'
import { Pipe } from './memory/pipe.ts'
import { addressKey, isAt } from './memory/places.ts'
import type { Place } from './memory/places.ts'
import type { Endpoint, EndpointOptions, Transport, TransportAddress } from './transport.ts'

export type { JitterKind, LinkConditions } from './memory/conditions.ts'
export type { Arrival, MemoryLimits, MemoryNetworkOptions } from './memory/options.ts'
export type { Place } from './memory/places.ts'

const FIRST_FREE_PORT = 49_152
const PORT_MAX = 65_535

/** Addresses are numbered below that, for a number per pair. */
const ENDS_MAX = 2 ** 26

/** A direction that is cut. */
export interface Cut {
  readonly from: Place
  readonly to: Place
}

/** Conditions that hold for some directions from some time on; later ones go over earlier ones. */
interface Override {
  readonly from: Place | undefined
  readonly to: Place | undefined
  readonly conditions: Partial<LinkConditions>
}

interface Direction {
  readonly from: MemoryEndpoint
  readonly to: MemoryEndpoint
  readonly pipe: Pipe
  readonly receiver: MemoryConnection
}

/**
 * See the file header.
 *
 * @example
 * const network = new MemoryNetwork({ clock, entropy, latencyMs: 5 })
 * const endpoint = await network.transport().open({ host: '10.0.0.1', port: 4433, ... })
 * network.partition('10.0.0.1', '10.0.0.2')
 * network.heal()
 */
export class MemoryNetwork {
  readonly #given: MemoryNetworkOptions
  readonly #options: ResolvedMemoryOptions
  readonly #base: LinkConditions
  readonly #endpoints = new Map<string, MemoryEndpoint>()
  readonly #directions = new Set<Direction>()
  readonly #owner: MemoryEndpointOwner
  /** By the numbers of both ends: there is one per pair that ever spoke, so a key must be small. */
  readonly #chances = new Map<number, LinkChance>()
  readonly #numbers = new Map<string, number>()
  readonly #paused = new Set<MemoryEndpoint>()
  /** Handshake packets at the door of a paused endpoint. */
  readonly #waiting = new Map<MemoryEndpoint, (() => void)[]>()
  #overrides: Override[] = []
  #cuts: Cut[] = []
  #nextPort = FIRST_FREE_PORT

  constructor(options: MemoryNetworkOptions) {
    this.#given = options
    this.#options = resolveMemoryOptions(options)
    this.#base = conditionsIn(this.#options)
    this.#owner = {
      find: (address) => this.#find(address),
      packet: (from, to, fn) => this.#packet(from, to, fn),
      pipe: (from, to, receiver) => this.#pipe(from, to, receiver),
      closed: (endpoint) => this.#closed(endpoint),
    }
  }

  /**
   * A transport whose endpoints are in this network; `limits` may differ from the network's, and `clock`,
   * the time of the endpoints themselves, from the time of what is on its way.
   */
  transport(limits: MemoryLimits = {}, clock: Clock = this.#options.clock): Transport {
    const { seed } = this.#options
    const options = resolveMemoryOptions({ ...this.#given, seed, ...limits, clock })
    return { name: 'memory', open: (open) => this.#open(open, options) }
  }

  /** Cuts one direction: nothing that `from` sends reaches `to`. */
  cut(cut: Cut): void {
    this.#cuts.push(cut)
    this.#applyCuts()
  }

  /** Cuts both directions between `a` and `b`. */
  partition(a: Place, b: Place): void {
    this.#cuts.push({ from: a, to: b }, { from: b, to: a })
    this.#applyCuts()
  }

  /** Takes back every cut, or only those between `a` and `b` as they were given. */
  heal(a?: Place, b?: Place): void {
    this.#cuts = this.#cuts.filter(({ from, to }) => {
      if (a === undefined) return false
      if (b === undefined) return from !== a && to !== a
      return !((from === a && to === b) || (from === b && to === a))
    })
    this.#applyCuts()
  }

  /** Ends the endpoints at `place` without a word to anybody, as `kill -9` would. */
  kill(place: Place): void {
    const found = [...this.#endpoints.values()].filter((endpoint) => isAt(place, endpoint.address))
    for (const endpoint of found) endpoint.kill()
  }

  /** Stops the machine at `place`: it says and hears nothing until it is resumed. */
  pause(place: Place): void {
    this.#setPaused(place, true)
  }

  /** What has waited at its door comes in. */
  resume(place: Place): void {
    this.#setPaused(place, false)
  }

  /**
   * From now on what `from` sends to `to` (anybody, if left out) has these conditions, over those that were
   * given before; gives the way back.
   */
  setConditions(
    conditions: Partial<LinkConditions>,
    { from, to }: { readonly from?: Place; readonly to?: Place } = {},
  ): () => void {
    checkConditions(conditions)
    const override: Override = { from, to, conditions: { ...conditions } }
    this.#overrides.push(override)
    this.#applyConditions()
    return () => {
      this.#overrides = this.#overrides.filter((other) => other !== override)
      this.#applyConditions()
    }
  }

  /** Endpoints that are open. */
  get endpoints(): number {
    return this.#endpoints.size
  }

  async #open(open: EndpointOptions, options: ResolvedMemoryOptions): Promise<Endpoint> {
    checkLocalAddress(open)
    const port = open.port === 0 ? this.#freePort(open.host) : open.port
    if (this.#isBusy(open.host, port)) {
      const message = `another endpoint has this port: ${open.host}:${port}`
      throw new TransportError('ERR_TRANSPORT_PORT_BUSY', message)
    }
    const endpoint = new MemoryEndpoint(this.#owner, { open, options, port })
    this.#endpoints.set(addressKey(endpoint.address), endpoint)
    return endpoint
  }

  #freePort(host: string): number {
    for (let tried = FIRST_FREE_PORT; tried <= PORT_MAX; tried++) {
      const port = this.#nextPort
      this.#nextPort = port === PORT_MAX ? FIRST_FREE_PORT : port + 1
      if (!this.#isBusy(host, port)) return port
    }
    throw new TransportError('ERR_TRANSPORT_BIND', 'every free port is taken')
  }

  #isBusy(host: string, port: number): boolean {
    if (this.#find({ host, port }) !== undefined) return true
    if (!isWildcardHost(host)) return false
    for (const { address } of this.#endpoints.values()) if (address.port === port) return true
    return false
  }

  #find(address: TransportAddress): MemoryEndpoint | undefined {
    const { port } = address
    return (
      this.#endpoints.get(addressKey(address)) ??
      this.#endpoints.get(addressKey({ host: '0.0.0.0', port })) ??
      this.#endpoints.get(addressKey({ host: '::', port }))
    )
  }

  #packet(from: TransportAddress, to: TransportAddress, fn: () => void): void {
    const { clock, onArrival } = this.#options
    const conditions = this.#conditionsOf(from, to)
    const chance = this.#chanceOf(from, to)
    const n = chance.next('packet')
    const { lossRatio } = conditions
    if (lossRatio > 0 && chance.at('packet', n, Decision.loss) < lossRatio) return
    const arrive = (): void => {
      if (this.#isCut(from, to)) return
      onArrival?.({ from, to, type: 'packet', bytes: 0 })
      fn()
    }
    const delayMs = travelMs(conditions, chance.at('packet', n, Decision.latency))
    asNobody(() =>
      clock.setTimer(delayMs, () => {
        const receiver = this.#find(to)
        if (receiver === undefined || !this.#paused.has(receiver)) arrive()
        else this.#waiting.get(receiver)?.push(arrive)
      }),
    )
  }

  #pipe(from: MemoryEndpoint, to: MemoryEndpoint, receiver: MemoryConnection): Pipe {
    const { clock, onArrival } = this.#options
    const { source } = from
    const conditions = this.#conditionsOf(source, to.source)
    const deliver = (frame: Frame): void => {
      onArrival?.({ from: source, to: to.source, type: frame.type, bytes: bytesOf(frame) })
      receiver.receive(frame)
    }
    const chance = this.#chanceOf(source, to.source)
    const pipe = new Pipe({ clock, chance, conditions, deliver })
    const direction = { from, to, pipe, receiver }
    this.#directions.add(direction)
    pipe.onStop = () => this.#directions.delete(direction)
    pipe.setCut(this.#isCut(source, to.source))
    pipe.senderPaused = this.#paused.has(from)
    pipe.setReceiverPaused(this.#paused.has(to))
    return pipe
  }

  #closed(endpoint: MemoryEndpoint): void {
    const key = addressKey(endpoint.address)
    if (this.#endpoints.get(key) === endpoint) this.#endpoints.delete(key)
    this.#paused.delete(endpoint)
    this.#waiting.delete(endpoint)
  }

  #applyCuts(): void {
    for (const { from, to, pipe, receiver } of this.#directions) {
      const cut = this.#isCut(from.source, to.source)
      if (cut === pipe.cut) continue
      pipe.setCut(cut)
      receiver.hearingChanged()
    }
  }

  #setPaused(place: Place, paused: boolean): void {
    for (const endpoint of this.#endpoints.values()) {
      if (!isAt(place, endpoint.address) || this.#paused.has(endpoint) === paused) continue
      if (paused) {
        this.#paused.add(endpoint)
        this.#waiting.set(endpoint, [])
      } else {
        this.#paused.delete(endpoint)
        const waiting = this.#waiting.get(endpoint) ?? []
        this.#waiting.delete(endpoint)
        for (const arrive of waiting) this.#options.clock.setTimer(0, arrive)
      }
      for (const { from, to, pipe, receiver } of this.#directions) {
        if (to === endpoint) pipe.setReceiverPaused(paused)
        if (from !== endpoint) continue
        pipe.senderPaused = paused
        receiver.hearingChanged()
      }
    }
  }

  #applyConditions(): void {
    for (const { from, to, pipe } of this.#directions) {
      pipe.conditions = this.#conditionsOf(from.source, to.source)
    }
  }

  #isCut(from: TransportAddress, to: TransportAddress): boolean {
    return this.#cuts.some((cut) => isAt(cut.from, from) && isAt(cut.to, to))
  }

  #chanceOf(from: TransportAddress, to: TransportAddress): LinkChance {
    const fromKey = addressKey(from)
    const toKey = addressKey(to)
    const link = this.#numberOf(fromKey) * ENDS_MAX + this.#numberOf(toKey)
    let chance = this.#chances.get(link)
    if (chance === undefined) {
      chance = new LinkChance(this.#options.seed, `${fromKey}>${toKey}`)
      this.#chances.set(link, chance)
    }
    return chance
  }

  #numberOf(place: string): number {
    let number = this.#numbers.get(place)
    if (number === undefined) this.#numbers.set(place, (number = this.#numbers.size))
    return number
  }

  #conditionsOf(from: TransportAddress, to: TransportAddress): LinkConditions {
    const own = this.#options.conditions(from, to)
    // Most directions are like all others, and each would keep an object of its own.
    let merged: LinkConditions = hasAny(own) ? { ...this.#base, ...own } : this.#base
    for (const override of this.#overrides) {
      const applies =
        (override.from === undefined || isAt(override.from, from)) &&
        (override.to === undefined || isAt(override.to, to))
      if (applies) merged = { ...merged, ...override.conditions }
    }
    return merged
  }
}

function hasAny(conditions: Partial<LinkConditions>): boolean {
  for (const _name in conditions) return true
  return false
}

/** Only the conditions of `options`. */
function conditionsIn(options: ResolvedMemoryOptions): LinkConditions {
  const names = Object.keys(LINK_CONDITIONS) as (keyof LinkConditions)[]
  return Object.fromEntries(names.map((name) => [name, options[name]])) as unknown as LinkConditions
}

function bytesOf(frame: Frame): number {
  if (frame.type === 'datagram') return frame.bytes.length
  if (frame.type !== 'data') return 0
  let bytes = 0
  for (const chunk of frame.chunks) bytes += chunk.length
  return bytes
}
