import { describe, expect, it } from 'vitest'
import { NodeDirectory } from '../../dist/node-directory.ts'
import {
  nodeKeyFromHex,
  type Member,
  type MemberEvent,
  type MemberState,
  type Mesh,
} from '../../mesh/index.ts'

const [OWN, A, B] = ['0', 'a', 'b'].map((digit) => nodeKeyFromHex(digit.repeat(64))) as [
  Mesh['key'],
  Mesh['key'],
  Mesh['key'],
]

const member = (key: Mesh['key'], nodeId: string, state: MemberState): Member => ({
  ...{ key, nodeId, state, metadata: {}, sinceMs: 0 },
  incarnation: { generation: 1, counter: 0 },
  address: { host: '10.0.0.1', port: 1 },
})

/** A directory over a mesh that only has members. */
function directory(...members: Member[]): {
  /** Keys of nodes whose packets come from their address. */
  readonly there: Set<string>
  readonly known: NodeDirectory
  readonly tell: (type: MemberEvent['type'], member: Member) => void
  readonly listeners: () => number
} {
  const handlers = new Set<(event: MemberEvent) => void>()
  const there = new Set<string>()
  const mesh = {
    key: OWN,
    nodeId: 'own@10.0.0.9:1',
    links: () => [{ peer: { key: B, nodeId: 'linked@10.0.0.5:1' } }],
    linkTo: (hex: string) =>
      hex === B.hex || there.has(hex)
        ? { peer: { nodeId: 'linked@10.0.0.5:1', addressProven: there.has(hex) } }
        : undefined,
    membership: {
      members: () => members,
      subscribe: (handler: (event: MemberEvent) => void) => {
        handlers.add(handler)
        return () => handlers.delete(handler)
      },
    },
  }
  return {
    there,
    known: new NodeDirectory(mesh as never),
    tell: (type, which) => handlers.forEach((handler) => handler({ type, member: which })),
    listeners: () => handlers.size,
  }
}

describe('NodeDirectory', () => {
  it('finds a node by id, key and hex digits', () => {
    const { known } = directory(member(A, 'a@10.0.0.1:1', 'up'))
    for (const target of ['a@10.0.0.1:1', A, A.hex]) expect(known.keyOf(target)).toBe(A.hex)
    for (const target of ['own@10.0.0.9:1', OWN, OWN.hex]) expect(known.keyOf(target)).toBe(OWN.hex)
    expect(known.keyOf('linked@10.0.0.5:1')).toBe(B.hex)
    expect(known.keyOf('nobody@10.0.0.1:1')).toBeUndefined()
    expect(known.keyOf('f'.repeat(64))).toBe('f'.repeat(64))
    expect(known.nameOf(A.hex)).toBe('a@10.0.0.1:1')
    expect(known.nameOf(B.hex)).toBe('linked@10.0.0.5:1')
    expect(known.nameOf(OWN.hex)).toBe('own@10.0.0.9:1')
    expect(known.nameOf('f'.repeat(64))).toBe('f'.repeat(64))
  })

  it.each([undefined, null, 5, {}])('refuses %o, which cannot name a node', (target) => {
    const { known } = directory()
    expect(() => known.keyOf(target as never)).toThrow(
      expect.objectContaining({ code: 'ERR_ARGUMENT', argument: 'node' }),
    )
  })

  it('does not let a claim take an id from who has it, until that is gone', () => {
    const { known, tell } = directory(member(A, 'a@10.0.0.1:1', 'up'))
    tell('up', member(B, 'a@10.0.0.1:1', 'up'))
    expect(known.keyOf('a@10.0.0.1:1')).toBe(A.hex)
    tell('suspect', member(A, 'a@10.0.0.1:1', 'suspect'))
    tell('update', member(B, 'a@10.0.0.1:1', 'up'))
    expect(known.keyOf('a@10.0.0.1:1')).toBe(A.hex)
    // A node that was set up anew at the same address.
    tell('down', member(A, 'a@10.0.0.1:1', 'down'))
    expect(known.keyOf('a@10.0.0.1:1')).toBe(B.hex)
    tell('forgotten', member(A, 'a@10.0.0.1:1', 'down'))
    expect(known.keyOf('a@10.0.0.1:1')).toBe(B.hex)
  })

  it('keeps the id of a node that is gone until somebody there has it', () => {
    const { known, tell } = directory(member(A, 'a@10.0.0.1:1', 'up'))
    tell('down', member(A, 'a@10.0.0.1:1', 'down'))
    tell('down', member(B, 'a@10.0.0.1:1', 'down'))
    expect(known.keyOf('a@10.0.0.1:1')).toBe(A.hex)
    tell('up', member(B, 'a@10.0.0.1:1', 'up'))
    expect(known.keyOf('a@10.0.0.1:1')).toBe(B.hex)
  })

  it('H32 does not let a node that only claims an id take it from who is at its address', () => {
    const { known, tell, there } = directory()
    const id = 'a@10.0.0.1:1'
    there.add(A.hex)
    tell('up', member(A, id, 'up'))
    tell('up', member(B, id, 'up'))
    expect(known.keyOf(id)).toBe(A.hex)
    // Nobody is proven to be there: who had it keeps it.
    there.clear()
    tell('update', member(B, id, 'up'))
    expect(known.keyOf(id)).toBe(A.hex)
    // Who is at the address takes it from a claim, whichever came first.
    there.add(B.hex)
    tell('update', member(B, id, 'up'))
    expect(known.keyOf(id)).toBe(B.hex)
    there.clear()
    there.add(A.hex)
    tell('update', member(A, id, 'up'))
    expect(known.keyOf(id)).toBe(A.hex)
    // Gone: the other one is all there is.
    there.clear()
    tell('down', member(A, id, 'down'))
    expect(known.keyOf(id)).toBe(B.hex)
  })

  it('takes nothing from a conflict: which of two nodes with one key has the id is not known', () => {
    const { known, tell } = directory(member(A, 'a@10.0.0.1:1', 'up'))
    tell('conflict', member(A, 'evil@10.0.0.6:6', 'up'))
    expect(known.nameOf(A.hex)).toBe('a@10.0.0.1:1')
  })

  it('follows a node to a new id and forgets it when the mesh does', () => {
    const { known, tell, listeners } = directory()
    tell('up', member(A, 'a@10.0.0.1:1', 'up'))
    tell('up', member(A, 'a@10.0.0.2:2', 'up'))
    expect(known.keyOf('a@10.0.0.1:1')).toBeUndefined()
    expect(known.keyOf('a@10.0.0.2:2')).toBe(A.hex)
    expect(known.members()).toHaveLength(1)
    tell('forgotten', member(A, 'a@10.0.0.2:2', 'down'))
    expect([known.keyOf('a@10.0.0.2:2'), known.member(A.hex)]).toEqual([undefined, undefined])
    known.close()
    expect(listeners()).toBe(0)
  })
})
