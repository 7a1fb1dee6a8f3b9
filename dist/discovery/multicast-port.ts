/** Datagrams of a multicast group, as gossip needs them. `udp-multicast.ts` opens real ones; tests pass their own. */

/** Which group, and who hears. */
export interface MulticastOptions {
  /** IPv4 address of the group. */
  readonly group: string
  /** UDP port, shared with other programs. */
  readonly port: number
  /** Routers that a datagram may pass, and this network counts as one. */
  readonly hops: number
  /** Address of the interface to use; undefined for the system's choice. */
  readonly interface: string | undefined
  /** A datagram came, from anybody. */
  onDatagram(bytes: Uint8Array): void
  /** The socket is closed by it. */
  onError(error: unknown): void
}

/** An open socket. */
export interface MulticastSocket {
  /** To the group. What cannot be sent is lost, as any datagram may be, and told as an error of the socket. */
  send(bytes: Uint8Array): void
  /** Resolves when the port is free. Idempotent. */
  close(): Promise<void>
}

/** Opens sockets; rejects with `ERR_DISCOVERY_SOCKET`. */
export interface MulticastPort {
  open(options: MulticastOptions): Promise<MulticastSocket>
}
