/** Turns what a peer said in the handshake into what the layers above see. */
import type { NodeKey } from '../identity/node-key.ts'
import type { TransportAddress } from '../transport/transport.ts'
import type { Negotiated } from './handshake.ts'
import type { PeerInfo } from './link.ts'

/** `name@host:port`, with brackets around an IPv6 host. */
export function formatNodeId(name: string, { host, port }: TransportAddress): string {
  return `${name}@${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** The peer of an accepted link whose packets go to and come from `remote`. */
export function peerInfoOf(
  key: NodeKey,
  negotiated: Negotiated,
  remote: TransportAddress,
): PeerInfo {
  const { hello, capabilities, frameBytesMax, roles } = negotiated
  const address = Object.freeze({ host: hello.host, port: hello.port })
  return Object.freeze({
    key,
    nodeId: formatNodeId(hello.name, address),
    name: hello.name,
    kind: hello.kind,
    address,
    addressProven: remote.host === address.host && remote.port === address.port,
    incarnation: hello.incarnation,
    capabilities,
    frameBytesMax,
    roles,
    states: hello.states,
    ...(hello.hidden === true ? { hidden: true } : {}),
  })
}
