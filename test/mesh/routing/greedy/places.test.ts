import { describe, expect, it } from 'vitest'
import { GreedyCore } from '../../../../mesh/routing/greedy/core.ts'
import type { Envelope } from '../../../../mesh/routing/greedy/envelope.ts'
import type { GreedySink, SendOutcome } from '../../../../mesh/routing/greedy/machine.ts'
import { Places } from '../../../../mesh/routing/greedy/places.ts'
import { greedySettings } from '../../../../mesh/routing/greedy/settings.ts'
import type { GreedySettings } from '../../../../mesh/routing/greedy/settings.ts'
import { keyFromHex } from '../../../../mesh/routing/kademlia/id.ts'
import { contactOf } from '../kademlia/static-network.ts'

const keyed = (digits: string): ReturnType<typeof keyFromHex> => keyFromHex(digits.padEnd(64, '0'))
const FLOODER = keyed('8').hex
const HONEST = keyed('9').hex

/** A node between peers that send to it and nodes that never answer. */
class Node {
  readonly refused: string[] = []
  readonly outcomes: SendOutcome[] = []
  readonly attempts: number[] = []
  readonly core: GreedyCore
  readonly #sink: GreedySink
  #ids = 0

  constructor(given: Partial<GreedySettings>) {
    this.core = new GreedyCore({
      self: keyed('4'),
      settings: greedySettings({ alternatives: 1, ...given }),
      newId: () => this.#newId(),
      // One is near to the destination, and one to every source.
      view: {
        linked: () => undefined,
        neighbours: () => [],
        closest: () => [contactOf(keyed('1')), contactOf(keyed('c'))],
      },
    })
    this.#sink = {
      forward: (attemptId) => void this.attempts.push(attemptId),
      cancelForward: () => {},
      deliver: () => true,
      settled: (_, outcome) => void this.outcomes.push(outcome),
      refused: (code, from) => void this.refused.push(`${code} ${from ?? 'self'}`),
    }
  }

  envelope(from: string, more: Partial<Envelope> & { readonly bytes?: number } = {}): void {
    const payload = new Uint8Array(more.bytes ?? 1)
    this.core.step(
      0,
      {
        ...{ type: 'envelope', from },
        envelope: {
          ...{ id: this.#newId(), destination: keyed('0001'), source: keyFromHex(from) },
          ...{ hopsMax: 10, visited: [from], channel: 'rpc', ttlMs: 60_000 },
          ...{ via: undefined, sourceVia: undefined, tried: undefined },
          content: { type: 'call', receipt: true, about: undefined, payload },
          ...more,
        },
      },
      this.#sink,
    )
  }

  send(): void {
    const more = {
      payload: new Uint8Array(1_000),
      about: undefined,
      receipt: true,
      via: undefined,
      sourceVia: undefined,
      tried: undefined,
    }
    this.core.step(
      0,
      {
        ...{ type: 'send', sendId: ++this.#ids, id: this.#newId(), destination: keyed('0002') },
        ...{ routeType: 'call', hopsMax: 10, deadlineMs: 20_000, ...more },
      },
      this.#sink,
    )
  }

  forwarded(attemptId: number): void {
    this.core.step(0, { type: 'forwarded', attemptId }, this.#sink)
  }

  tick(nowMs: number): void {
    this.core.step(nowMs, { type: 'tick' }, this.#sink)
  }

  #newId(): string {
    return (++this.#ids).toString(16).padStart(32, '0')
  }
}

const times = (count: number, work: () => void): void => {
  for (let i = 0; i < count; i++) work()
}

describe('places for envelopes that wait for a link', () => {
  it('are held by one peer up to forwardsPerPeerMax, and by others and this node meanwhile', () => {
    const node = new Node({ forwardsPerPeerMax: 128 })
    times(128, () => node.envelope(FLOODER))
    expect(node.refused).toEqual([])
    node.envelope(FLOODER)
    expect(node.refused).toEqual([`ERR_ROUTE_PEER_SHARE ${FLOODER}`])
    times(128, () => node.envelope(HONEST))
    times(100, () => node.send())
    expect(node.refused).toHaveLength(1)
    expect(node.outcomes).toEqual([])
    expect(node.core.stats().forwards).toBe(356)
  })

  it('hold forwardBytesPerPeerMax bytes of one peer, and not one more', () => {
    const node = new Node({ forwardBytesPerPeerMax: 1_000 })
    node.envelope(FLOODER, { bytes: 600 })
    node.envelope(FLOODER, { bytes: 401 })
    expect(node.refused).toEqual([`ERR_ROUTE_PEER_SHARE ${FLOODER}`])
    node.envelope(FLOODER, { bytes: 400 })
    node.envelope(HONEST, { bytes: 1_000 })
    expect(node.refused).toHaveLength(1)
    expect(node.core.stats().forwardBytes).toBe(2_000)
  })

  it('hold forwardBytesMax bytes of all peers, and not one more; this node still sends', () => {
    const node = new Node({ forwardBytesMax: 1_000 })
    node.envelope(FLOODER, { bytes: 600 })
    node.envelope(HONEST, { bytes: 401 })
    expect(node.refused).toEqual([`ERR_ROUTE_FORWARD_BYTES_MAX ${HONEST}`])
    node.envelope(HONEST, { bytes: 400 })
    node.send()
    expect(node.refused).toHaveLength(1)
    expect(node.outcomes).toEqual([])
    expect(node.core.stats()).toMatchObject({ forwards: 3, forwardBytes: 1_000 })
  })

  it('are for this node alone from forwardsMax - forwardsReserved on', () => {
    const node = new Node({ forwardsMax: 10, forwardsReserved: 4 })
    times(6, () => node.envelope(FLOODER))
    expect(node.refused).toEqual([])
    node.envelope(HONEST)
    expect(node.refused).toEqual([`ERR_ROUTE_FORWARDS_MAX ${HONEST}`])
    times(4, () => node.send())
    expect(node.outcomes).toEqual([])
    node.send()
    expect(node.outcomes).toEqual([{ type: 'refused', code: 'ERR_ROUTE_FORWARDS_MAX' }])
  })

  it('are held by the peer for errors and receipts about its envelopes, too', () => {
    const node = new Node({ forwardsPerPeerMax: 3 })
    // No hop is left: an error goes back. It is for this node: a receipt does.
    times(2, () => node.envelope(FLOODER, { hopsMax: 1 }))
    node.envelope(FLOODER, { destination: keyed('4') })
    expect(node.core.stats().forwards).toBe(3)
    expect(node.refused).toEqual([])
    node.envelope(FLOODER, { hopsMax: 1 })
    expect(node.refused).toEqual([`ERR_ROUTE_PEER_SHARE ${FLOODER}`])
    node.envelope(HONEST, { hopsMax: 1 })
    expect(node.core.stats().forwards).toBe(4)
  })

  it('are free again when the link took it, or nobody could be reached', () => {
    const node = new Node({ forwardsPerPeerMax: 2, attemptTimeoutMs: 2_000 })
    times(2, () => node.envelope(FLOODER, { bytes: 7 }))
    node.forwarded(node.attempts[0]!)
    node.envelope(FLOODER, { bytes: 7 })
    expect(node.refused).toEqual([])
    expect(node.core.stats().forwardBytes).toBe(14)
    // Both are given up, and their errors wait in their place; then those are given up as well.
    node.tick(2_000)
    expect(node.core.stats()).toMatchObject({ forwards: 2, forwardBytes: 0, givenUp: 2 })
    node.tick(4_000)
    expect(node.core.stats().forwards).toBe(0)
    times(2, () => node.envelope(FLOODER))
    expect(node.core.stats().forwards).toBe(2)
  })
})

describe('Places', () => {
  it('forgets whoever holds none', () => {
    const places = new Places(greedySettings({ forwardsPerPeerMax: 1 }))
    const place = { holder: FLOODER, bytes: 5 }
    times(3, () => {
      expect(places.problem(place)).toBeUndefined()
      places.take(place)
      expect(places.problem(place)).toBe('ERR_ROUTE_PEER_SHARE')
      places.release(place)
    })
    expect(places.bytes).toBe(0)
  })
})
