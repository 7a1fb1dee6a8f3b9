import { describe, expect, it } from 'vitest'
import { IdleLinks } from '../../../mesh/link/idle-links.ts'
import type { IdleLinksOptions } from '../../../mesh/link/idle-links.ts'
import { isSoon, NO_USE } from '../../../mesh/link/expected-use.ts'
import { LinkUse } from '../../../mesh/link/link-use.ts'

class Subject {
  readonly name: string
  readonly initiator: boolean
  isParting = false
  readonly use: LinkUse = new LinkUse()
  constructor(name: string, initiator = true) {
    this.name = name
    this.initiator = initiator
  }
}

/** Links `a`, `b`, ... and a sweep that gives the names of those to close. */
function scene(
  names: string,
  options: Partial<IdleLinksOptions> = {},
  kept = '',
  waitsMs: Readonly<Record<string, number>> = {},
) {
  const links = new Map(names.split('').map((name) => [name, new Subject(name)]))
  const idle = new IdleLinks<Subject>(
    { linkIdleMs: 60_000, linkIdleMinMs: 5_000, linksIdleMax: 32, ...options },
    ({ name }) => kept.includes(name),
    ({ name }) => ({ ...NO_USE, waitMs: waitsMs[name] ?? Infinity }),
  )
  const sweep = (nowMs: number) =>
    idle
      .sweep(links.values(), nowMs)
      .map(({ name }) => name)
      .join('')
  const use = (name: string) => links.get(name)!.use
  return { links, sweep, use }
}

describe('IdleLinks', () => {
  it('a link is closed at linkIdleMs after its last use, not before', () => {
    const { sweep, use } = scene('ab')
    expect(sweep(0)).toBe('')
    use('a').mark()
    expect(sweep(1_000)).toBe('')
    expect(sweep(59_999)).toBe('')
    expect(sweep(60_000)).toBe('b')
    expect(sweep(60_999)).toBe('b')
    expect(sweep(61_000)).toBe('ab')
  })

  it('a link whose peer is asked already is not asked about again', () => {
    const { links, sweep } = scene('ab', { linksIdleMax: 1 })
    sweep(0)
    links.get('a')!.isParting = true
    expect(sweep(10_000)).toBe('')
    expect(sweep(100_000)).toBe('b')
  })

  it('the side that was dialled closes nothing', () => {
    const { links, sweep } = scene('a')
    links.set('b', new Subject('b', false))
    sweep(0)
    expect(sweep(100_000)).toBe('a')
  })

  it('linksIdleMax links may rest; of one more the least recently used is closed', () => {
    const { links, sweep, use } = scene('abc', { linksIdleMax: 3 })
    sweep(0)
    for (const [at, name] of ['b', 'c', 'a'].entries()) {
      use(name).mark()
      expect(sweep((at + 1) * 1_000)).toBe('')
    }
    expect(sweep(10_000)).toBe('')
    links.set('d', new Subject('d'))
    expect(sweep(10_000)).toBe('b')
    links.set('e', new Subject('e'))
    expect(sweep(10_000)).toBe('bc')
  })

  it('of more than linksIdleMax those are closed that will be needed last', () => {
    const waitsMs = { a: 20_000, b: 30_000, c: 10_000 }
    const { links, sweep, use } = scene('abcd', { linksIdleMax: 2 }, '', waitsMs)
    sweep(0)
    use('d').mark()
    sweep(1_000)
    // Nobody will speak on `d`, however late it was used.
    expect(sweep(6_000)).toBe('db')
    use('b').markWork()
    links.delete('d')
    sweep(7_000)
    // What works is expected after as long as it has not.
    expect(sweep(7_000 + 19_999)).toBe('a')
    expect(sweep(7_000 + 20_001)).toBe('b')
  })

  it('a link that the peer needs is asked about again when it was used, or has rested for linkIdleMs', () => {
    const { sweep, use } = scene('ab', { linksIdleMax: 0 })
    sweep(0)
    use('a').needed()
    expect(sweep(1_000)).toBe('')
    expect(sweep(10_000)).toBe('b')
    use('a').mark()
    sweep(11_000)
    expect(sweep(16_000)).toBe('ba')
    use('a').needed()
    sweep(17_000)
    expect([sweep(76_999), sweep(77_000)]).toEqual(['b', 'ab'])
  })

  it('soon is within linkIdleMs, and within two turns per link that may rest', () => {
    const dials = { linkIdleMs: 60_000, linksIdleMax: 4 }
    const is = (turns: number, waitMs: number) => isSoon({ turns, waitMs }, dials)
    expect([is(7, 59_999), is(8, 59_999), is(7, 60_000)]).toEqual([true, false, false])
    expect(isSoon(NO_USE, dials)).toBe(false)
  })

  it('above linksIdleMax a link is closed when unused for linkIdleMinMs, not before', () => {
    const { sweep, use } = scene('ab', { linksIdleMax: 0 })
    sweep(0)
    use('a').mark()
    sweep(100)
    expect(sweep(4_999)).toBe('')
    expect(sweep(5_000)).toBe('b')
    expect(sweep(5_100)).toBe('ba')
  })

  it('links that rested for linkIdleMs make room first', () => {
    const { sweep, use } = scene('abc', { linksIdleMax: 2 })
    sweep(0)
    use('b').mark()
    use('c').mark()
    sweep(1_000)
    expect(sweep(60_000)).toBe('a')
  })

  it('a held or vetoed link stays, is not counted, and rests from its release on', () => {
    const { sweep, use } = scene('abcd', { linksIdleMax: 1 }, 'd')
    const release = use('a').hold()
    const second = use('a').hold()
    sweep(0)
    use('c').mark()
    sweep(500)
    expect(sweep(10_000)).toBe('b')
    release()
    release()
    expect(sweep(100_000)).toBe('bc')
    second()
    expect(sweep(100_001)).not.toContain('a')
    expect(sweep(159_999)).not.toContain('a')
    expect(sweep(160_000)).toContain('a')
    expect(sweep(999_999)).not.toContain('d')
  })

  it('a link that it sees for the first time was used just now', () => {
    const { sweep } = scene('a')
    expect(sweep(1_000_000)).toBe('')
    expect(sweep(1_059_999)).toBe('')
    expect(sweep(1_060_000)).toBe('a')
  })
})
