import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { joinMesh } from '../../../../dist/cli/operations/join.ts'
import type { FoveaNode } from '../../../../dist/index.ts'
import { startSimNodes, type SimNodes } from '../../../../dist/simulation/index.ts'
import { createRealm } from '../../../../mesh/index.ts'
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
      message: 'nobody answered at 10.0.0.2:4433 within 700 ms; the node goes on trying',
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
