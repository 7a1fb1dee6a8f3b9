/** Claims as a set: what is decided does not depend on how it came to be known. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bodyOf, Claim, metaOf, PLAIN_CLAIM, type ClaimBody } from '../../../dist/names/claim.ts'
import { Claims, decide, holderOf, judge } from '../../../dist/names/claims.ts'
import { Registrar } from '../../../dist/names/registrar.ts'

const MAX = Number.MAX_SAFE_INTEGER
const FACTS = { topic: '$names', key: 'n', life: 1, version: 1, previousRef: undefined, bytes: 0 }

function claim(node: number, version: number, body: Partial<ClaimBody> = {}, name = 'n'): Claim {
  const meta = metaOf({ ...PLAIN_CLAIM, process: version, id: version, ...body })
  return new Claim({
    ...{ topic: '$names', key: name, node: String(node).repeat(64), life: 1 },
    ...{ version, previousRef: undefined, meta, bytes: 0 },
  })
}

const bodies = fc.record({
  state: fc.constantFrom('pending', 'held', 'dissolved'),
  counter: fc.integer({ min: 1, max: 3 }),
  wins: fc.integer({ min: 0, max: 2 }),
  fence: fc.integer({ min: 0, max: 1 }),
  contract: fc.constantFrom(undefined, 'counter/1'),
  how: fc.constantFrom('exit', 'notify', 'dissolve', 'replaced'),
  ends: fc.array(
    fc.record({
      node: fc.constantFrom('1'.repeat(64), '2'.repeat(64), '3'.repeat(64)),
      ...{ life: fc.constant(1), id: fc.integer({ min: 1, max: 4 }) },
      how: fc.constantFrom('replaced', 'dissolve'),
    }),
    { maxLength: 2 },
  ),
}) as fc.Arbitrary<Partial<ClaimBody>>

/** One claim of each of some nodes to one name, as it is when all changes are known. */
const sets = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 4 }), bodies), { minLength: 1, maxLength: 12 })
  .map((said) => said.map(([node, body], i) => claim(node, i + 1, body, i % 2 === 0 ? 'n' : 'm')))

interface Change {
  readonly type: 'add' | 'remove'
  readonly claim: Claim
}

/** What each node said, in its order: a claim takes the place of the one before. */
function changesOf(claims: readonly Claim[]): Map<string, Change[]> {
  const byNode = new Map<string, Change[]>()
  const last = new Map<string, Claim>()
  for (const each of claims) {
    const changes = byNode.get(each.node) ?? []
    byNode.set(each.node, changes)
    const before = last.get(`${each.node} ${each.key}`)
    if (before !== undefined) changes.push({ type: 'remove', claim: before })
    changes.push({ type: 'add', claim: each })
    last.set(`${each.node} ${each.key}`, each)
  }
  return byNode
}

function digest(claims: Claims): string[] {
  return Array.from(claims.names(), (name) => {
    const all = claims.of(name).map(({ node, version }) => `${node[0]}.${version}`)
    const holder = claims.holder(name)
    return `${name} ${all.sort().join()} ${holder?.node[0]}.${holder?.version}`
  }).sort()
}

function apply(claims: Claims, { type, claim: each }: Change): void {
  if (type === 'add') claims.add(each)
  else claims.remove(each)
}

