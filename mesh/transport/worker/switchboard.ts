/**
 * Brings the threads of a process together. It stands in the main thread; every thread has a line to it. Who dials an
 * address of this process makes a channel and sends one end here, and the switchboard passes it to the thread that has
 * the address. From then on the two talk without it: it sees no byte of theirs, and a connection between two
 * workers costs the main thread nothing.
 *
 *     worker A        switchboard        worker B
 *        │ ── dial B, port ──> │                │
 *        │                     │ ── call, port ─> │
 *        │ <──────────── hello, welcome, ... ────────────> │
 */
import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { MessageChannel, MessagePort } from 'node:worker_threads'
import { asNobody } from '../../../runtime/index.ts'
import { isLoopbackHost } from '../address.ts'
import type { TransportAddress } from '../transport.ts'
import { SwitchboardTable } from './switchboard-table.ts'

/** What a thread says on its line. */
export type LineRequest =
  | { readonly type: 'bind'; readonly id: number; readonly address: TransportAddress }
  | { readonly type: 'unbind'; readonly address: TransportAddress }
  | {
      readonly type: 'dial'
      readonly from: TransportAddress
      readonly to: TransportAddress
      readonly port: MessagePort
    }

/** What a thread hears on its line. */
export type LineEvent =
  | { readonly type: 'bound'; readonly id: number; readonly address: TransportAddress | undefined }
  | {
      readonly type: 'call'
      readonly at: TransportAddress
      readonly from: TransportAddress
      readonly port: MessagePort
    }

/** See the file header. */
export class Switchboard {
  readonly #table: SwitchboardTable<MessagePort>
  readonly #lines = new Set<MessagePort>()

  /** `hosts` mean this machine besides its own addresses, such as one that is advertised. */
  constructor(hosts: readonly string[] = []) {
    this.#table = new SwitchboardTable((host) => hosts.includes(host) || isHostOfThisMachine(host))
  }

  /** Lines that are open. */
  get lines(): number {
    return this.#lines.size
  }

  /** Addresses that threads have. */
  get addresses(): number {
    return this.#table.size
  }

  /** A new line; its end is given to a thread, which makes a {@link import('./line.ts').Line} of it. */
  connect(): MessagePort {
    return asNobody(() => {
      const { port1, port2 } = new MessageChannel()
      this.#lines.add(port1)
      port1.on('message', (message: unknown) => this.#hear(port1, message))
      port1.on('close', () => this.#drop(port1))
      port1.unref()
      return port2
    })
  }

  /** Closes every line; connections between threads live on. */
  close(): void {
    for (const line of this.#lines) line.close()
  }

  #drop(line: MessagePort): void {
    this.#lines.delete(line)
    this.#table.drop(line)
  }

  #hear(line: MessagePort, message: unknown): void {
    const request = readRequest(message)
    switch (request?.type) {
      case 'bind': {
        const address = this.#table.bind(line, request.address)
        this.#tell(line, { type: 'bound', id: request.id, address })
        break
      }
      case 'unbind':
        this.#table.unbind(line, request.address)
        break
      case 'dial':
        this.#dial(line, request)
        break
      case undefined:
        // A thread that says anything else has no business here.
        line.close()
    }
  }

  #dial(line: MessagePort, { from, to, port }: LineRequest & { readonly type: 'dial' }): void {
    const route = this.#table.route(line, from, to)
    if (route === undefined) {
      port.postMessage({ type: 'absent' }, [])
      port.close()
      return
    }
    this.#tell(route.owner, { type: 'call', at: route.at, from: route.source, port }, [port])
  }

  #tell(line: MessagePort, event: LineEvent, moved: readonly MessagePort[] = []): void {
    line.postMessage(event, moved)
  }
}

/** `value` as what a thread may say; undefined for anything else. */
function readRequest(value: unknown): LineRequest | undefined {
  const { type, id, address, from, to, port } = (
    typeof value === 'object' && value !== null ? value : {}
  ) as Readonly<Record<string, unknown>>
  if (type === 'bind' && typeof id === 'number' && isAddress(address)) return { type, id, address }
  if (type === 'unbind' && isAddress(address)) return { type, address }
  if (type !== 'dial' || !isAddress(from) || !isAddress(to)) return undefined
  return port instanceof MessagePort ? { type, from, to, port } : undefined
}

function isAddress(value: unknown): value is TransportAddress {
  if (typeof value !== 'object' || value === null) return false
  const { host, port } = value as Partial<TransportAddress>
  if (typeof host !== 'string' || isIP(host) === 0) return false
  return Number.isInteger(port) && port! >= 0 && port! <= 65_535
}

function isHostOfThisMachine(host: string): boolean {
  if (isLoopbackHost(host)) return true
  const interfaces = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  return interfaces.some(({ address }) => address === host)
}
