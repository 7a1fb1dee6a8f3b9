/** A thread's line to the switchboard: binds addresses, dials, and hears who dials them. */
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { asNobody } from '../../../runtime/index.ts'
import { TransportError } from '../errors.ts'
import type { TransportAddress } from '../transport.ts'
import type { LineEvent, LineRequest } from './switchboard.ts'

/** Called with the end of a channel that somebody dialled. */
export type OnCall = (from: TransportAddress, port: MessagePort) => void

/** Settles a bind. */
type Bound = (address: TransportAddress | undefined, closed: boolean) => void

/** See the file header. */
export class Line {
  readonly #port: MessagePort
  readonly #binds = new Map<number, Bound>()
  readonly #places = new Map<string, OnCall>()
  #nextId = 1
  #closed = false

  /** `port` is what {@link import('./switchboard.ts').Switchboard.connect} gave. */
  constructor(port: MessagePort) {
    this.#port = port
    port.on('message', (event: LineEvent) => this.#hear(event))
    port.on('close', () => this.#lost())
    // A bound address keeps the thread alive, as a socket does; a line alone does not.
    port.unref()
  }

  /**
   * Takes an address of this process; port 0 takes a free one. Rejects with `ERR_TRANSPORT_PORT_BUSY`, or
   * `ERR_TRANSPORT_CLOSED` when the main thread hung up.
   */
  async bind(wanted: TransportAddress, onCall: OnCall): Promise<TransportAddress> {
    if (this.#closed) throw hungUp()
    const id = this.#nextId++
    this.#port.ref()
    const { host, port } = wanted
    const address = await new Promise<TransportAddress>((resolve, reject) => {
      this.#binds.set(id, (bound, closed) => {
        if (bound !== undefined) {
          this.#places.set(keyOf(bound), onCall)
          return resolve(bound)
        }
        reject(closed ? hungUp() : busy(wanted))
      })
      this.#say({ type: 'bind', id, address: { host, port } })
    }).finally(() => this.#rest())
    return address
  }

  /** Gives an address back. */
  unbind(address: TransportAddress): void {
    if (!this.#places.delete(keyOf(address))) return
    const { host, port } = address
    this.#say({ type: 'unbind', address: { host, port } })
    this.#rest()
  }

  /** A channel to whoever has `to`; the first message on it is `absent` when nobody has. */
  dial(from: TransportAddress, to: TransportAddress): MessagePort {
    return asNobody(() => {
      const { port1, port2 } = new MessageChannel()
      const request: LineRequest = { type: 'dial', from: plain(from), to: plain(to), port: port2 }
      this.#port.postMessage(request, [port2])
      return port1
    })
  }

  /** Hangs up; addresses are given back. */
  close(): void {
    this.#port.close()
  }

  #hear(event: LineEvent): void {
    if (event.type === 'bound') {
      const settle = this.#binds.get(event.id)
      this.#binds.delete(event.id)
      settle?.(event.address, false)
      return
    }
    const onCall = this.#places.get(keyOf(event.at))
    if (onCall !== undefined) return asNobody(() => onCall(event.from, event.port))
    // Given back while the call was on its way.
    event.port.postMessage({ type: 'absent' }, [])
    event.port.close()
  }

  #lost(): void {
    this.#closed = true
    this.#places.clear()
    const binds = [...this.#binds.values()]
    this.#binds.clear()
    for (const settle of binds) settle(undefined, true)
  }

  #rest(): void {
    if (this.#places.size === 0 && this.#binds.size === 0) this.#port.unref()
  }

  #say(request: LineRequest): void {
    this.#port.postMessage(request, [])
  }
}

function plain({ host, port }: TransportAddress): TransportAddress {
  return { host, port }
}

function keyOf({ host, port }: TransportAddress): string {
  return `${host} ${port}`
}

function busy({ host, port }: TransportAddress): TransportError {
  return new TransportError('ERR_TRANSPORT_PORT_BUSY', `another thread has ${host} port ${port}`)
}

function hungUp(): TransportError {
  return new TransportError('ERR_TRANSPORT_CLOSED', 'the line to the main thread is closed')
}
