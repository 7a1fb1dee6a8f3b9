/** Networks for tests: a multicast group and an mDNS group in memory, on the turns of a virtual clock. */
import type { MdnsHandlers, MdnsPacket, MdnsPort } from '../../../dist/discovery/mdns-port.ts'
import type { MulticastOptions, MulticastPort } from '../../../dist/discovery/multicast-port.ts'
import type { Clock } from '../../../runtime/index.ts'

/** A group whose members hear all that is sent, their own words included. */
export class Hub<Message, Member> {
  readonly #clock: Clock
  readonly #members = new Map<
    Member,
    { readonly side: () => string; readonly hear: (message: Message) => void }
  >()
  opened = 0
  sent: Message[] = []
  /** What opening fails with. */
  failure: Error | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#members.size
  }

  /** To everybody on that side of the cut. */
  send(message: Message, from: string = ''): void {
    this.sent.push(message)
    for (const [member, { side, hear }] of [...this.#members]) {
      this.#clock.nextTurn(() => {
        if (side() === from && this.#members.has(member)) hear(message)
      })
    }
  }

  join(member: Member, hear: (message: Message) => void, side: () => string): void {
    if (this.failure !== undefined) throw this.failure
    this.opened += 1
    this.#members.set(member, { side, hear })
  }

  leave(member: Member): void {
    this.#members.delete(member)
  }

  /** The members, to break their sockets. */
  members(): Member[] {
    return [...this.#members.keys()]
  }
}

export type MulticastHub = Hub<Uint8Array, MulticastOptions>
export type MdnsHub = Hub<MdnsPacket, MdnsHandlers>

/** Sockets of a node on `hub`; `side` tells on which side of a cut it is. */
export function multicastOn(hub: MulticastHub, side: () => string = () => ''): MulticastPort {
  return {
    open: async (options) => {
      hub.join(options, (bytes) => options.onDatagram(bytes), side)
      return {
        send: (bytes) => hub.send(bytes, side()),
        close: async () => hub.leave(options),
      }
    },
  }
}

/** The same for mDNS. */
export function mdnsOn(hub: MdnsHub, side: () => string = () => ''): MdnsPort {
  return {
    open: async (handlers) => {
      hub.join(handlers, (packet) => handlers.onPacket(packet), side)
      return {
        send: (packet) => hub.send(packet, side()),
        refresh: () => {},
        close: async () => hub.leave(handlers),
      }
    },
  }
}
