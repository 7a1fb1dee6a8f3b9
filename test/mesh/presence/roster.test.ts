/** What members say of the spaces they are in: what is written, how much, how often, and what of others is believed. */
import { describe, expect, it } from 'vitest'
import { Roster, ROSTER_BITS } from '../../../mesh/presence/roster.ts'
import { createSimClock } from '../../../runtime/index.ts'
import { Rosters } from './rosters.ts'

const { tracks, watches, said } = ROSTER_BITS

function make(bytesMax = 400) {
  const clock = createSimClock()
  const net = new Rosters(clock)
  net.bytesMax = bytesMax
  const refused: string[] = []
  const moved: string[] = []
  const roster = new Roster({
    port: net.port('self'),
    now: () => clock.now(),
    fits: (topic, does) => moved.push(`${does ? '+' : '-'}${topic}`),
    refuse: (code) => refused.push(code),
  })
  const changed: string[] = []
  const stop = roster.listen((topic, node) => changed.push(`${node} ${topic}`))
  return { clock, net, roster, refused, moved, changed, stop }
}

describe('a roster', () => {
  it('writes a word per topic, in the order in which they came, and takes back what is over', () => {
    const { net, roster } = make()
    roster.set('$names', tracks | watches)
    roster.set('$group.pg', tracks | watches | said)
    roster.tick(0)
    expect(net.textOf('self')).toBe('3$names 7$group.pg')
    roster.set('$names', tracks | watches | said)
    roster.tick(0)
    expect(net.textOf('self')).toBe('7$names 7$group.pg')
    roster.set('$names', 0)
    roster.set('$group.pg', 0)
    roster.tick(0)
    expect(net.textOf('self')).toBeUndefined()
  })

  it('fills the room in a statement to the last byte, and no more; 256 bytes are the most', () => {
    for (const [bytesMax, fits] of [
      [300, 256],
      [100, 100],
    ] as const) {
      const { net, roster, moved } = make(bytesMax)
      const name = (bytes: number): string => `$${'x'.repeat(bytes - 2)}`
      expect(roster.set('$a', 3)).toBe(true)
      // The first word has 3 bytes, a second one a space before it.
      expect(roster.set(name(fits - 4 + 1), 3)).toBe(false)
      expect(roster.set(name(fits - 4), 3)).toBe(true)
      roster.tick(0)
      expect(net.textOf('self')).toHaveLength(fits)
      expect(roster.set('$b', 3)).toBe(false)
      expect(roster.says('$b')).toBe(false)
      expect(moved).toEqual(['+$a', `+${name(fits - 4)}`])
      net.resize(3)
      expect(moved.at(-1)).toBe(`-${name(fits - 4)}`)
      expect(net.textOf('self')).toBe('3$a')
    }
  })

  it('says eight changes at once, and then one each second', () => {
    const { clock, net, roster } = make()
    const before = net.made
    for (let i = 0; i < 8; i++) {
      roster.set('$names', 1 + (i % 2))
      expect(roster.nextDueMs).toBeLessThanOrEqual(clock.now())
      roster.tick(clock.now())
    }
    expect(net.made - before).toBe(8)
    roster.set('$names', 3)
    expect(roster.nextDueMs).toBe(clock.now() + 1_000)
    roster.tick(clock.now() + 999)
    expect(net.made - before).toBe(8)
    roster.tick(clock.now() + 1_000)
    expect(net.textOf('self')).toBe('3$names')
  })

  it('knows who is where while they are there, and tells which topics may have changed', async () => {
    const { clock, net, roster, changed } = make()
    const other = net.port('b')
    other.say(() => '3$names 5$group.pg')
    await clock.advance(5)
    expect(changed).toEqual(['b $names', 'b $group.pg'])
    expect([...roster.nodes('$names', 'watches')]).toEqual(['b'])
    expect([...roster.nodes('$group.pg', 'watches')]).toEqual([])
    expect([...roster.nodes('$group.pg', 'tracks')]).toEqual(['b'])
    expect(roster.bits('$group.pg', 'b')).toBe(tracks | said)
    other.say(() => '7$names')
    await clock.advance(5)
    expect(changed.slice(2)).toEqual(['b $names', 'b $group.pg'])
    expect([...roster.topicsOf('b')]).toEqual(['$names'])
    net.gone('b')
    await clock.advance(5)
    expect([...roster.nodes('$names', 'tracks')]).toEqual([])
  })

  it('forgets who went while nobody listened', async () => {
    const { clock, net, roster, stop } = make()
    net.port('b').say(() => '3$names')
    await clock.advance(5)
    stop()
    net.gone('b')
    await clock.advance(5)
    expect(roster.bits('$names', 'b')).toBe(3)
    const changed: string[] = []
    roster.listen((topic, node) => changed.push(`${node} ${topic}`))
    expect(changed).toEqual(['b $names'])
    expect(roster.bits('$names', 'b')).toBe(0)
  })

  it.each(['9$names', '3names', '3$', '$names', `3$${'x'.repeat(251)}`, '3$a b', '', '3$ä'])(
    'counts what is no word and takes the rest: %j',
    async (word) => {
      const { clock, net, roster, refused } = make()
      net.port('b')
      net.forge('b', `${word} 3$group.pg`)
      await clock.advance(5)
      expect(refused.length).toBeGreaterThan(0)
      expect(new Set(refused)).toEqual(new Set(['ERR_PRESENCE_ROSTER_INVALID']))
      expect(roster.bits('$group.pg', 'b')).toBe(3)
    },
  )
})
