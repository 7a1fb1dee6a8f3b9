import { describe, expect, it } from 'vitest'
import { nodeKeyFromBytes } from '../../../mesh/identity/node-key.ts'
import { Dialer } from '../../../mesh/link/dialer.ts'
import type { Attempt, DialerOptions } from '../../../mesh/link/dialer.ts'
import { LinkError } from '../../../mesh/link/errors.ts'
import type { Link, LinkEvent } from '../../../mesh/link/link.ts'
import type { PartingEvent } from '../../../mesh/link/parting.ts'
import type { LinkPool } from '../../../mesh/link/pool.ts'
import type { LinkDownReason } from '../../../mesh/link/reasons.ts'
import { createSimClock } from '../../../runtime/index.ts'

const keyOf = (n: number) => nodeKeyFromBytes(new Uint8Array(32).fill(n))
const linkTo = (n: number) => ({ peer: { key: keyOf(n) } }) as unknown as Link
const target = (n: number) => ({ host: `10.0.0.${n}`, port: 4433 })

/** A pool as the dialler sees it. */
class PoolStub {
  accepting = true
  readonly linked = new Map<string, Link>()
  readonly parting = new Set<string>()
  #handler: (event: LinkEvent) => void = () => {}
  #onParting: (event: PartingEvent<Link>) => void = () => {}
  link(hex: string): Link | undefined {
    return this.linked.get(hex)
  }
  usable(hex: string): Link | undefined {
    return this.parting.has(hex) ? undefined : this.linked.get(hex)
  }
  onLink(handler: (event: LinkEvent) => void): () => void {
    this.#handler = handler
    return () => {}
  }
  onParting(handler: (event: PartingEvent<Link>) => void): () => void {
    this.#onParting = handler
    return () => {}
  }
  asks(link: Link): void {
    this.parting.add(link.peer.key.hex)
    this.#onParting({ type: 'parting', link })
  }
  stays(link: Link): void {
    this.parting.delete(link.peer.key.hex)
    this.#onParting({ type: 'stays', link })
  }
  down(link: Link, reason: LinkDownReason): void {
    this.linked.delete(link.peer.key.hex)
    this.#handler({ type: 'down', link, reason })
  }
  up(link: Link): void {
    this.linked.set(link.peer.key.hex, link)
    this.#handler({ type: 'up', link })
  }
}

const make = (change: Partial<DialerOptions> = {}) => {
  const clock = createSimClock()
  const pool = new PoolStub()
  const started: Attempt[] = []
  const options = {
    dialsMax: 2,
    dialQueueMax: 2,
    handshakeTimeoutMs: 5_000,
    connectTimeoutMs: 10_000,
    ...change,
  }
  const dialer = new Dialer(options, clock, pool as unknown as LinkPool, (a) => started.push(a))
  return { clock, pool, started, dialer }
}
const code = (promise: Promise<unknown>) =>
  promise.then(
    () => 'resolved',
    (error: unknown) => (error as { code: string }).code,
  )

