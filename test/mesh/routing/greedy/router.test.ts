import { describe, expect, it } from 'vitest'
import { FrameRouter } from '../../../../mesh/link/frame-router.ts'
import { LinkError } from '../../../../mesh/link/errors.ts'
import type { LinkErrorCode } from '../../../../mesh/link/errors.ts'
import type { Link } from '../../../../mesh/link/link.ts'
import { nodeKeyFromHex } from '../../../../mesh/identity/node-key.ts'
import { Refusals } from '../../../../mesh/refusals.ts'
import { RouteError } from '../../../../mesh/routing/greedy/errors.ts'
import { RouteProtocol } from '../../../../mesh/routing/greedy/protocol.ts'
import { GreedyRouter } from '../../../../mesh/routing/greedy/router.ts'
import type { RouteDelivery } from '../../../../mesh/routing/greedy/router.ts'
import { greedySettings } from '../../../../mesh/routing/greedy/settings.ts'
import type { GreedySettings } from '../../../../mesh/routing/greedy/settings.ts'
import { keyFromHex } from '../../../../mesh/routing/kademlia/id.ts'
import { Codec } from '../../../../mesh/wire/codec.ts'
import { HEADER_BYTES } from '../../../../mesh/wire/frame.ts'
import { createSeededEntropy, createSimClock, silentLogger } from '../../../../runtime/index.ts'
import type { SimClock } from '../../../../runtime/index.ts'
import { contactOf } from '../kademlia/static-network.ts'

/** Keys of which each is nearer to the last than the one before. */
const hexOf = (n: number): string => (0xff >>> n).toString(16).padStart(2, '0').repeat(32)
const keyOf = (n: number) => keyFromHex(hexOf(n))

interface Node {
  readonly router: GreedyRouter
  readonly frames: FrameRouter
  readonly refusals: Refusals
  readonly got: RouteDelivery[]
}

/** Nodes in a row; each knows those after it and, for the way back, those before it. */
function row(length: number, settings: Partial<GreedySettings> = {}) {
  const clock: SimClock = createSimClock()
  const protocol = new RouteProtocol(new Codec())
  const nodes: Node[] = []
  const down = new Set<string>()
  const silent = new Set<string>()
  const links = new Set<string>()
  const sent: { readonly lane: string; readonly from: number; readonly to: number }[] = []
  const failures: unknown[] = []
  let linkError: LinkErrorCode | undefined

  const linkFrom = (from: number, to: number): Link =>
    ({
      peer: { key: nodeKeyFromHex(hexOf(to)), address: { host: `n${to}`, port: 1 } },
      state: 'established',
      send: (lane: string, frame: Uint8Array) => {
        if (linkError !== undefined) throw new LinkError(linkError, 'refused by the test')
        sent.push({ lane, from, to })
        clock.nextTurn(() => {
          const back = linkFrom(to, from)
          nodes[to]?.frames.dispatch(back, frame[1]!, frame.subarray(HEADER_BYTES), 'dist')
        })
        return true
      },
    }) as unknown as Link

  for (let n = 0; n < length; n++) {
    const frames = new FrameRouter()
    const refusals = new Refusals(clock, silentLogger)
    const got: RouteDelivery[] = []
    const router = new GreedyRouter({
      ...{ self: keyOf(n), settings: greedySettings(settings), frames, protocol, refusals, clock },
      entropy: createSeededEntropy(n + 1),
      failed: (error) => void failures.push(error),
      pool: {
        link: (hex: string) =>
          links.has(`${n} ${hex}`) ? (linkFrom(n, indexOf(hex, length)) as never) : undefined,
      },
      onDemand: {
        whenLinked: ({ id = '' }, linked, lost) => {
          if (silent.has(id)) return () => void sent.push({ lane: 'given up', from: n, to: -1 })
          if (down.has(id)) lost()
          else linked(linkFrom(n, indexOf(id, length)))
          return () => {}
        },
      },
      view: {
        neighbours: () => [],
        closest: () =>
          [n - 1, n + 1].filter((at) => at >= 0 && at < length).map((at) => contactOf(keyOf(at))),
      },
    })
    for (const type of ['call', 'publish'] as const) {
      router.onDeliver(type, (delivery) => void got.push(delivery))
    }
    nodes.push({ router, frames, refusals, got })
  }
  const fail = (code: LinkErrorCode | undefined): void => void (linkError = code)
  return { clock, nodes, down, silent, links, sent, fail }
}

