import { describe, expect, it } from 'vitest'
import { nodeKeyFromBytes } from '../../../mesh/identity/node-key.ts'
import { LinkError } from '../../../mesh/link/errors.ts'
import type { Link } from '../../../mesh/link/link.ts'
import { dialShares } from '../../../mesh/exchange/dial-shares.ts'
import { OnDemand, WAITING_MAX } from '../../../mesh/exchange/on-demand.ts'
import { Refusals } from '../../../mesh/refusals.ts'
import { createSimClock, silentLogger } from '../../../runtime/index.ts'

const key = (n: number) => nodeKeyFromBytes(new Uint8Array(32).fill(n))
const contact = (n: number) => ({ id: key(n).hex, host: `10.0.0.${n}`, port: 4433 })
const linkOf = (n: number) => ({ peer: { key: key(n) }, state: 'established' }) as unknown as Link

/** A dialler whose dials end when the test says so. */
function make(dialsMax = 2, queueMax = 0, deadMs = 0) {
  const links = new Map<string, Link>()
  const dials: {
    readonly to: string
    readonly signal: AbortSignal
    readonly timeoutMs: number
    readonly up: (link: Link) => void
    readonly down: (error: unknown) => void
  }[] = []
  const clock = createSimClock()
  const refusals = new Refusals(clock, silentLogger)
  const pool = { accepting: true, usable: (hex: string) => links.get(hex) }
  const dialer = {
    connect: (
      to: { readonly host: string; readonly key?: { readonly hex: string } },
      { signal, timeoutMs }: { readonly signal: AbortSignal; readonly timeoutMs: number },
    ) =>
      new Promise<Link>((up, down) => {
        dials.push({ to: `${to.host} ${to.key?.hex.slice(0, 2)}`, signal, timeoutMs, up, down })
        signal.addEventListener('abort', () => down(signal.reason))
      }),
  }
  const onDemand = new OnDemand({
    ...{ refusals, clock, dialsMax, queueMax, deadMs, dialTimeoutMs: 2_000 },
    waitingMax: WAITING_MAX,
    codes: { dialsMax: 'ERR_MEMBERS_DIALS_MAX', backlog: 'ERR_MEMBERS_BACKLOG' },
    pool: pool as never,
    dialer: dialer as never,
  })
  const said: string[] = []
  const ask = (n: number, what: string, id = true) =>
    onDemand.whenLinked(
      id ? contact(n) : { ...contact(n), id: undefined },
      (link) => void said.push(`${what} to ${link.peer.key.hex.slice(0, 2)}`),
      () => void said.push(`${what} lost`),
    )
  const settle = () => clock.settle()
  return { onDemand, links, dials, pool, refusals, said, ask, settle, clock }
}

