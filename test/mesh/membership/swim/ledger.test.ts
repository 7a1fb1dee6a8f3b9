import { describe, expect, it } from 'vitest'
import type { Update } from '../../../../mesh/membership/swim/message.ts'
import { COUNTER_CEILING } from '../../../../mesh/membership/swim/statement.ts'
import { Bench, EMPTY, only, refusals, statementOf } from './fake-world.ts'

/** 10^5 in `npm run test:soak`. */
const COMINGS = Number(process.env['FOVEA_LEAK_CYCLES'] ?? 100_000) / 10

const alive = (id: string, fields: Parameters<typeof statementOf>[1] = {}): Update => ({
  type: 'statement',
  statement: statementOf(id, fields),
})

const accuse = (type: 'suspect' | 'dead', id: string, counter = 0, accuser = 'b'): Update => ({
  type,
  id,
  generation: 1,
  counter,
  accuser,
})

function bench(): Bench {
  const made = new Bench('z')
  made.meet('a', 'b', 'c')
  return made
}

describe('what others say', () => {
  it('S43 a statement whose proof is not its subject’s changes nothing and is counted', () => {
    const z = bench()
    const forged = { ...statementOf('a', { left: true, counter: 9 }), proof: 'mine' }
    const effects = z.gossip('b', { type: 'statement', statement: forged })
    expect(refusals(effects)).toEqual(['ERR_SWIM_SIGNATURE'])
    expect(z.statusOf('a')).toBe('alive')
  })

  it('S43 case 19, al8n #158: Left is believed from its owner only', () => {
    const z = bench()
    const genuine = statementOf('a', { counter: 1 })
    const turned = { ...genuine, left: true }
    expect(refusals(z.gossip('b', { type: 'statement', statement: turned }))).toEqual([
      'ERR_SWIM_SIGNATURE',
    ])
    expect(z.core.member('a')).toMatchObject({ status: 'alive', counter: 0 })
  })

  it('S43 what is replayed is old, and old news change nothing', () => {
    const z = bench()
    z.gossip('b', alive('a', { counter: 3 }))
    const before = z.core.members()
    const effects = z.gossip('b', alive('a'), accuse('dead', 'a'), alive('a', { left: true }))
    expect(only(effects, 'event')).toEqual([])
    expect(z.core.members()).toEqual(before)
  })

  it('S7 S13 an accusation of an incarnation that nobody issued is refused', () => {
    const z = bench()
    const effects = z.gossip('b', accuse('dead', 'a', 1), accuse('suspect', 'a', 7))
    expect(refusals(effects)).toEqual(['ERR_SWIM_ACCUSATION_AHEAD', 'ERR_SWIM_ACCUSATION_AHEAD'])
    expect(z.core.member('a')).toMatchObject({ status: 'alive', counter: 0 })
  })

  it('S13 case 2, memberlist #358: an accusation at the ceiling evicts nobody', () => {
    const z = bench()
    const effects = z.gossip('b', accuse('dead', 'a', COUNTER_CEILING))
    expect(refusals(effects)).toEqual(['ERR_SWIM_COUNTER_CEILING'])
    expect(z.statusOf('a')).toBe('alive')
    const beyond = z.gossip('b', alive('a', { counter: COUNTER_CEILING }))
    expect(refusals(beyond)).toEqual(['ERR_SWIM_COUNTER_CEILING'])
    z.gossip('b', alive('a', { counter: COUNTER_CEILING - 1 }))
    expect(z.core.member('a')?.counter).toBe(COUNTER_CEILING - 1)
  })

  it('S8 case 14, piko #314: an accusation of a stranger makes no ghost', () => {
    const z = bench()
    const effects = z.gossip('b', accuse('dead', 'q'), alive('r', { left: true }))
    expect(refusals(effects)).toEqual(['ERR_SWIM_ACCUSATION_UNKNOWN'])
    expect(z.core.members()).toHaveLength(4)
  })

  it('S8 S9 nothing but its own newer word brings a dead member back', () => {
    const z = bench()
    z.gossip('b', accuse('dead', 'a'))
    z.gossip('c', alive('a'), accuse('suspect', 'a'))
    expect(z.statusOf('a')).toBe('dead')
    const effects = z.gossip('c', alive('a', { counter: 1 }))
    expect(only(effects, 'event').map(({ event }) => event.type)).toEqual(['up'])
  })

  it('S14 tells who brought the news and who accused', () => {
    const z = bench()
    const [effect] = only(z.gossip('b', accuse('suspect', 'a', 0, 'c')), 'event')
    expect(effect?.event).toMatchObject({ type: 'suspect', from: 'b', accuser: 'c' })
    expect(z.core.member('a')?.accuser).toBe('c')
  })

  it('S12 case 18, tarantool #4280: metadata come with the incarnation, and once', () => {
    const z = bench()
    const meta = new Uint8Array([1, 2])
    const first = only(z.gossip('b', alive('a', { counter: 1, meta })), 'event')
    const again = only(z.gossip('c', alive('a', { counter: 1, meta })), 'event')
    expect(first.map(({ event }) => event.type)).toEqual(['update'])
    expect(again).toEqual([])
    expect(z.core.member('a')?.meta).toEqual(meta)
  })

  it('S12 two contents at one incarnation are a conflict, and all end with the same one', () => {
    const one = alive('a', { counter: 1, port: 1 })
    const other = alive('a', { counter: 1, port: 2 })
    const left = bench()
    const right = bench()
    const seen = [
      ...only(left.gossip('b', one, other), 'event'),
      ...only(right.gossip('b', other, one), 'event'),
    ]
    expect(left.core.member('a')?.port).toBe(right.core.member('a')?.port)
    expect(seen.filter(({ event }) => event.type === 'conflict')).toHaveLength(1)
  })

  it('S15 S16 case 6, memberlist PR #82: a stale alive does not end a suspicion', () => {
    const z = bench()
    z.gossip('b', alive('a', { counter: 2 }), accuse('suspect', 'a', 2))
    z.gossip('c', alive('a', { counter: 1 }), alive('a', { counter: 2 }))
    expect(z.statusOf('a')).toBe('suspect')
  })

  it('S16 a suspicion of a newer incarnation begins anew', () => {
    const z = bench()
    z.gossip('b', accuse('suspect', 'a'))
    z.nowMs = 3_000
    z.gossip('b', alive('a', { counter: 1 }), accuse('suspect', 'a', 1))
    const [end] = z.core.snapshot().context.suspicions.ends
    expect(end?.[1]).toBeGreaterThanOrEqual(7_000)
    expect(z.core.member('a')).toMatchObject({ status: 'suspect', sinceMs: 3_000 })
  })

  it('MG20 S15 the timer of a refuted suspicion does nothing, however late', () => {
    const z = bench()
    z.gossip('b', accuse('suspect', 'a'))
    z.gossip('c', alive('a', { counter: 1 }))
    z.step({ type: 'tick' }, 60_000)
    expect(z.statusOf('a')).toBe('alive')
  })

  it('S18 a witness that nobody knows confirms nothing', () => {
    const z = new Bench('z')
    z.meet('a', 'b', 'c', 'd', 'e', 'f')
    z.gossip('b', accuse('suspect', 'a', 0, 'b'))
    const endOf = () => z.core.snapshot().context.suspicions.ends[0]?.[1]
    const before = endOf()
    z.gossip('b', accuse('suspect', 'a', 0, 'invented'), accuse('suspect', 'a', 0, 'b'))
    expect(endOf()).toBe(before)
    z.gossip('c', accuse('suspect', 'a', 0, 'c'))
    expect(endOf()).toBeLessThan(before ?? 0)
  })
})

