import { describe, expect, it } from 'vitest'
import { GoneWatch } from '../../../mesh/courier/gone.ts'
import { nodeKeyFromBytes } from '../../../mesh/identity/node-key.ts'
import type { Link, LinkEvent } from '../../../mesh/link/link.ts'
import type { LinkDownReason } from '../../../mesh/link/reasons.ts'
import type { Member, MemberEvent } from '../../../mesh/membership/membership.ts'
import { memberOf } from '../membership/members.ts'

const key = nodeKeyFromBytes(new Uint8Array(32).fill(2))

function make() {
  const gone: string[] = []
  const members = new Map<string, Member>()
  const linked = new Set<string>()
  const watch = new GoneWatch({
    member: (node) => members.get(node),
    isLinked: (node) => linked.has(node),
    gone: (node, reason) => void gone.push(`${Number.parseInt(node.slice(0, 2), 16)} ${reason}`),
  })
  const member = (type: MemberEvent['type'], generation = 1): void => {
    const state = type === 'down' || type === 'left' || type === 'suspect' ? type : 'up'
    const of = memberOf(2, state, { incarnation: { generation, counter: 0 } })
    if (type === 'forgotten') members.delete(of.key.hex)
    else members.set(of.key.hex, of)
    watch.member({ type, member: of })
  }
  const up = (incarnation = 1): void => {
    linked.add(key.hex)
    watch.link({ type: 'up', link: { peer: { key, incarnation } } as unknown as Link })
  }
  const down = (reason: LinkDownReason): void => {
    linked.delete(key.hex)
    const link = { peer: { key, incarnation: 1 } } as unknown as Link
    watch.link({ type: 'down', link, reason } as LinkEvent)
  }
  return { gone, member, up, down }
}

describe('a member is gone', () => {
  it('when members say so, once, and not when its link breaks', () => {
    const { gone, member, up, down } = make()
    member('up')
    up()
    down('heartbeat_timeout')
    member('suspect')
    member('alive')
    expect(gone).toEqual([])
    member('down')
    member('forgotten')
    expect(gone).toEqual(['2 down'])
    member('up')
    member('left')
    expect(gone).toEqual(['2 down', '2 left'])
  })

  it('when it speaks of another life, and is back with the same word', () => {
    const { gone, member, up } = make()
    member('up', 5)
    member('update', 5)
    expect(gone).toEqual([])
    member('update', 6)
    expect(gone).toEqual(['2 restarted'])
    // The link of that life brings nothing new.
    up(6)
    expect(gone).toHaveLength(1)
  })

  it('when a link of another life comes up, which members hear of later', () => {
    const { gone, member, up, down } = make()
    member('up', 5)
    up(5)
    down('connection_closed')
    up(7)
    expect(gone).toEqual(['2 restarted'])
    member('update', 7)
    expect(gone).toHaveLength(1)
  })

  it('not when its detector was restarted and its link stands', () => {
    const { gone, member, up, down } = make()
    member('up', 5)
    up(5)
    member('update', 6)
    expect(gone).toEqual([])
    down('idle')
    expect(gone).toEqual([])
  })

  it('when it spoke of another life, and then the link of the former one breaks', () => {
    const { gone, member, up, down } = make()
    member('up', 5)
    up(5)
    member('update', 6)
    down('heartbeat_timeout')
    expect(gone).toEqual(['2 restarted'])
  })

  it('once, when it is down before it comes back', () => {
    const { gone, member } = make()
    member('up', 5)
    member('down', 5)
    member('up', 6)
    member('conflict', 6)
    expect(gone).toEqual(['2 down'])
  })
})

describe('a node that is no member is gone', () => {
  it('when its link is, unless nobody needed that', () => {
    const { gone, up, down } = make()
    up()
    down('idle')
    up()
    down('connection_closed')
    up()
    down('graceful_shutdown')
    expect(gone).toEqual(['2 down', '2 left'])
  })
})
