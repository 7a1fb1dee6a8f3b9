/**
 * The adapter of `multicast-dns`, which reads and writes packets. Interfaces are ours to keep, because the package
 * joins by address every five seconds on a timer of its own, never leaves, and sends on one interface only (D11):
 *
 *     one socket    0.0.0.0:5353, shared with other programs, joined on every interface; only hears
 *     one each      <address>:5353 of every interface; only speaks
 *
 * An interface counts once, by its first IPv4 address, so two addresses on it are no error. `refresh` takes up what
 * appeared and gives up what vanished. Loopback is used when there is nothing else.
 */
import { createSocket, type Socket } from 'node:dgram'
import { networkInterfaces } from 'node:os'
import type { FullPacket, MulticastDNS } from 'multicast-dns'
import { DiscoveryError } from './errors.ts'
import type { MdnsHandlers, MdnsPacket, MdnsPort, MdnsRecord, MdnsSocket } from './mdns-port.ts'

const GROUP = '224.0.0.251'
const PORT = 5_353
const HOPS = 255

/** Options of {@link mdnsSockets}. */
export interface MdnsSocketsOptions {
  /** Default 5353. Another one keeps a test, or a private group, to itself. */
  readonly port?: number | undefined
  /** Addresses of the interfaces to use, asked again at every refresh. Default: the first of each. */
  readonly interfaces?: (() => readonly string[]) | undefined
}

/** The declarations of the package leave out what sends any packet. */
type Mdns = MulticastDNS & {
  send(
    packet: Partial<FullPacket>,
    to: { readonly address: string; readonly port: number },
    sent: (error?: unknown) => void,
  ): void
}

type MakeMdns = (options: {
  readonly socket: Socket
  readonly port: number
  readonly multicast: false
  readonly bind?: false
}) => Mdns

/** What speaks on one interface. */
interface Speaker {
  readonly mdns: Mdns
  readonly mouth: Socket
  /** Packets that are not out yet: a goodbye is said right before the end. */
  sending: number
}

/** Real sockets. */
export function mdnsSockets(options: MdnsSocketsOptions = {}): MdnsPort {
  const { port = PORT, interfaces = firstAddresses } = options
  return {
    open: async (handlers) => {
      const { default: make } = await import('multicast-dns')
      return await Sockets.open(make as MakeMdns, port, interfaces, handlers)
    },
  }
}

class Sockets implements MdnsSocket {
  readonly #make: MakeMdns
  readonly #port: number
  readonly #interfaces: () => readonly string[]
  readonly #handlers: MdnsHandlers
  readonly #ear: Socket
  readonly #hearing: Mdns
  /** By address of the interface. */
  readonly #speaking = new Map<string, Speaker>()
  #allSent: () => void = () => {}
  #closed: Promise<void> | undefined

  static open(
    make: MakeMdns,
    port: number,
    interfaces: () => readonly string[],
    handlers: MdnsHandlers,
  ): Promise<Sockets> {
    return new Promise((resolve, reject) => {
      const ear = createSocket({ type: 'udp4', reuseAddr: true })
      const hearing = make({ socket: ear, port, multicast: false })
      // The package tells of a port that is taken twice.
      let refused = (cause: unknown): void => {
        refused = () => {}
        ear.close()
        const text = `UDP port ${port} cannot be opened for mDNS`
        reject(new DiscoveryError('ERR_DISCOVERY_SOCKET', text, { cause }))
      }
      hearing.on('error', (cause) => refused(cause))
      hearing.once('ready', () => {
        refused = () => {}
        const sockets = new Sockets(make, port, interfaces, handlers, ear, hearing)
        sockets.refresh()
        resolve(sockets)
      })
    })
  }

  private constructor(
    make: MakeMdns,
    port: number,
    interfaces: () => readonly string[],
    handlers: MdnsHandlers,
    ear: Socket,
    hearing: Mdns,
  ) {
    this.#make = make
    this.#port = port
    this.#interfaces = interfaces
    this.#handlers = handlers
    this.#ear = ear
    this.#hearing = hearing
    hearing.on('error', (error) => handlers.onError(socketError(error)))
    // What cannot be decoded comes as a warning too, and so do errors of the socket.
    hearing.on('warning', (error) => handlers.onGarbage(error))
    hearing.on('packet', (packet) => handlers.onPacket(read(packet)))
  }

