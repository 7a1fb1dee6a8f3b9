import { describe, expect, it } from 'vitest'
import { dialShares } from '../../../../mesh/exchange/dial-shares.ts'
import { Refusals } from '../../../../mesh/refusals.ts'
import { envelopeDials } from '../../../../mesh/routing/greedy/envelope-server.ts'
import { RouteProtocol } from '../../../../mesh/routing/greedy/protocol.ts'
import { Envelopes } from '../../../../mesh/routing/greedy/envelopes.ts'
import { keyFromHex } from '../../../../mesh/routing/kademlia/id.ts'
import { resolveDht } from '../../../../mesh/routing/options.ts'
import { Codec } from '../../../../mesh/wire/codec.ts'
import { createSimClock, silentLogger } from '../../../../runtime/index.ts'
import { Cluster, linkTo } from '../../cluster.ts'

const protocol = new RouteProtocol(new Codec())
const seed = (n: number) => `10.0.0.${n}:4433`

describe('envelopes of a mesh', () => {
  it('are routed by its tree: one that nobody wants comes back as an error, over the same link', async () => {
    await using cluster = new Cluster(91)
    const a = await cluster.start('a', 1, { dht: {} })
    const b = await cluster.start('b', 2, { dht: {}, seeds: [seed(1)] })
    await cluster.clock.advance(5_000)
    const [own, other] = [keyFromHex(b.key.hex), keyFromHex(a.key.hex)]
    const frame = protocol.encode({
      ...{ id: 'ab'.repeat(16), channel: 'rpc', destination: other, source: own },
      ...{
        hopsMax: 10,
        ttlMs: 1_000,
        visited: [own.hex],
        via: undefined,
        sourceVia: undefined,
        tried: undefined,
      },
      content: { type: 'call', about: undefined, receipt: true, payload: new Uint8Array(3) },
    })
    const link = linkTo(b, 'a')
    link.send('rpc', frame)
    link.send('rpc', frame)
    await cluster.clock.advance(100)
    expect(a.stats().refused).toMatchObject({ ERR_ROUTE_DUPLICATE: 1 })
    // Nothing of b waits for it: the test has spoken in its name.
    expect(b.stats().refused).toMatchObject({ ERR_ROUTE_RETURN_UNEXPECTED: 1 })
    expect(link.state).toBe('established')
    link.send('rpc', Uint8Array.from(frame).fill(0xc0, 8))
    await cluster.clock.advance(100)
    expect(link.state).not.toBe('established')
  })

  it('wait for links within their limits: nodes for a dial, envelopes for one dial', () => {
    const clock = createSimClock()
    const refusals = new Refusals(clock, silentLogger)
    const dialled: string[] = []
    const onDemand = envelopeDials({
      ...{ clock, refusals, dials: dialShares(16), handshakeTimeoutMs: 5_000 },
      options: resolveDht({ envelopes: { dialQueueMax: 2, waitingPerDialMax: 3 } })!,
      serviceLinks: { accepting: true, usable: () => undefined } as never,
      dialer: {
        connect: ({ host }: { readonly host: string }, { timeoutMs }: { timeoutMs: number }) => {
          dialled.push(`${host} ${timeoutMs}`)
          return new Promise(() => {})
        },
      } as never,
    })
    const lost: string[] = []
    const send = (n: number, what = ''): void => {
      const to = { id: `0${n}`.repeat(32), host: `n${n}`, port: 1 }
      const none = (): void => {}
      onDemand.whenLinked(to, none, () => void lost.push(`${n}${what}`))
    }
    // One of sixteen dials is for envelopes; two nodes wait, the next is lost.
    for (const n of [1, 2, 3]) send(n)
    expect([dialled, lost]).toEqual([['n1 2000'], []])
    send(4)
    expect(lost).toEqual(['4'])
    expect(refusals.counters()).toEqual({ ERR_ROUTE_DIALS_MAX: 1 })
    for (const what of ['b', 'c']) send(1, what)
    expect(lost).toEqual(['4'])
    send(1, 'd')
    expect(lost).toEqual(['4', '1d'])
    expect(refusals.counters()).toEqual({ ERR_ROUTE_DIALS_MAX: 1, ERR_ROUTE_BACKLOG: 1 })
    onDemand.close()
  })

  it('have the limits that the option says', async () => {
    await using cluster = new Cluster(92)
    const envelopes = { envelopesPerPeerMax: 1 }
    const a = await cluster.start('a', 1, { dht: { envelopes } })
    const b = await cluster.start('b', 2, { dht: {}, seeds: [seed(1)] })
    await cluster.clock.advance(5_000)
    const [own, other] = [keyFromHex(b.key.hex), keyFromHex(a.key.hex)]
    for (const id of ['ab', 'cd']) {
      linkTo(b, 'a').send(
        'rpc',
        protocol.encode({
          ...{ id: id.repeat(16), channel: 'rpc', destination: other, source: own },
          ...{
            hopsMax: 10,
            ttlMs: 1_000,
            visited: [own.hex],
            via: undefined,
            sourceVia: undefined,
            tried: undefined,
          },
          content: { type: 'call', about: undefined, receipt: true, payload: new Uint8Array(3) },
        }),
      )
    }
    await cluster.clock.advance(100)
    expect(a.stats().refused).toMatchObject({ ERR_ROUTE_PEER_RATE: 1 })
  })

  it('without a router are refused, and handlers wait for one', async () => {
    const envelopes = new Envelopes()
    const sent = envelopes.send('call', keyFromHex('00'.repeat(32)), new Uint8Array(0))
    await expect(sent).rejects.toMatchObject({ code: 'ERR_ROUTE_STOPPED' })
    const off = envelopes.onDeliver('call', () => {})
    expect(() => envelopes.onDeliver('call', () => {})).toThrow(
      expect.objectContaining({ code: 'ERR_ROUTE_HANDLER_TAKEN' }) as Error,
    )
    off()
    expect(envelopes.handlers.size).toBe(0)
  })
})