describe('Dialer', () => {
  it('gives the link of the attempt to all who want the same target', async () => {
    const { dialer, started } = make()
    const both = [dialer.connect(target(1)), dialer.connect(target(1))]
    expect(started).toHaveLength(1)
    const link = linkTo(1)
    started[0]!.succeed(link)
    expect(await Promise.all(both)).toEqual([link, link])
    expect(dialer.size).toBe(0)
    expect(started[0]!.signal.aborted).toBe(true)
  })

  it('gives the link that exists without dialling', async () => {
    const { dialer, pool, started } = make()
    const link = linkTo(3)
    pool.up(link)
    expect(await dialer.connect({ ...target(3), key: keyOf(3) })).toBe(link)
    expect(started).toHaveLength(0)
  })

  it('does not dial a node whose link may be about to end, and gives that link when it stays', async () => {
    const { dialer, pool, started } = make()
    const link = linkTo(3)
    pool.up(link)
    pool.asks(link)
    const dial = dialer.connect({ ...target(3), key: keyOf(3) })
    const other = linkTo(4)
    pool.up(other)
    pool.down(other, 'idle')
    expect([started.length, dialer.size]).toEqual([0, 1])
    pool.stays(link)
    expect(await dial).toBe(link)
    expect([started.length, dialer.size]).toEqual([0, 0])
  })

  it.each(['idle', 'connection_closed'] as const)(
    'dials such a node once when its link is down, %s',
    async (reason) => {
      const { dialer, pool, started, clock } = make()
      const link = linkTo(3)
      pool.up(link)
      pool.asks(link)
      const dials = [1, 2].map(() => dialer.connect({ ...target(3), key: keyOf(3) }))
      await clock.advance(1_000)
      pool.down(link, reason)
      expect(started.length).toBe(1)
      pool.down(link, reason)
      expect(started.length).toBe(1)
      const next = linkTo(3)
      started[0]!.succeed(next)
      expect(await Promise.all(dials)).toEqual([next, next])
    },
  )

  it('a wait for such a node ends at its time, whatever becomes of the link', async () => {
    const { dialer, pool, started, clock } = make()
    const link = linkTo(3)
    pool.up(link)
    pool.asks(link)
    const dial = code(dialer.connect({ ...target(3), key: keyOf(3) }, { timeoutMs: 700 }))
    await clock.advance(700)
    expect(await dial).toBe('ERR_DIAL_TIMEOUT')
    pool.down(link, 'idle')
    expect([started.length, dialer.size]).toEqual([0, 0])
  })

  it('dialsMax attempts run, dialQueueMax wait, one more is refused', async () => {
    const { dialer, started } = make()
    const codes = [1, 2, 3, 4, 5].map((n) => code(dialer.connect(target(n))))
    expect(started.map((a) => a.target.host)).toEqual(['10.0.0.1', '10.0.0.2'])
    expect(await codes[4]).toBe('ERR_DIAL_QUEUE_FULL')
    started[0]!.fail(new LinkError('ERR_LINK_CLOSED', 'x'))
    expect(started.map((a) => a.target.host)).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3'])
    started[1]!.succeed(linkTo(2))
    started[2]!.succeed(linkTo(3))
    started[3]!.succeed(linkTo(4))
    expect(await Promise.all(codes)).toEqual([
      'ERR_LINK_CLOSED',
      'resolved',
      'resolved',
      'resolved',
      'ERR_DIAL_QUEUE_FULL',
    ])
  })

  it('ML40 an attempt ends at handshakeTimeoutMs and makes room', async () => {
    const { clock, dialer, started } = make({ dialsMax: 1 })
    const first = code(dialer.connect(target(1)))
    const second = dialer.connect(target(2))
    await clock.advance(4_999)
    expect(started).toHaveLength(1)
    await clock.advance(1)
    expect(await first).toBe('ERR_DIAL_TIMEOUT')
    expect(started[0]!.signal.aborted).toBe(true)
    started[1]!.succeed(linkTo(2))
    await second
  })

  it("a caller's own time includes the queue; others who wait go on", async () => {
    const { clock, dialer, started } = make({ dialsMax: 1 })
    const running = dialer.connect(target(1), { timeoutMs: Infinity })
    const hasty = code(dialer.connect(target(2), { timeoutMs: 100 }))
    const patient = dialer.connect(target(2))
    await clock.advance(100)
    expect(await hasty).toBe('ERR_DIAL_TIMEOUT')
    started[0]!.succeed(linkTo(1))
    started[1]!.succeed(linkTo(2))
    await Promise.all([running, patient])
  })

  it('an attempt that nobody waits for any more is aborted', async () => {
    const { dialer, started } = make()
    const controller = new AbortController()
    const given = code(dialer.connect(target(1), { signal: controller.signal }))
    controller.abort('changed my mind')
    expect(await given).toBe('ERR_DIAL_ABORTED')
    expect(started[0]!.signal.aborted).toBe(true)
    expect(dialer.size).toBe(0)
    expect(await code(dialer.connect(target(1), { signal: controller.signal }))).toBe(
      'ERR_DIAL_ABORTED',
    )
  })

  it('NX-D4 an attempt that lost a race waits for the other link, without holding a turn', async () => {
    const { dialer, pool, started } = make({ dialsMax: 1 })
    const first = dialer.connect(target(1))
    const second = dialer.connect(target(2))
    started[0]!.supersede(keyOf(1))
    expect(started).toHaveLength(2)
    started[0]!.processGone()
    const link = linkTo(1)
    pool.up(link)
    expect(await first).toBe(link)
    started[1]!.succeed(linkTo(2))
    await second
  })

  it('an attempt that lost a race whose winner never came ends at its deadline', async () => {
    const { clock, dialer, started } = make()
    const lost = code(dialer.connect(target(1)))
    started[0]!.supersede(keyOf(1))
    await clock.advance(5_000)
    expect(await lost).toBe('ERR_DIAL_TIMEOUT')
    expect(dialer.size).toBe(0)
  })

  it('an attempt whose process dies fails at once', async () => {
    const { dialer, started } = make()
    const failed = code(dialer.connect(target(1)))
    started[0]!.processGone()
    expect(await failed).toBe('ERR_LINK_CLOSED')
  })

  it('a link that comes up by itself ends the attempts for that node', async () => {
    const { dialer, pool, started } = make()
    const waiting = dialer.connect({ ...target(7), key: keyOf(7) })
    const link = linkTo(7)
    pool.up(link)
    expect(await waiting).toBe(link)
    expect(started[0]!.signal.aborted).toBe(true)
  })

  it('reset fails everything that runs or waits', async () => {
    const { clock, dialer } = make({ dialsMax: 1 })
    const codes = [1, 2].map((n) => code(dialer.connect(target(n))))
    dialer.reset(new LinkError('ERR_DIAL_ABORTED', 'stop'))
    expect(await Promise.all(codes)).toEqual(['ERR_DIAL_ABORTED', 'ERR_DIAL_ABORTED'])
    expect(dialer.size).toBe(0)
    expect(clock.timerCount).toBe(0)
  })
})
