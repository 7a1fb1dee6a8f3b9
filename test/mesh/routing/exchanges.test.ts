import { describe, expect, it } from 'vitest'
import { nodeKeyFromBytes } from '../../../mesh/identity/node-key.ts'
import type { Link } from '../../../mesh/link/link.ts'
import { Refusals } from '../../../mesh/refusals.ts'
import { DhtError } from '../../../mesh/routing/errors.ts'
import { openExchanges } from '../../../mesh/routing/exchanges.ts'
import { keyFromHex } from '../../../mesh/routing/kademlia/id.ts'
import type { FindNode } from '../../../mesh/routing/kademlia/message.ts'
import { resolveDht } from '../../../mesh/routing/options.ts'
import type { DhtOptions } from '../../../mesh/routing/options.ts'
import { createSimClock, silentLogger } from '../../../runtime/index.ts'

const keyOf = (n: number) => nodeKeyFromBytes(new Uint8Array(32).fill(n))
const target = (n: number) => ({ id: keyOf(n).hex, host: `10.0.0.${n}`, port: 4433 })
const question: FindNode = {
  ...{ type: 'find_node', key: keyFromHex(keyOf(9).hex), count: 20 },
  sender: { host: '10.0.0.1', port: 4433, mode: 'server' },
}

/** Exchanges whose dials never end; nodes from 100 are linked. */
function make(given: DhtOptions = {}, dialsMax = 2) {
  const clock = createSimClock()
  const refusals = new Refusals(clock, silentLogger)
  const dials: { readonly host: string; readonly timeoutMs: number }[] = []
  const failed: number[] = []
  let sent = 0
  let held = 0
  let fits = true
  const linkOf = (key: { readonly hex: string }) =>
    ({
      peer: { key, frameBytesMax: 1_048_576, nodeId: 'n@h:1' },
      state: 'established',
      send: () => (sent += 1) > 0,
    }) as unknown as Link
  const exchanges = openExchanges({
    ...{ clock, refusals, dialsMax, handshakeTimeoutMs: 5_000, chance: () => 0.5 },
    options: resolveDht(given)!,
    held: () => void (held += 1),
    pool: {
      accepting: true,
      usable: (hex: string) => (hex >= keyOf(100).hex ? linkOf({ hex }) : undefined),
    } as never,
    dialer: {
      connect: ({ host }: { host: string }, { timeoutMs }: { timeoutMs: number }) => {
        dials.push({ host, timeoutMs })
        return new Promise(() => {})
      },
    } as never,
    protocol: {
      request: () => {
        if (!fits) throw new DhtError('ERR_DHT_RECORD_TOO_LARGE', 'too large')
        return new Uint8Array(8)
      },
      reply: () => new Uint8Array(8),
    } as never,
  })
  const { requests } = exchanges
  const ask = (id: number, n: number) =>
    requests.send(id, target(n), question, clock.now() + 2_000, () => void failed.push(id))
  return {
    ...{ ...exchanges, clock, refusals, dials, failed, ask, linkOf },
    sent: () => sent,
    held: () => held,
    fill: () => (fits = false),
  }
}

describe('exchanges of the DHT', () => {
  it('give a dial three quarters of the time of a request, and their share of dials', () => {
    const { ask, dials, failed } = make()
    for (const n of [1, 2, 3]) ask(n, n)
    expect(dials).toEqual([
      { host: '10.0.0.1', timeoutMs: 1_500 },
      { host: '10.0.0.2', timeoutMs: 1_500 },
    ])
    expect(failed).toEqual([])
  })

  it('let 256 targets wait for their turn and 64 requests for one dial, and lose the next', () => {
    const { requests, failed, refusals, ask } = make({}, 1)
    const idOf = (n: number) => n.toString(16).padStart(64, '0')
    for (let n = 1; n <= 258; n++) {
      const to = { id: idOf(n), host: '10.0.0.1', port: 4433 }
      requests.send(n, to, question, 2_000, () => void failed.push(n))
    }
    expect(failed).toEqual([258])
    expect(refusals.counters()).toEqual({ ERR_DHT_DIALS_MAX: 1 })
    requests.close()
    for (let n = 0; n <= 64; n++) ask(1_000 + n, 1)
    expect(failed).toEqual([258, 1_064])
    expect(refusals.counters()).toEqual({ ERR_DHT_DIALS_MAX: 1, ERR_DHT_BACKLOG: 1 })
  })

  it('are exchangesMax at most, and exchangesPerPeerMax with one peer', () => {
    const { ask, failed, refusals } = make({ exchangesMax: 4, exchangesPerPeerMax: 2 })
    for (const id of [1, 2, 3]) ask(id, 100)
    for (const id of [4, 5, 6]) ask(id, 100 + id)
    expect(failed).toEqual([3, 6])
    expect(refusals.counters()).toEqual({ ERR_DHT_EXCHANGES_MAX: 2 })
  })

  it('spread a burst: a peer is asked half as often as it takes', async () => {
    const { ask, sent, held, requests, clock, failed } = make({ requestsPerPeerMax: 4 })
    for (const id of [1, 2, 3]) ask(id, 100)
    expect([sent(), held()]).toEqual([2, 1])
    await clock.advance(1_000)
    expect(requests.tick(clock.now())).toEqual([])
    expect([sent(), failed]).toEqual([3, []])
  })

  it('a record that the peer can not take fails its request, and nothing else', () => {
    const { ask, failed, fill, sent } = make()
    fill()
    ask(1, 100)
    expect([failed, sent()]).toEqual([[1], 0])
  })

  it('owe 128 answers to one peer, and leave its oldest question without one', () => {
    const { requests, linkOf, refusals, sent } = make()
    const link = linkOf(keyOf(100))
    const ids = Array.from({ length: 129 }, (_, number) => requests.asked(link, number)!)
    const answer = { ...question, type: 'find_node_reply', contacts: [] } as const
    for (const id of ids) requests.reply(id, answer)
    expect(sent()).toBe(128)
    expect(refusals.counters()).toEqual({ ERR_DHT_ANSWERS_MAX: 1 })
  })

  it('owe 1,024 answers in all, and take no more questions', () => {
    const { requests, linkOf, refusals } = make()
    for (let n = 0; n < 8; n++) {
      for (let i = 0; i < 128; i++) requests.asked(linkOf(keyOf(100 + n)), i)
    }
    expect(refusals.counters()).toEqual({})
    expect(requests.asked(linkOf(keyOf(110)), 1)).toBeUndefined()
    expect(refusals.counters()).toEqual({ ERR_DHT_ANSWERS_MAX: 1 })
  })
})
