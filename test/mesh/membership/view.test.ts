import { describe, expect, it } from 'vitest'
import { nodeKeyFromBytes } from '../../../mesh/identity/node-key.ts'
import type { Member, MemberState } from '../../../mesh/membership/membership.ts'
import { MembershipView } from '../../../mesh/membership/view.ts'

const member = (n: number, state: MemberState, incarnation = 1): Member => ({
  key: nodeKeyFromBytes(new Uint8Array(32).fill(n)),
  nodeId: `n${n}@10.0.0.${n}:4433`,
  address: { host: `10.0.0.${n}`, port: 4433 },
  incarnation,
  state,
  sinceMs: 0,
})

const make = () => {
  const failures: unknown[] = []
  const view = new MembershipView((error) => failures.push(error))
  const seen: string[] = []
  const off = view.subscribe(({ type, member: m }) => void seen.push(`${type} ${m.nodeId[1]!}`))
  return { view, seen, off, failures }
}

describe('MembershipView', () => {
  it('shows the members as of the last event', () => {
    const { view, seen } = make()
    view.apply({ type: 'up', member: member(1, 'up') })
    view.apply({ type: 'up', member: member(2, 'up') })
    view.apply({ type: 'down', member: member(1, 'down') })
    view.apply({ type: 'forgotten', member: member(2, 'down') })
    expect(view.members().map(({ nodeId, state }) => `${nodeId[1]!} ${state}`)).toEqual(['1 down'])
    expect(seen).toEqual(['up 1', 'up 2', 'down 1', 'forgotten 2'])
  })

  it('reconcile tells what differs and nothing else', () => {
    const { view, seen } = make()
    for (const n of [1, 2, 3, 4]) view.apply({ type: 'up', member: member(n, 'up') })
    seen.length = 0
    view.reconcile([member(1, 'up'), member(2, 'down'), member(4, 'up', 2), member(5, 'up')])
    expect(seen).toEqual(['forgotten 3', 'down 2', 'up 4', 'up 5'])
    seen.length = 0
    view.reconcile(view.members())
    expect(seen).toEqual([])
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
    view.apply({ type: 'up', member: member(1, 'up') })
    off()
    view.apply({ type: 'left', member: member(1, 'left') })
    expect(seen).toEqual(['up 1'])
    expect(after).toEqual(['up', 'left'])
    expect(failures).toHaveLength(4)
  })
})