function indexOf(hex: string, length: number): number {
  return Array.from({ length }, (_, n) => hexOf(n)).indexOf(hex)
}

const payload = new TextEncoder().encode('hello')
const outcome = (promise: Promise<string>): Promise<string> =>
  promise.then(
    () => 'delivered',
    (error: unknown) => (error instanceof RouteError ? error.code : String(error)),
  )

describe('GreedyRouter', () => {
  it('brings an envelope over several nodes, and resolves when it is there', async () => {
    const { clock, nodes, sent } = row(4)
    const id = nodes[0]!.router.send('call', keyOf(3), payload)
    await clock.advance(10)
    expect(nodes[3]!.got).toEqual([
      {
        ...{ id: await id, type: 'call', source: keyOf(0), about: undefined, payload, hops: 3 },
      },
    ])
    // There and back again, on the lane of the application.
    expect(sent.map(({ lane, from, to }) => `${lane} ${from}${to}`)).toEqual(
      ['01', '12', '23', '32', '21', '10'].map((hop) => `rpc ${hop}`),
    )
    expect(nodes[0]!.router.stats()).toMatchObject({ sent: 1, forwarded: 1, sends: 0 })
    expect(nodes[1]!.router.stats()).toMatchObject({ forwarded: 2, delivered: 0 })
  })

  it('says by whom an envelope has gone first, not who passed it on, and nothing of one that went nowhere', async () => {
    const { clock, nodes, down } = row(4)
    const hops: string[] = []
    const options = { firstHop: (hop: string): void => void hops.push(hop) }
    const done = outcome(nodes[0]!.router.send('call', keyOf(3), payload, options))
    await clock.advance(10)
    expect([await done, hops]).toEqual(['delivered', [hexOf(1)]])
    down.add(hexOf(1))
    expect(await outcome(nodes[0]!.router.send('call', keyOf(3), payload, options))).toBe(
      'ERR_ROUTE_NONE',
    )
    expect(hops).toHaveLength(1)
  })

  it('takes the bytes as they are at the call', async () => {
    const { clock, nodes } = row(2)
    const bytes = Uint8Array.from(payload)
    const done = nodes[0]!.router.send('publish', keyOf(1), bytes)
    bytes.fill(0)
    await clock.advance(10)
    await done
    expect(nodes[1]!.got[0]!.payload).toEqual(payload)
  })

  it('rejects with what the node says that gave up', async () => {
    const { clock, nodes, down } = row(4)
    down.add(hexOf(3))
    const error = nodes[0]!.router.send('call', keyOf(3), payload).catch((e: unknown) => e)
    await clock.advance(10)
    expect(await error).toMatchObject({ code: 'ERR_ROUTE_NONE', reason: 'no_route', at: hexOf(2) })
    const short = outcome(nodes[0]!.router.send('call', keyOf(3), payload, { maxHops: 2 }))
    const unhandled = outcome(nodes[0]!.router.send('reply', keyOf(2), payload))
    await clock.advance(10)
    expect(await short).toBe('ERR_ROUTE_HOPS_MAX')
    expect(await unhandled).toBe('ERR_ROUTE_UNHANDLED')
  })

  it('gives up at its deadline when nothing comes back', async () => {
    const { clock, nodes, silent, sent } = row(3)
    silent.add(hexOf(1))
    const done = outcome(nodes[0]!.router.send('call', keyOf(2), payload, { timeoutMs: 500 }))
    await clock.advance(499)
    expect(nodes[0]!.router.stats().sends).toBe(1)
    await clock.advance(1)
    expect(await done).toBe('ERR_ROUTE_TIMEOUT')
    expect(sent).toEqual([{ lane: 'given up', from: 0, to: -1 }])
  })

  it('ends with its signal, before and during', async () => {
    const { clock, nodes, silent, sent } = row(3)
    silent.add(hexOf(1))
    const reason = new Error('enough')
    const router = nodes[0]!.router
    const early = router.send('call', keyOf(2), payload, { signal: AbortSignal.abort(reason) })
    await expect(early).rejects.toMatchObject({ code: 'ERR_ROUTE_ABORTED', cause: reason })
    const controller = new AbortController()
    const late = router
      .send('call', keyOf(2), payload, { signal: controller.signal })
      .catch((error: unknown) => error)
    controller.abort(reason)
    expect(await late).toMatchObject({ code: 'ERR_ROUTE_ABORTED', cause: reason })
    expect(sent).toEqual([{ lane: 'given up', from: 0, to: -1 }])
    expect(router.stats()).toMatchObject({ sends: 0, forwards: 0 })
    await clock.advance(60_000)
  })

  it('takes a payload of payloadBytesMax and none longer', async () => {
    const { clock, nodes } = row(2, { payloadBytesMax: 5 })
    const taken = outcome(nodes[0]!.router.send('call', keyOf(1), new Uint8Array(5)))
    const refused = outcome(nodes[0]!.router.send('call', keyOf(1), new Uint8Array(6)))
    await clock.advance(10)
    expect(await Promise.all([taken, refused])).toEqual([
      'delivered',
      'ERR_ROUTE_PAYLOAD_BYTES_MAX',
    ])
  })

  it('takes a link that refuses a frame for one that does not reach', async () => {
    const { clock, nodes, fail } = row(2)
    fail('ERR_LINK_QUEUE_FULL')
    expect(await outcome(nodes[0]!.router.send('call', keyOf(1), payload))).toBe('ERR_ROUTE_NONE')
    expect(nodes[0]!.router.stats().attemptsFailed).toBe(1)
    fail(undefined)
    const done = outcome(nodes[0]!.router.send('call', keyOf(1), payload))
    await clock.advance(10)
    expect(await done).toBe('delivered')
  })

  it('uses a link that stands although no table knows the node', async () => {
    const { clock, nodes, links } = row(4)
    links.add(`0 ${hexOf(3)}`)
    const done = outcome(nodes[0]!.router.send('call', keyOf(3), payload))
    await clock.advance(10)
    expect(await done).toBe('delivered')
    expect(nodes[3]!.got[0]!.hops).toBe(1)
  })

  it('lets a handler send, and counts one that throws', async () => {
    const { clock, nodes } = row(3)
    const answers: RouteDelivery[] = []
    nodes[0]!.router.onDeliver('reply', (delivery) => void answers.push(delivery))
    const { router, got } = nodes[2]!
    const replies: Promise<string>[] = []
    // It answers at once, while the core still works on the call.
    got.push = (delivery: RouteDelivery): number => {
      replies.push(router.send('reply', delivery.source, payload, { about: delivery.id }))
      throw new Error('and then it fails')
    }
    const call = nodes[0]!.router.send('call', keyOf(2), payload)
    await clock.advance(10)
    const id = await call
    expect(answers).toMatchObject([{ about: id, source: keyOf(2), hops: 2 }])
    expect(await Promise.all(replies)).toEqual([answers[0]!.id])
    expect(nodes[2]!.refusals.counters()).toEqual({ ERR_ROUTE_HANDLER: 1 })
  })

  it('has one handler per type, until it is taken off', () => {
    const { router } = row(1).nodes[0]!
    const taken = expect.objectContaining({ code: 'ERR_ROUTE_HANDLER_TAKEN' }) as Error
    const off = router.onDeliver('reply', () => {})
    expect(() => router.onDeliver('reply', () => {})).toThrow(taken)
    off()
    router.onDeliver('reply', () => {})
    // Of the first one, which is off already.
    off()
    expect(() => router.onDeliver('reply', () => {})).toThrow(taken)
  })

  it('is quiet when it is closed', async () => {
    const { clock, nodes, silent, sent } = row(3)
    silent.add(hexOf(1))
    const { router, frames } = nodes[0]!
    const done = outcome(router.send('call', keyOf(2), payload))
    router.close()
    router.close()
    expect(await done).toBe('ERR_ROUTE_STOPPED')
    expect(await outcome(router.send('call', keyOf(2), payload))).toBe('ERR_ROUTE_STOPPED')
    expect(sent).toEqual([{ lane: 'given up', from: 0, to: -1 }])
    expect(frames.dispatch({} as Link, 0x23, new Uint8Array(0), 'dist')).toBe(false)
    expect(frames.dispatch({} as Link, 0x13, new Uint8Array(0), 'dist')).toBe(false)
    await clock.advance(60_000)
    expect(clock.timerCount).toBe(0)
  })

  it('raises an error of the wire for bytes that are no envelope', () => {
    const { nodes } = row(1)
    const { frames } = nodes[0]!
    expect(() => frames.dispatch({} as Link, 0x23, Uint8Array.of(0x90), 'dist')).toThrow(
      expect.objectContaining({ code: 'ERR_MESSAGE_INVALID' }) as Error,
    )
  })
})
