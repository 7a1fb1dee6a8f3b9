/**
 * Multicast DNS as discovery speaks it: packets of DNS-SD records (RFC 6762, 6763) on a socket that somebody opens.
 * `mdns.ts` opens real ones; simulated nodes and tests pass their own.
 */

/** A record. Times are seconds, as in DNS. */
export type MdnsRecord =
  | {
      readonly type: 'PTR'
      readonly name: string
      readonly ttlSeconds: number
      readonly target: string
    }
  | {
      readonly type: 'SRV'
      readonly name: string
      readonly ttlSeconds: number
      readonly target: string
      readonly port: number
    }
  | {
      readonly type: 'TXT'
      readonly name: string
      readonly ttlSeconds: number
      readonly entries: readonly string[]
    }
  | {
      readonly type: 'A' | 'AAAA'
      readonly name: string
      readonly ttlSeconds: number
      readonly address: string
    }

/** A packet. Everything in it is somebody's claim. */
export interface MdnsPacket {
  readonly type: 'query' | 'response'
  /** Names that are asked for, with their types. */
  readonly questions: readonly { readonly name: string; readonly type: string }[]
  /** Answers and additional records; of a query, what its sender knows already. */
  readonly records: readonly MdnsRecord[]
}

/** Who hears. */
export interface MdnsHandlers {
  /** A packet that could be read. */
  onPacket(packet: MdnsPacket): void
  /** A datagram that could not. */
  onGarbage(error: unknown): void
  /** Something about interfaces; the socket goes on. */
  onWarning(error: unknown): void
  /** The socket is closed by it. */
  onError(error: unknown): void
}

/** An open socket. */
export interface MdnsSocket {
  /** To the group, on every interface. A packet that cannot be sent is lost, as any may be. */
  send(packet: MdnsPacket): void
  /** Looks which interfaces there are now. */
  refresh(): void
  /** Resolves when what was sent is out and the port is free. Idempotent. */
  close(): Promise<void>
}

/** Opens sockets; rejects with `ERR_DISCOVERY_SOCKET`. */
export interface MdnsPort {
  open(handlers: MdnsHandlers): Promise<MdnsSocket>
}