describe('OnDemand', () => {
  it('uses the link that exists', () => {
    const { ask, said, links, dials } = make()
    links.set(key(1).hex, linkOf(1))
    ask(1, 'ping')
    expect([said, dials]).toEqual([['ping to 01'], []])
  })

  it('does not dial where there is no address: the node is known by its messages only', () => {
    const { onDemand, said, dials } = make()
    const nowhere = { id: key(1).hex, host: '', port: 0 }
    onDemand.whenLinked(
      nowhere,
      () => void said.push('linked'),
      () => void said.push('lost'),
    )
    expect([said, dials, onDemand.stats().lost]).toEqual([['lost'], [], 1])
  })

  it('dials once for all that waits, with the key that is expected, and says it in order', async () => {
    const { ask, said, dials, settle, onDemand } = make()
    ask(1, 'ping')
    ask(1, 'sync')
    expect(dials.map(({ to, timeoutMs }) => [to, timeoutMs])).toEqual([['10.0.0.1 01', 2_000]])
    dials[0]!.up(linkOf(1))
    await settle()
    expect(said).toEqual(['ping to 01', 'sync to 01'])
    expect(onDemand.size).toBe(0)
    expect(onDemand.stats()).toEqual({ dials: 1, dialsFailed: 0, lost: 0 })
  })

  it('dials an address whose node is not known without a key', async () => {
    const { ask, said, dials, settle } = make()
    ask(1, 'join', false)
    expect(dials[0]!.to).toBe('10.0.0.1 undefined')
    dials[0]!.up(linkOf(7))
    await settle()
    expect(said).toEqual(['join to 07'])
  })

  it('a failed dial loses what waited, and is counted under its own code', async () => {
    const { ask, said, dials, settle, refusals, onDemand } = make()
    ask(1, 'ping')
    ask(1, 'gossip')
    dials[0]!.down(new LinkError('ERR_DIAL_TIMEOUT', 'nobody there'))
    await settle()
    expect(said).toEqual(['ping lost', 'gossip lost'])
    expect(refusals.counters()).toEqual({ ERR_DIAL_TIMEOUT: 1 })
    expect(onDemand.stats()).toEqual({ dials: 1, dialsFailed: 1, lost: 2 })
    ask(1, 'ping')
    expect(dials).toHaveLength(2)
  })

  it('H37 takes its share of dials and not one more', () => {
    const { ask, said, dials, refusals } = make(dialShares(8).detector)
    for (const n of [1, 2, 3]) ask(n, 'ping')
    expect(dials).toHaveLength(2)
    expect(said).toEqual(['ping lost'])
    expect(refusals.counters()).toEqual({ ERR_MEMBERS_DIALS_MAX: 1 })
  })

  it('lets WAITING_MAX things wait for a node and loses the next', () => {
    const { ask, said, refusals } = make()
    for (let i = 0; i < WAITING_MAX; i++) ask(1, 'ping')
    expect(said).toEqual([])
    ask(1, 'last')
    expect(said).toEqual(['last lost'])
    expect(refusals.counters()).toEqual({ ERR_MEMBERS_BACKLOG: 1 })
  })

  it('says nothing and keeps nothing after it is closed', async () => {
    const { ask, said, dials, settle, onDemand, refusals } = make()
    ask(1, 'ping')
    onDemand.close()
    expect(dials[0]!.signal.aborted).toBe(true)
    await settle()
    expect([said, onDemand.size, refusals.counters()]).toEqual([[], 0, {}])
  })

  it('dials nobody when the mesh stops', () => {
    const { ask, said, dials, pool, refusals } = make()
    pool.accepting = false
    ask(1, 'ping')
    expect([said, dials, refusals.counters()]).toEqual([['ping lost'], [], {}])
  })

  it('lets targets wait for their turn when it may, in order, and loses one more than that', async () => {
    const { ask, said, dials, settle } = make(1, 2)
    for (const n of [1, 2, 3, 4]) ask(n, 'find')
    expect(dials.map(({ to }) => to)).toEqual(['10.0.0.1 01'])
    expect(said).toEqual(['find lost'])
    dials[0]!.up(linkOf(1))
    await settle()
    dials[1]!.down(new LinkError('ERR_LINK_CLOSED', 'refused'))
    await settle()
    expect(dials.map(({ to }) => to)).toEqual(['10.0.0.1 01', '10.0.0.2 02', '10.0.0.3 03'])
    expect(said).toEqual(['find lost', 'find to 01', 'find lost'])
  })

  it('gives up a turn for which nobody waits any more, but no dial that runs', async () => {
    const { onDemand, ask, said, dials, settle } = make(1, 4)
    const wait = (n: number) =>
      onDemand.whenLinked(
        contact(n),
        () => void said.push('linked'),
        () => void said.push('lost'),
      )
    const [first, second] = [wait(1), wait(2)]
    ask(3, 'find')
    first()
    second()
    expect(dials[0]!.signal.aborted).toBe(false)
    dials[0]!.up(linkOf(1))
    await settle()
    expect(dials.map(({ to }) => to)).toEqual(['10.0.0.1 01', '10.0.0.3 03'])
    expect(said).toEqual([])
  })

  it('ML13 leaves a target alone for a while after a dial that took its whole time', async () => {
    const { ask, said, dials, settle, clock, links } = make(2, 4, 3_000)
    ask(1, 'find')
    await clock.advance(2_000)
    dials[0]!.down(new LinkError('ERR_DIAL_TIMEOUT', 'nobody there'))
    await settle()
    await clock.advance(2_999)
    ask(1, 'find')
    expect([said, dials.length]).toEqual([['find lost', 'find lost'], 1])
    links.set(key(1).hex, linkOf(1))
    ask(1, 'find')
    links.clear()
    await clock.advance(1)
    ask(1, 'find')
    expect([said.at(-1), dials.length]).toEqual(['find to 01', 2])
  })

  it('dials again at once what refused at once', async () => {
    const { ask, dials, settle } = make(2, 4, 3_000)
    ask(1, 'find')
    dials[0]!.down(new LinkError('ERR_LINK_CLOSED', 'refused'))
    await settle()
    ask(1, 'find')
    expect(dials).toHaveLength(2)
  })
})

describe('dialShares', () => {
  it('H37 leaves an eighth of the dials to nobody in particular, from 16 on, and gives each user one at least', () => {
    for (const dialsMax of [1, 2, 8, 16, 32, 1_000]) {
      const shares = Object.values(dialShares(dialsMax)) as readonly number[]
      expect(Math.min(...shares)).toBeGreaterThanOrEqual(1)
      const sum = shares.reduce((all, share) => all + share, 0)
      if (dialsMax >= 16) expect(sum).toBeLessThanOrEqual(dialsMax * 0.875)
    }
    expect(dialShares(32)).toEqual({
      ...{ detector: 8, routing: 10, records: 4, envelopes: 2, courier: 2, catalog: 2 },
    })
  })
})
