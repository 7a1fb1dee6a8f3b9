import { describe, expect, it } from 'vitest'
import { nodeKeyFromBytes } from '../../../mesh/identity/node-key.ts'
import { LinkError } from '../../../mesh/link/errors.ts'
import type { Link } from '../../../mesh/link/link.ts'
import { detectorDialsMax, OnDemand, WAITING_MAX } from '../../../mesh/membership/on-demand.ts'
import { Refusals } from '../../../mesh/refusals.ts'
import { createSimClock, silentLogger } from '../../../runtime/index.ts'

const key = (n: number) => nodeKeyFromBytes(new Uint8Array(32).fill(n))
const contact = (n: number) => ({ id: key(n).hex, host: `10.0.0.${n}`, port: 4433 })
const linkOf = (n: number) => ({ peer: { key: key(n) }, state: 'established' }) as unknown as Link

/** A dialler whose dials end when the test says so. */
function make(dialsMax = 2) {
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
  const pool = { accepting: true, link: (hex: string) => links.get(hex) }
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
    ...{ refusals, dialsMax, dialTimeoutMs: 2_000 },
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
  return { onDemand, links, dials, pool, refusals, said, ask, settle }
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
    const { ask, said, dials, refusals } = make(detectorDialsMax(5))
    for (const n of [1, 2, 3]) ask(n, 'ping')
    expect(dials).toHaveLength(2)
    expect(said).toEqual(['ping lost'])
    expect(refusals.counters()).toEqual({ ERR_MEMBERS_DIALS_MAX: 1 })
    expect([1, 2, 16].map(detectorDialsMax)).toEqual([1, 1, 8])
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
})
