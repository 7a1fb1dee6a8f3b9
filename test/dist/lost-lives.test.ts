import { expect, it } from 'vitest'
import type { ClusterNode } from '../../dist/cluster.ts'
import { goneReasonOf, LostLives } from '../../dist/lost-lives.ts'
import { NodeId } from '../../dist/node-id.ts'
import { nodeKeyFromHex, type Member, type PeerInfo } from '../../mesh/index.ts'

const ID = NodeId.parse('b@10.0.0.2:4433')
const KEY = nodeKeyFromHex('1'.repeat(64))
const OTHER_KEY = nodeKeyFromHex('2'.repeat(64))
const NODE = { id: ID, key: KEY, incarnation: 5 } as ClusterNode

const member = (state: Member['state'], generation: number): Member =>
  ({ key: KEY, state, incarnation: { generation, counter: 0 } }) as Member

/** Of one that is spoken to. */
const peer = (incarnation: number, part: Partial<PeerInfo> = {}): PeerInfo =>
  ({ key: KEY, nodeId: ID, addressProven: true, incarnation, ...part }) as PeerInfo

it.each([
  ['is down', member('down', 5), undefined],
  ['is up, and its link is lost', member('up', 5), undefined],
  ['has left', member('left', 5), 'left'],
  ['is no member', undefined, 'forgotten'],
] as const)('G10 a node that %s is gone or may come back', (_what, known, reason) => {
  expect(goneReasonOf(known)).toBe(reason)
})

it.each([
  ['the same start', 5, 5, peer(5), false],
  ['a newer start', 5, 5, peer(6), true],
  ['the start that a link proved, whatever its detector counts', 5, 7, peer(5), false],
  ['a newer start than a link proved, which its member had told already', 5, 6, peer(6), true],
  ['a newer start of one that was known as a member only', undefined, 5, peer(6), true],
  ['the same of one that was known as a member only', undefined, 5, peer(5), false],
  ['another key at its address', 5, 5, peer(1, { key: OTHER_KEY }), true],
  ['another key that only says so', 5, 5, peer(9, { key: OTHER_KEY, addressProven: false }), false],
  [
    'another node',
    5,
    5,
    peer(9, { key: OTHER_KEY, nodeId: NodeId.parse('c@10.0.0.3:4433') }),
    false,
  ],
] as const)(
  'G10 a link with %s tells whether it was replaced',
  (_with, life, generation, to, is) => {
    const lost = new LostLives()
    lost.add(NODE, life, member('down', generation))
    expect(lost.met(to)).toEqual(is ? [NODE] : [])
    // Who was met, and who was replaced, is lost no more.
    expect(lost.size).toBe(is || to.key === KEY ? 0 : 1)
  },
)

it.each([
  ['as it was', 5, undefined],
  ['as another start', 6, NODE],
] as const)('G10 a member that is up again %s is told of once', (_how, generation, replaced) => {
  const lost = new LostLives()
  lost.add(NODE, 5, member('down', 5))
  expect(lost.returned(member('up', generation))).toBe(replaced)
  expect([lost.returned(member('up', 9)), lost.end(KEY.hex)]).toEqual([undefined, undefined])
})

it('G10 what left or was forgotten ends once', () => {
  const lost = new LostLives()
  expect(lost.end(KEY.hex)).toBeUndefined()
  lost.add(NODE, 5, undefined)
  expect(lost.met(peer(6))).toEqual([NODE])
  lost.add(NODE, undefined, undefined)
  expect([lost.end(KEY.hex), lost.end(KEY.hex), lost.size]).toEqual([NODE, undefined, 0])
  lost.add(NODE, 5, undefined)
  lost.clear()
  expect(lost.size).toBe(0)
})