describe('limits', () => {
  it('S43 metadata at the limit are taken, one byte more is refused', () => {
    const z = new Bench('z', { settings: { metaBytesMax: 4 } })
    z.gossip('a', alive('a', { meta: new Uint8Array(4) }))
    expect(z.statusOf('a')).toBe('alive')
    const effects = z.gossip('b', alive('b', { meta: new Uint8Array(5) }))
    expect(refusals(effects)).toContain('ERR_SWIM_META_BYTES_MAX')
    expect(z.statusOf('b')).toBeUndefined()
  })

  it('S44 at the limit of members the oldest tombstone gives way, a living member never', () => {
    const z = new Bench('z', { settings: { membersMax: 4 } })
    z.meet('a', 'b', 'c')
    expect(refusals(z.gossip('a', alive('d')))).toEqual(['ERR_SWIM_MEMBERS_MAX'])
    z.gossip('c', accuse('dead', 'a'))
    z.nowMs = 10
    z.gossip('c', accuse('dead', 'b', 0, 'c'))
    const events = only(z.gossip('c', alive('d')), 'event').map(
      ({ event }) => `${event.type} ${event.member.id}`,
    )
    expect(events).toEqual(['forgotten a', 'up d'])
    expect(z.statusOf('b')).toBe('dead')
  })

  it('S44 case 3, memberlist #253 #217: who left is forgotten, and may come back', () => {
    const z = new Bench('z', { settings: { tombstoneMs: 1_000 } })
    z.meet('a', 'b')
    z.gossip('b', alive('a', { counter: 1, left: true }))
    expect(z.statusOf('a')).toBe('left')
    z.gossip('b', alive('a', { generation: 2 }))
    expect(z.statusOf('a')).toBe('alive')
    z.gossip('b', alive('a', { generation: 2, counter: 1, left: true }))
    const forgotten = z
      .run(1_500)
      .filter(({ effect }) => effect.type === 'event' && effect.event.type === 'forgotten')
    expect(forgotten.map(({ atMs }) => atMs)).toEqual([1_000])
    expect(z.statusOf('a')).toBeUndefined()
  })

  it(`S44 ${COMINGS} members that come and go leave everything at its size`, () => {
    const z = new Bench('z', {
      settings: { tombstoneMs: 100, checksPerSecondMax: 1e9, probeIntervalMs: 1e9 },
    })
    z.meet('keeper')
    const size = () => JSON.stringify(z.core.snapshot().context).length
    z.run(500)
    const before = size()
    for (let i = 0; i < COMINGS; i++) {
      z.gossip('keeper', alive(`m${i}`))
      z.gossip('keeper', alive(`m${i}`, { counter: 1, left: true }))
      if (i % 50 === 49) z.run(z.nowMs + 200)
    }
    z.run(z.nowMs + 5_000)
    expect(z.core.members().map(({ id }) => id)).toEqual(['z', 'keeper'])
    // Free slots remain, as many as members were known at once.
    expect(size()).toBeLessThan(before + 1_000)
    expect(z.core.snapshot().healer.dead).toEqual([])
  })

  it('S37 who was held dead and then says goodbye is not looked for any more', () => {
    const z = bench()
    z.gossip('b', accuse('dead', 'a'))
    expect(z.core.snapshot().healer.dead.map(({ id }) => id)).toEqual(['a'])
    z.gossip('b', alive('a', { counter: 1, left: true }))
    expect(z.statusOf('a')).toBe('left')
    expect(z.core.snapshot().healer.dead).toEqual([])
  })

  it('S43 a peer makes us check so many signatures a second, not more', () => {
    const z = new Bench('z', { settings: { checksPerSecondMax: 3 } })
    const many = Array.from({ length: 5 }, (_, index) => alive(`m${index}`))
    const effects = z.gossip('b', ...many)
    expect(refusals(effects).filter((code) => code === 'ERR_SWIM_CHECKS_MAX')).toHaveLength(2)
    expect(z.core.members()).toHaveLength(4)
    expect(refusals(z.gossip('m0', alive('m4')))).toEqual([])
    z.nowMs = 1_000
    expect(refusals(z.gossip('m1', alive('m3')))).toEqual([])
  })

  it('S43 10^5 fake members change nothing and cost a bounded number of checks', () => {
    let checks = 0
    const z = new Bench('z', {
      authority: {
        sign: (fields) => ({ ...fields, proof: '' }),
        check: ({ proof }) => {
          checks += 1
          return proof === '' ? undefined : 'ERR_SWIM_SIGNATURE'
        },
      },
    })
    const fake = { ...statementOf('fake'), meta: EMPTY, proof: 'none' }
    for (let i = 0; i < 100_000; i++) {
      z.gossip('b', { type: 'statement', statement: { ...fake, id: `fake${i}` } })
    }
    expect(checks).toBe(2_048)
    expect(z.core.members()).toHaveLength(1)
  })
})
