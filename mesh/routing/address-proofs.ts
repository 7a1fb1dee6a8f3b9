/**
 * Whether somebody is where it says it is. A node may say any address about itself, and tables that believed
 * it would send everybody there; so a peer counts as a server of the DHT only at an address that was proven:
 *
 * - its packets come from there, or it answered there, or
 * - the address is a name, and the resolver says that its packets come from there, or
 * - a dial to it, made for this, reaches a node with its key: two nodes of one machine meet at loopback, but
 *   advertise another address, and a port mapping lets packets out at another port than in.
 *
 * What was proven for a key and an address stays proven.
 */
import { isIP } from 'node:net'
import type { Link } from '../link/link.ts'
import { setNewest } from '../machine/newest.ts'
import type { TransportAddress } from '../transport/transport.ts'
import type { Sender } from './kademlia/message.ts'

/** Proofs that are remembered beyond the life of their link. */
const PROVEN_MAX = 4_096

/** Addresses of a host name. */
type Lookup = (host: string) => Promise<readonly string[]>

/** Dials an address and calls `reached` with the key of whoever answers there. */
export type DialProof = (address: TransportAddress, reached: (keyHex: string) => void) => void

/** The proofs of one node. */
export class AddressProofs {
  readonly #lookup: Lookup
  /** Last proven address by key of the node, oldest first. */
  readonly #proven = new Map<string, string>()

  constructor(lookup: Lookup) {
    this.#lookup = lookup
  }

  /** Whether the peer is at the address that it advertises. */
  isProven(link: Link): boolean {
    const { peer } = link
    if (peer.addressProven) {
      this.#remember(link)
      return true
    }
    return this.#proven.get(peer.key.hex) === placeOf(peer.address)
  }

  /** What the peer says about itself, as far as it is believed. */
  believed(link: Link, sender: Sender): Sender {
    const { host, port } = link.peer.address
    const same = sender.port === port && sender.host.toLowerCase() === host.toLowerCase()
    if (sender.mode === 'client' || (same && this.isProven(link))) return sender
    return { ...sender, mode: 'client' }
  }

  /** Finds out about a link that has just come up; `proven` is called if that takes more than a look. */
  met(link: Link, dial: DialProof, proven: () => void): void {
    const { key, address } = link.peer
    if (this.isProven(link)) return
    const succeed = (): void => {
      this.#remember(link)
      proven()
    }
    const tryDial = (): void => {
      if (link.state !== 'established') return
      dial(address, (keyHex) => {
        if (keyHex === key.hex) succeed()
      })
    }
    if (isIP(address.host) !== 0 || link.remote.port !== address.port) return tryDial()
    this.#lookup(address.host).then(
      (hosts) => {
        if (hosts.includes(link.remote.host)) succeed()
        else tryDial()
      },
      // A name that nobody can resolve proves nothing, and leads nowhere.
      () => {},
    )
  }

  #remember({ peer }: Link): void {
    const { hex } = peer.key
    const place = placeOf(peer.address)
    if (this.#proven.get(hex) === place) return
    setNewest(this.#proven, hex, place, PROVEN_MAX)
  }
}

function placeOf({ host, port }: TransportAddress): string {
  return `${host.toLowerCase()} ${port}`
}
