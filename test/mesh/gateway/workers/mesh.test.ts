import { describe, expect, it } from 'vitest'
import { MeshLinks } from '../../../../mesh/gateway/workers/mesh.ts'
import type { Link, LinkState } from '../../../../mesh/link/link.ts'
import { createSimClock } from '../../../../runtime/index.ts'

interface FakeLink {
  readonly link: Link
  held: number
}

function fakeLink(hex: string, state: LinkState = 'established'): FakeLink {
  const fake: FakeLink = {
    held: 0,
    link: {
      peer: { key: { hex } },
      state,
      hold: () => {
        fake.held += 1
        return () => void (fake.held -= 1)
      },
    } as unknown as Link,
  }
  return fake
}

describe('links with members that clients use', () => {
  it('are held, as many as there may be; the least recently used one is let go', () => {
    const links = new MeshLinks({ meshLinksMax: 2, meshLinkIdleMs: 1_000 }, createSimClock())
    const [a, b, c] = [fakeLink('a'), fakeLink('b'), fakeLink('c')]
    links.used(a.link)
    links.used(b.link)
    links.used(a.link)
    expect([a.held, b.held, links.size]).toEqual([1, 1, 2])
    links.used(c.link)
    expect([a.held, b.held, c.held, links.size]).toEqual([1, 0, 1, 2])
  })

  it('are let go when no client used them for long', async () => {
    const clock = createSimClock()
    const links = new MeshLinks({ meshLinksMax: 10, meshLinkIdleMs: 1_000 }, clock)
    const [a, b] = [fakeLink('a'), fakeLink('b')]
    links.used(a.link)
    await clock.advance(999)
    links.used(b.link)
    links.sweep()
    expect(links.size).toBe(2)
    await clock.advance(1)
    links.sweep()
    expect([a.held, b.held]).toEqual([0, 1])
  })

  it('go when they are down, and a new one of that node takes the place of the old', () => {
    const links = new MeshLinks({ meshLinksMax: 10, meshLinkIdleMs: 1_000 }, createSimClock())
    const [old, young] = [fakeLink('a'), fakeLink('a')]
    links.used(old.link)
    links.used(young.link)
    expect([old.held, young.held]).toEqual([0, 1])
    links.linkEvent({ type: 'down', link: old.link, reason: 'idle' })
    expect(links.has('a')).toBe(true)
    links.linkEvent({ type: 'down', link: young.link, reason: 'idle' })
    expect([young.held, links.size]).toEqual([0, 0])
    links.used(fakeLink('b', 'closing').link)
    expect(links.size).toBe(0)
  })

  it('are all let go in the end', () => {
    const links = new MeshLinks({ meshLinksMax: 10, meshLinkIdleMs: 1_000 }, createSimClock())
    const fakes = ['a', 'b', 'c'].map((hex) => fakeLink(hex))
    for (const { link } of fakes) links.used(link)
    links.close()
    expect(fakes.map(({ held }) => held)).toEqual([0, 0, 0])
  })
})