  send(packet: MdnsPacket): void {
    const written = write(packet)
    const to = { address: GROUP, port: this.#port }
    for (const speaker of this.#speaking.values()) {
      speaker.sending += 1
      speaker.mdns.send(written, to, (error) => {
        speaker.sending -= 1
        if (!this.#isSending()) this.#allSent()
        if (error instanceof Error) this.#handlers.onWarning(socketError(error))
      })
    }
  }

  refresh(): void {
    if (this.#closed !== undefined) return
    const addresses = new Set(this.#interfaces())
    for (const [address, speaker] of this.#speaking) {
      if (addresses.has(address)) continue
      this.#drop(address, speaker)
    }
    for (const address of addresses) if (!this.#speaking.has(address)) this.#join(address)
  }

  close(): Promise<void> {
    this.#closed ??= (async () => {
      if (this.#isSending()) await new Promise<void>((resolve) => (this.#allSent = resolve))
      const closed = [...this.#speaking.values()].map(
        ({ mdns, mouth }) =>
          new Promise<void>((resolve) => {
            mouth.once('close', resolve)
            mdns.destroy()
          }),
      )
      this.#speaking.clear()
      await Promise.all([...closed, new Promise<void>((resolve) => this.#hearing.destroy(resolve))])
    })()
    return this.#closed
  }

  #isSending(): boolean {
    for (const { sending } of this.#speaking.values()) if (sending > 0) return true
    return false
  }

  #drop(address: string, { mdns }: Speaker): void {
    this.#speaking.delete(address)
    mdns.destroy()
    this.#leave(address)
    if (!this.#isSending()) this.#allSent()
  }

  #join(address: string): void {
    const mouth = createSocket({ type: 'udp4', reuseAddr: true })
    const give = (error: unknown): void => this.#handlers.onWarning(socketError(error))
    try {
      this.#ear.addMembership(GROUP, address)
    } catch (error) {
      // Joined already by another address of the same interface.
      if ((error as { code?: unknown }).code !== 'EADDRINUSE') give(error)
    }
    const mdns = this.#make({ socket: mouth, port: this.#port, multicast: false, bind: false })
    const speaker: Speaker = { mdns, mouth, sending: 0 }
    // What comes to this address alone is not for us, and not worth reading.
    mouth.removeAllListeners('message')
    mdns.on('warning', give)
    mdns.on('error', give)
    // A socket that could not be bound forgets what it was to send, and that it was told to close; the next refresh
    // tries again.
    mouth.on('error', () => {
      if (this.#speaking.get(address) === speaker) this.#drop(address, speaker)
      else closeAnyway(mouth)
    })
    this.#speaking.set(address, speaker)
    mouth.bind({ address, port: this.#port }, () => {
      try {
        mouth.setMulticastInterface(address)
        mouth.setMulticastTTL(HOPS)
        mouth.setMulticastLoopback(true)
      } catch (error) {
        give(error)
      }
    })
  }

  #leave(address: string): void {
    try {
      this.#ear.dropMembership(GROUP, address)
    } catch (error) {
      // The system dropped it with the interface.
      if ((error as { code?: unknown }).code !== 'EADDRNOTAVAIL') {
        this.#handlers.onWarning(socketError(error))
      }
    }
  }
}

function closeAnyway(socket: Socket): void {
  try {
    socket.close()
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ERR_SOCKET_DGRAM_NOT_RUNNING') throw error
  }
}

function firstAddresses(): readonly string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => {
    const first = addresses?.find(({ family }) => family === 'IPv4')
    return first === undefined ? [] : [first]
  })
  const outer = all.filter(({ internal }) => !internal)
  return (outer.length > 0 ? outer : all).map(({ address }) => address)
}

function socketError(cause: unknown): DiscoveryError {
  const text = cause instanceof Error ? cause.message : String(cause)
  return new DiscoveryError('ERR_DISCOVERY_SOCKET', `mDNS: ${text}`, { cause })
}

function write({ type, questions, records }: MdnsPacket): Partial<FullPacket> {
  const answers = records.map(({ name, ttlSeconds: ttl, ...record }) => {
    if (record.type === 'PTR') return { name, ttl, type: record.type, data: record.target }
    if (record.type === 'TXT') return { name, ttl, type: record.type, data: [...record.entries] }
    if (record.type === 'SRV') {
      const { target, port } = record
      return { name, ttl, type: record.type, data: { target, port, priority: 0, weight: 0 } }
    }
    return { name, ttl, type: record.type, data: record.address }
  })
  // 0x0400 is the bit of an authoritative answer, which every response of mDNS has (RFC 6762, 18.4).
  return {
    type,
    flags: type === 'response' ? 0x0400 : 0,
    questions: questions.map(({ name, type: asked }) => ({ name, type: asked as 'PTR' })),
    answers,
  }
}

function read(packet: Partial<FullPacket>): MdnsPacket {
  const { type, questions = [], answers = [], additionals = [] } = packet
  const records = [...answers, ...additionals].flatMap((answer): MdnsRecord[] => {
    if (!('ttl' in answer)) return []
    const { name, ttl: ttlSeconds = 0 } = answer
    if (answer.type === 'PTR') return [{ type: 'PTR', name, ttlSeconds, target: answer.data }]
    if (answer.type === 'SRV') {
      const { target, port } = answer.data
      return [{ type: 'SRV', name, ttlSeconds, target, port }]
    }
    if (answer.type === 'TXT') {
      const parts = Array.isArray(answer.data) ? answer.data : [answer.data]
      const entries = parts.map((part) => part.toString())
      return [{ type: 'TXT', name, ttlSeconds, entries }]
    }
    if (answer.type !== 'A' && answer.type !== 'AAAA') return []
    return [{ type: answer.type, name, ttlSeconds, address: answer.data }]
  })
  return {
    type: type === 'response' ? 'response' : 'query',
    questions: questions.map((question) => ({ name: question.name, type: question.type })),
    records,
  }
}
