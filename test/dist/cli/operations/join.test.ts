import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { joinMesh, type JoinableMesh } from '../../../../dist/cli/operations/join.ts'
import type { FoveaNode } from '../../../../dist/index.ts'
import { startSimNodes, type SimNodes } from '../../../../dist/simulation/index.ts'
import { createRealm, LinkError, type LinkErrorCode } from '../../../../mesh/index.ts'
import { createSimClock } from '../../../../runtime/index.ts'
import { during, failing } from '../../support/world.ts'

let world: SimNodes
let near: FoveaNode
beforeEach(async () => {
  world = await startSimNodes(0, { network: { latencyMs: 5 } })
  near = await during(world, world.start('near', { join: false }))
})
afterEach(async () => {
  await during(world, world.stop())
})

const never = new AbortController().signal

const alone = (name: string, options: Parameters<SimNodes['start']>[1] = {}): Promise<FoveaNode> =>
  during(world, world.start(name, { join: false, ...options }))

const joining = (address: string, timeoutMs = 10_000, signal: AbortSignal = never) =>
  joinMesh(near.mesh, address, { timeoutMs, signal })

const addressOf = ({ mesh }: FoveaNode): string => `${mesh.address.host}:${mesh.address.port}`

describe('joining', () => {
  test('says who answered, by id or by address, once it is a member', async () => {
    const far = await alone('far')
    const result = await during(world, joining(addressOf(far)))
    expect(result).toEqual({ node: far.id, key: far.key.hex, already: false, membersUp: 2 })
    const [member] = near.mesh.membership.members()
    expect(member).toMatchObject({ nodeId: far.id, state: 'up' })
  })

  test('brings the other nodes of a mesh along', async () => {
    const [b, c] = [await alone('b'), await alone('c')]
    await during(world, joinMesh(b.mesh, c.id, { timeoutMs: 10_000, signal: never }))
    await during(world, joining(b.id))
    await world.connected()
    expect(near.mesh.membership.members().map(({ nodeId }) => nodeId)).toContain(c.id)
  })

  test('a member again is no failure, and says so', async () => {
    const far = await alone('far')
    await during(world, joining(far.id))
    expect(await during(world, joining(far.id))).toMatchObject({ already: true, membersUp: 2 })
  })

  test('waits for a node that starts within the time', async () => {
    const address = '10.0.0.2:4433'
    const joined = joining(address, 30_000)
    await world.clock.advance(12_000)
    const far = await alone('far')
    expect(addressOf(far)).toBe(address)
    expect(await during(world, joined)).toMatchObject({ node: far.id, already: false })
  })
})

describe('not joining', () => {
  test('itself is ERR_JOIN_SELF', async () => {
    expect(await failing(world, joining(addressOf(near)))).toMatchObject({
      code: 'ERR_JOIN_SELF',
      message: `${addressOf(near)} is this node itself`,
    })
  })

  test('nobody in time is ERR_JOIN_NO_ANSWER, and the node joins when somebody comes', async () => {
    expect(await failing(world, joining('10.0.0.2:4433', 700))).toMatchObject({
      code: 'ERR_JOIN_NO_ANSWER',
      message: 'nobody answered at 10.0.0.2:4433 within 700 ms; this node goes on trying',
    })
    const far = await alone('far')
    await world.connected()
    expect(near.mesh.linkTo(far.key.hex)).toBeDefined()
  })

  test('a node of another realm is ERR_JOIN_REALM, and its address is not kept', async () => {
    const other = await alone('other', { realm: createRealm('com.example.other') })
    expect(await failing(world, joining(addressOf(other)))).toMatchObject({
      code: 'ERR_JOIN_REALM',
    })
    await world.clock.advance(60_000)
    expect(near.mesh.stats()).toMatchObject({ links: 0, refused: {} })
  })

  test('an address that is none is ERR_SEED_INVALID', async () => {
    expect(await failing(world, joining('b@'))).toMatchObject({ code: 'ERR_SEED_INVALID' })
  })

  test('a command that goes away ends the wait', async () => {
    const abort = new AbortController()
    const waiting = failing(world, joining('10.0.0.2:4433', 10_000, abort.signal))
    abort.abort(new Error('gone'))
    expect((await waiting).message).toContain('gone')
  })
})

describe('what a dial says is told in words of joining', () => {
  /** A mesh whose dials all fail with `error`. */
  function failingMesh(error: unknown) {
    const clock = createSimClock()
    const seeds: unknown[] = []
    let dials = 0
    const mesh = {
      address: { host: '10.0.0.1', port: 4433 },
      addSeed: (seed: unknown) => void seeds.push(seed),
      connect: () => {
        dials++
        return Promise.reject(error as Error)
      },
      membership: { members: () => [] },
      system: { clock },
    } as unknown as JoinableMesh
    const join = async (): Promise<unknown> => {
      const options = { timeoutMs: 1000, signal: never }
      return await failing({ clock }, joinMesh(mesh, 'b@10.0.0.2:4433', options))
    }
    return { join, seeds, dials: () => dials }
  }
  const refused = (code: LinkErrorCode, reason?: string): LinkError =>
    new LinkError(code, 'no', reason === undefined ? {} : { reason })

  test.each<[string, Error, string]>([
    ['another cluster', refused('ERR_LINK_REJECTED', 'cluster_mismatch'), 'ERR_JOIN_CLUSTER'],
    [
      'another cluster, seen here',
      refused('ERR_LINK_REFUSED', 'cluster_mismatch'),
      'ERR_JOIN_CLUSTER',
    ],
    ['another realm', refused('ERR_LINK_REJECTED', 'realm_mismatch'), 'ERR_JOIN_REALM'],
    ['no Fovea node', refused('ERR_LINK_REALM_MISMATCH'), 'ERR_JOIN_REALM'],
    ['itself behind another address', refused('ERR_LINK_SELF'), 'ERR_JOIN_SELF'],
    ['refused for good', refused('ERR_LINK_REJECTED', 'membership_invalid'), 'ERR_JOIN_REFUSED'],
    ['refused by this node', refused('ERR_LINK_REFUSED', 'stale_incarnation'), 'ERR_JOIN_REFUSED'],
    [
      'an address that cannot be',
      Object.assign(new Error('no'), { code: 'ERR_TRANSPORT_BAD_ADDRESS' }),
      'ERR_TRANSPORT_BAD_ADDRESS',
    ],
  ])('%s ends it at once and the address is not kept', async (_name, error, code) => {
    const mesh = failingMesh(error)
    expect(await mesh.join()).toMatchObject({ code })
    expect(mesh).toMatchObject({ seeds: [] })
    expect(mesh.dials()).toBe(1)
  })

  test.each<[string, Error, RegExp]>([
    [
      'a node that is full',
      refused('ERR_LINK_REJECTED', 'too_many_links'),
      /had no room \(too_many_links\)/,
    ],
    ['silence', refused('ERR_DIAL_TIMEOUT'), /nobody answered/],
    ['a name without an address', refused('ERR_DIAL_LOOKUP'), /its host name has no address/],
  ])(
    '%s is tried again until the time is over, and the address is kept',
    async (_name, error, words) => {
      const mesh = failingMesh(error)
      expect(await mesh.join()).toMatchObject({
        code: 'ERR_JOIN_NO_ANSWER',
        message: expect.stringMatching(words) as string,
      })
      expect(mesh.seeds).toHaveLength(1)
      expect(mesh.dials()).toBe(4)
    },
  )
})