describe('claims', () => {
  it('G15 are the same whatever the order of nodes in which changes come, twice or once, in parts or as a whole', () => {
    fc.assert(
      fc.property(sets, fc.array(fc.nat(), { minLength: 40, maxLength: 40 }), (said, picks) => {
        const inOrder = new Claims()
        for (const changes of changesOf(said).values()) {
          for (const change of changes) apply(inOrder, change)
        }
        const mixed = new Claims()
        const queues = Array.from(changesOf(said).values())
        for (let i = 0; queues.some((queue) => queue.length > 0); i++) {
          const open = queues.filter((queue) => queue.length > 0)
          const queue = open[picks[i % picks.length]! % open.length]!
          const change = queue.shift()!
          apply(mixed, change)
          apply(mixed, change)
        }
        const whole = new Claims()
        const standing = Array.from(inOrder.names()).flatMap((name) => inOrder.of(name))
        for (const each of standing.reverse()) whole.add(each)
        expect(digest(mixed)).toEqual(digest(inOrder))
        expect(digest(whole)).toEqual(digest(inOrder))
      }),
      { seed: 1, numRuns: 200 },
    )
  })

  it('G2 G4 of claims that no other one ends, at most one stands unconcerned or decides', () => {
    fc.assert(
      fc.property(sets, (said) => {
        const latest = new Map(said.map((each) => [each.node, each]))
        const all = Array.from(latest.values(), (each, i) =>
          claim(Number(each.node[0]), i + 1, each),
        )
        const active = all.filter((each) => {
          const { type } = judge(each, all)
          return type === 'contested'
        })
        expect(active.length).toBeLessThan(2)
        const holder = holderOf(all)
        expect(holderOf([...all].reverse())).toBe(holder)
        if (holder?.state === 'held') expect(judge(holder, all).type).not.toBe('lost')
      }),
      { seed: 2, numRuns: 200 },
    )
  })

  it('a node has one of each name, whatever else it says, and another one when that is over', () => {
    const claims = new Claims()
    const [first, second] = [claim(1, 1), claim(1, 2)]
    expect([claims.add(first), claims.add(first)]).toEqual([true, true])
    expect([claims.add(claim(2, 1)), claims.add(second)]).toEqual([true, false])
    expect(claims.of('n')).toHaveLength(2)
    claims.remove(second)
    claims.remove(first)
    expect(claims.add(second)).toBe(true)
  })

  it('that replace or dissolve others are claims whatever those say, and end at most 64', () => {
    const others = Array.from({ length: 65 }, (_, i) => {
      const node = i.toString(16).padStart(64, '0')
      const meta = metaOf({ ...PLAIN_CLAIM, ...{ process: 1, id: 1, state: 'held' }, counter: MAX })
      return new Claim({ ...FACTS, node, meta })
    })
    const decision = decide(others, () => 'none')
    expect(decision).toMatchObject({ type: 'dissolves' })
    const claims = new Claims()
    for (const other of others) claims.add(other)
    const said: ClaimBody[] = []
    const registrar = new Registrar<string>({
      ...{ claims, unsay: () => {}, choose: () => 'own', refused: () => {}, lost: () => {} },
      decided: () => {},
      say: (_name, body) => {
        said.push(body)
        return new Claim({ ...FACTS, node: 'f'.repeat(64), meta: metaOf(body) })
      },
    })
    const given = { process: 7, contract: undefined, fence: 0, how: 'exit' } as const
    expect(registrar.claimOver('n', 'me', given).claim.isValid).toBe(true)
    expect(said).toMatchObject([{ counter: MAX }])
    for (const ends of [said[0]!.ends, decision.type === 'dissolves' ? decision.ends : []]) {
      expect(ends).toHaveLength(64)
    }
  })

  it('travel as they are, and the usual ones as three numbers', () => {
    expect(metaOf({ ...PLAIN_CLAIM, process: 7, id: 1, state: 'held' })).toEqual([7, 1, 1])
    fc.assert(
      fc.property(bodies, (body) => {
        const whole = { ...PLAIN_CLAIM, process: 7, id: 3, ...body }
        expect(bodyOf(metaOf(whole))).toEqual(whole)
      }),
      { seed: 3, numRuns: 200 },
    )
  })

  it.each([
    ...[undefined, null, 7, 'x', {}, [], [1], [1, 1], [-1, 1, 1], [1, 9, 1], [1, 1, 0.5]],
    ...[
      [1, 1, 1, 7],
      [1, 1, 1, 'x'.repeat(257)],
      [1, 1, 1, null, -1],
      [1, 1, 1, null, 1, 'w'],
    ],
    ...[
      [1, 1, 1, null, 1, 0, 0, 9],
      [1, 1, 1, null, 1, 0, 0, 0, 'node', 1, 1, 0],
      [1, 1, 1, null, 1, 0, 0, 0, '1'.repeat(64), 1, 1],
      [1, 1, 1, null, 1, 0, 0, 0, '1'.repeat(64), 1, 1, 9],
      [1, 1, 1, null, 1, 0, 0, 0, ...new Array<unknown>(4 * 65).fill(1)],
    ],
    // Names of properties of lists, and what throws when it is taken for one.
    ...[
      [1, 'length', 1],
      [1, { toString: 1, valueOf: 1 }, 1],
      [1, 1, 1, null, 1, 0, 0, 'map'],
      [1, 1, 1, null, 1, 0, 0, { toString: 1, valueOf: 1 }],
      [1, 1, 1, null, 1, 0, 0, 0, '1'.repeat(64), 1, 1, 'length'],
      [1, 1, 1, null, 1, 0, 0, 0, '1'.repeat(64), 1, 1, { toString: 1, valueOf: 1 }],
    ],
  ])('what a peer says that is none never counts: %j', (meta) => {
    const facts = { topic: '$names', key: 'n', node: 'x', life: 1, version: 1 }
    const said = new Claim({ ...facts, previousRef: undefined, meta, bytes: 0 })
    expect(said.isValid).toBe(false)
    const claims = new Claims()
    claims.add(said)
    expect(claims.size).toBe(0)
  })
})
