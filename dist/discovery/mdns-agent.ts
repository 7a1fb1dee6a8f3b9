/**
 * Drives the machine of mDNS on a socket: opens it, again after failures, and closes it with a goodbye when the signal
 * is aborted. Reads a bounded number of datagrams per second: above it the socket is closed for the rest of the
 * second, which is the only way not to pay for what nobody wants.
 */
import type { Clock, ClockTimer, Entropy } from '../../runtime/index.ts'
import { DatagramBudget } from './datagram-budget.ts'
import { mdnsSockets } from './mdns.ts'
import type { MdnsSettings } from './mdns-options.ts'
import type { MdnsPacket, MdnsSocket } from './mdns-port.ts'
import { MdnsMachine, type MdnsEffect } from './mdns-machine.ts'
import type { NodeWord } from './node-book.ts'
import { retryPauses } from './poll.ts'
import type { DiscoverySelf } from './strategy.ts'
import { pause } from './wait.ts'

/** What the agent needs. */
export interface MdnsAgentContext {
  readonly settings: MdnsSettings
  readonly self: DiscoverySelf
  readonly clock: Clock
  readonly entropy: Entropy
  readonly signal: AbortSignal
  found(word: NodeWord): void
  lost(word: NodeWord): void
  failed(error: unknown): void
  refused(code: string, fields?: Readonly<Record<string, unknown>>): void
}

/** See the head of this file. */
export class MdnsAgent {
  readonly #context: MdnsAgentContext
  readonly #machine: MdnsMachine
  readonly #budget: DatagramBudget
  #socket: MdnsSocket | undefined
  #broken: (error: unknown) => void = () => {}
  #timer: ClockTimer | undefined

  constructor(context: MdnsAgentContext) {
    this.#context = context
    const { settings, self, clock, entropy } = context
    const { realm, key } = self
    const options = { ...settings, realm, ownKey: key.hex }
    this.#machine = new MdnsMachine(options, () => entropy.random(), clock.now())
    this.#budget = new DatagramBudget(settings.datagramsPerSecondMax)
  }

  /** What this node is called from now on. */
  setOwn(words: readonly NodeWord[]): void {
    this.#do(this.#machine.setOwn(words, this.#context.clock.now()))
  }

  /** Asks at once. */
  ask(): void {
    this.#machine.askNow(this.#context.clock.now())
    this.#do([])
  }

  /** Speaks until the signal is aborted. */
  async run(): Promise<void> {
    const { signal, clock, entropy, failed } = this.#context
    const pauses = retryPauses()
    while (!signal.aborted) {
      try {
        await this.#session(() => pauses.reset())
      } catch (error) {
        failed(error)
        await pause(clock, pauses.nextMs(entropy.random()), signal)
      }
    }
  }

  /** From opening a socket to its end: the signal, an error, or more datagrams than it may read. */
  async #session(opened: () => void): Promise<void> {
    const { settings, signal, clock, failed, refused } = this.#context
    const port = settings.port ?? mdnsSockets()
    const over = new AbortController()
    const end = (): void => over.abort()
    let broken: unknown
    this.#broken = (error) => {
      broken ??= error
      end()
    }
    const socket = await port.open({
      onPacket: (packet) => {
        if (this.#mayRead(end)) this.#packet(packet)
      },
      onGarbage: (error) => {
        if (this.#mayRead(end)) refused('ERR_DISCOVERY_DATAGRAM', { detail: String(error) })
      },
      onWarning: failed,
      onError: (error) => this.#broken(error),
    })
    signal.addEventListener('abort', end, { once: true })
    try {
      if (signal.aborted) return
      opened()
      this.#socket = socket
      this.#machine.resumed(clock.now())
      this.#do([])
      while (await pause(clock, settings.refreshIntervalMs, over.signal)) socket.refresh()
      if (broken !== undefined) throw broken
    } finally {
      signal.removeEventListener('abort', end)
      if (signal.aborted) this.#do(this.#machine.close())
      this.#socket = undefined
      this.#timer?.cancel()
      await socket.close()
    }
    await pause(clock, this.#budget.restMs(clock.now()), signal)
  }

  #mayRead(end: () => void): boolean {
    if (this.#socket === undefined) return false
    const verdict = this.#budget.take(this.#context.clock.now())
    if (verdict === 'spent') {
      this.#context.refused('ERR_DISCOVERY_FLOOD', { medium: 'mdns' })
      end()
    }
    return verdict === 'taken'
  }

  #packet(packet: MdnsPacket): void {
    this.#do(this.#machine.packet(packet, this.#context.clock.now()))
  }

  #do(effects: readonly MdnsEffect[]): void {
    const { clock, found, lost, refused } = this.#context
    for (const effect of [...effects, ...this.#machine.tick(clock.now())]) {
      if (effect.type === 'send') this.#socket?.send(effect.packet)
      else if (effect.type === 'found') found(effect.word)
      else if (effect.type === 'lost') lost(effect.word)
      else refused('ERR_DISCOVERY_NODES_MAX', { node: effect.word.name })
    }
    this.#timer?.cancel()
    if (this.#socket === undefined) return
    const waitMs = Math.max(0, this.#machine.nextDueMs() - clock.now())
    this.#timer = clock.setTimer(waitMs, () => this.#do([]))
  }
}
