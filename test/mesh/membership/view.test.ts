import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MembershipLog } from '../../../mesh/membership/event-log.ts'
import type { MemberEvent, MemberState } from '../../../mesh/membership/membership.ts'
import { MembershipView } from '../../../mesh/membership/view.ts'
import { memberOf } from './members.ts'

const make = () => {
  const failures: unknown[] = []
  const rtts = new Map<string, number>()
  const log = new MembershipLog(2)
  const view = new MembershipView({
    log,
    detailsOf: (keyHex) => {
      const rttMs = rtts.get(keyHex)
      return rttMs === undefined ? {} : { rttMs }
    },
    onHandlerError: (error) => failures.push(error),
  })
  const seen: string[] = []
  const off = view.subscribe(({ type, member: m }) => void seen.push(`${type} ${m.nodeId[1]!}`))
  return { view, seen, off, failures, rtts, log }
}

describe('MembershipView', () => {
  it('shows the members as of the last event, with their round trip if it is known', () => {
    const { view, seen, rtts } = make()
    view.put(memberOf(1, 'up'))
    view.put(memberOf(2, 'up'))
    view.put(memberOf(1, 'down'))
    view.forget(memberOf(2, 'down').key.hex)
    expect(view.members().map(({ nodeId, state }) => `${nodeId[1]!} ${state}`)).toEqual(['1 down'])
    expect(seen).toEqual(['up 1', 'up 2', 'down 1', 'down 2', 'forgotten 2'])
    const { hex } = memberOf(1, 'up').key
    expect(view.member(hex)).not.toHaveProperty('rttMs')
    rtts.set(hex, 7)
    expect([view.member(hex), view.members()[0]]).toMatchObject([{ rttMs: 7 }, { rttMs: 7 }])
    expect(view.member('00')).toBeUndefined()
  })

  it('tells in which spaces members say they are, after the event, also of a new life and once it is over', () => {
    const { view, seen } = make()
    const heard = seen
    view.put({ ...memberOf(1, 'up'), spaces: '3$a' })
    const off = view.hearSpaces((node, spaces) => void heard.push(`${node[0]!} ${String(spaces)}`))
    const [first] = memberOf(1, 'up').key.hex
    expect(heard).toEqual(['up 1', `${first} 3$a`])
    view.put({ ...memberOf(1, 'suspect'), spaces: '3$a' })
    view.put({ ...memberOf(1, 'up'), spaces: '7$a' })
    const { incarnation, ...rest } = memberOf(1, 'up')
    const generation = incarnation.generation + 1
    view.put({ ...rest, spaces: '7$a', incarnation: { ...incarnation, generation } })
    view.put(memberOf(2, 'down'))
    view.put({ ...memberOf(1, 'down'), spaces: '7$a' })
    expect(heard.slice(2)).toEqual([
      ...['suspect 1', 'alive 1', `${first} 7$a`],
      ...['update 1', `${first} 7$a`, 'down 1', `${first} undefined`],
    ])
    off()
    view.put({ ...memberOf(1, 'up'), spaces: '3$a' })
    expect(heard.at(-1)).toBe('up 1')
  })

  it('gives a new subscriber everybody who is known, then every change, without a gap', () => {
    const { view } = make()
    view.put(memberOf(1, 'up'))
    view.put(memberOf(2, 'suspect'))
    view.put(memberOf(3, 'up'))
    view.put(memberOf(3, 'left'))
    const late: string[] = []
    view.subscribe(({ type, member }) => {
      late.push(`${type} ${member.nodeId[1]!}`)
      // Whoever asks in the middle of an event sees what the event says.
      if (type === 'down') expect(view.member(member.key.hex)?.state).toBe('down')
    })
    expect(late).toEqual(['up 1', 'suspect 2', 'left 3'])
    view.put(memberOf(2, 'up'))
    view.put(memberOf(1, 'down'))
    expect(late.slice(3)).toEqual(['alive 2', 'down 1'])
  })

  it('tells one who subscribes in the middle of an event about it once', () => {
    const { view } = make()
    const inner: string[] = []
    const off = view.subscribe(({ type }) => {
      if (type !== 'up') return
      off()
      view.subscribe((event) => void inner.push(event.type))
    })
    view.put(memberOf(1, 'up'))
    expect(inner).toEqual(['up'])
  })

  it('says update when name, address, life or metadata change, and nothing when nothing does', () => {
    const { view, seen } = make()
    view.put(memberOf(1, 'up', { metadata: { zone: 'a', weight: 1 } }))
    view.put(memberOf(1, 'up', { metadata: { weight: 1, zone: 'a' }, sinceMs: 9 }))
    view.put(
      memberOf(1, 'up', {
        metadata: { zone: 'a', weight: 1 },
        incarnation: { generation: 1, counter: 4 },
      }),
    )
    expect(seen).toEqual(['up 1'])
    view.put(memberOf(1, 'up', { metadata: { zone: 'a' } }))
    view.put(memberOf(1, 'up', { metadata: { zone: 'b' } }))
    view.put(memberOf(1, 'up', { metadata: { room: 'b' } }))
    view.put(memberOf(1, 'up', { nodeId: 'n1@10.0.0.9:1', metadata: { room: 'b' } }))
    const reborn = { generation: 2, counter: 0 }
    view.put(memberOf(1, 'up', { nodeId: 'n1@10.0.0.9:1', incarnation: reborn }))
    expect(seen.slice(1)).toEqual(Array.from({ length: 5 }, () => 'update 1'))
  })

  it('passes on who brought the news, and conflicts without changing anything', () => {
    const { view } = make()
    const events: MemberEvent[] = []
    view.subscribe((event) => void events.push(event))
    view.put(memberOf(1, 'up'), 'ab')
    view.put(memberOf(1, 'suspect', { accuser: 'cd' }), 'ef')
    view.conflict(memberOf(1, 'up'), 'ab')
    expect(events).toMatchObject([
      { type: 'up', from: 'ab' },
      { type: 'suspect', from: 'ef', member: { accuser: 'cd' } },
      { type: 'conflict', from: 'ab' },
    ])
    expect(view.members()).toMatchObject([{ state: 'suspect' }])
  })

  it('a handler that throws harms nobody; one that left hears nothing', () => {
    const { view, seen, off, failures } = make()
    const bad = () => {
      throw new Error('handler bug')
    }
    view.subscribe(bad)
    view.subscribe(bad)
    const after: string[] = []
    view.subscribe(({ type }) => void after.push(type))
    view.put(memberOf(1, 'up'))
    off()
    view.put(memberOf(1, 'left'))
    expect(seen).toEqual(['up 1'])
    expect(after).toEqual(['up', 'left'])
    expect(failures).toHaveLength(4)
  })

  it('has nothing to say about a node that it first hears of when that is gone', () => {
    const { view, seen } = make()
    view.put(memberOf(1, 'down'))
    view.put(memberOf(2, 'left'))
    view.forget(memberOf(3, 'up').key.hex)
    expect([seen, view.members()]).toEqual([[], []])
  })

  it('S14 events of a member are a word of the language, whatever the detector says', () => {
    const states: MemberState[] = ['up', 'suspect', 'down', 'left']
    const steps = fc.array(fc.constantFrom<MemberState | 'forgotten'>(...states, 'forgotten'))
    fc.assert(
      fc.property(steps, (given) => {
        const { view, seen } = make()
        for (const step of given) {
          if (step === 'forgotten') view.forget(memberOf(1, 'up').key.hex)
          else view.put(memberOf(1, step))
        }
        const word = seen.map((line) => line.split(' ')[0]).join(' ')
        expect(word).toMatch(/^(up( (update|suspect|alive))*( (down|left)( forgotten)?|$) ?)*$/)
      }),
      { seed: 20_261_129, numRuns: 500 },
    )
  })
})

describe('MembershipLog', () => {
  const entry = (atMs: number) => ({
    ...{ atMs, type: 'up' as const, id: 'ab', nodeId: 'a@h:1', accuser: undefined },
    ...{ incarnation: { generation: 1, counter: 0 }, from: undefined },
  })

  it('keeps the last entries up to its limit, oldest first', () => {
    const { view, log } = make()
    const times = () => view.log().map(({ atMs }) => atMs)
    log.add(entry(1))
    expect(times()).toEqual([1])
    log.add(entry(2))
    expect(times()).toEqual([1, 2])
    log.add(entry(3))
    expect(times()).toEqual([2, 3])
    for (let i = 4; i < 10; i++) log.add(entry(i))
    expect(times()).toEqual([8, 9])
  })

  it('keeps nothing when it may keep nothing', () => {
    const log = new MembershipLog(0)
    log.add(entry(1))
    expect(log.entries()).toEqual([])
  })
})
