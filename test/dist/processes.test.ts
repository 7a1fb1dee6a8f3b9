/**
 * Three operating-system processes over QUIC; one of them is killed with SIGKILL under traffic (NX-D2).
 * Needs `npm run build`. Waits for events with deadlines, never for time; children die with the test.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createRealm, formatRealm } from '../../mesh/index.ts'
import { Children, type Fields, type JsonChild } from '../support/json-child.ts'

const CHILD = fileURLToPath(new URL('fixtures/node-child.mjs', import.meta.url))
const BUILT = fileURLToPath(new URL('../../build/dist/index.js', import.meta.url))
const WAIT_MS = 12_000

const children = new Children(CHILD, WAIT_MS)
let directory = ''

function start(name: string, realm: string, seeds: readonly string[]): Promise<JsonChild> {
  return children.start([realm, name, ...seeds])
}

async function three(): Promise<[JsonChild, JsonChild, JsonChild]> {
  directory = await mkdtemp(join(tmpdir(), 'fovea-dist-'))
  const realm = join(directory, 'realm.json')
  await writeFile(realm, formatRealm(createRealm('com.example.processes')), { mode: 0o600 })
  const a = await start('a', realm, [])
  const b = await start('b', realm, [a.id])
  const c = await start('c', realm, [b.id])
  for (const here of [a, b, c]) {
    for (const there of [a, b, c]) {
      if (here !== there) await here.event('up', { node: there.id })
    }
  }
  return [a, b, c]
}

beforeAll(() => {
  if (!existsSync(BUILT)) throw new Error('run `npm run build` first')
})

afterEach(async () => {
  await children.end()
  if (directory !== '') await rm(directory, { recursive: true, force: true })
})

describe('three processes', () => {
  it('X-02 X-10 NX-D2 kill -9 of one under traffic: noconnection once, calls reject at once, the others go on', async () => {
    const [a, b, c] = await three()
    for (const here of [a, b]) {
      await here.run('spawn', { as: 'doomed', on: c.id, arg: 1 })
      await here.run('spawn', { as: 'safe', on: here === a ? b.id : a.id, arg: 100 })
      expect(await here.run('call', { ref: 'doomed', name: 'add', input: 5 })).toBe(6)
      await here.run('monitor', { ref: 'doomed', times: 3 })
      await here.run('pending', { ref: 'doomed', name: 'hang', times: 50 })
      const taken = await here.run('cast', { ref: 'doomed', name: 'add', input: 1, times: 2_000 })
      expect(taken).toBe(2_000)
    }
    // The monitors and calls above were sent before this answer.
    for (const here of [a, b]) await here.run('call', { ref: 'doomed', name: 'get' })

    c.process.kill('SIGKILL')
    for (const here of [a, b]) {
      await here.run('cast', { ref: 'doomed', name: 'add', input: 1, times: 100 })
      await here.event('down', { node: c.id })
      await here.event('settled', { ref: 'doomed' })
      await here.event('monitor', { ref: 'doomed' })
    }
    for (const here of [a, b]) {
      // In order: everything that the loss has settled was said before this answer.
      expect(await here.run('call', { ref: 'safe', name: 'add', input: 1 })).toBe(101)
      expect(here.count('monitor', { reason: 'noconnection' })).toBe(3)
      expect(here.count('monitor')).toBe(3)
      expect(here.count('settled', { reason: 'noconnection' })).toBe(50)
      expect(here.count('settled')).toBe(50)
      const failed = await here.run('call', { ref: 'doomed', name: 'get' }).catch((e: Fields) => e)
      expect(failed).toMatchObject({ reason: 'noconnection' })
      expect([here.count('unhandled'), here.stderr]).toEqual([0, ''])
      expect(here.process.exitCode).toBeNull()
    }
  }, 40_000)

  it('a node that stops is graceful_shutdown for the others, and its process ends by itself', async () => {
    const [a, b, c] = await three()
    await a.run('spawn', { as: 'there', on: c.id, arg: 1 })
    await a.run('monitor', { ref: 'there', times: 1 })
    await a.run('call', { ref: 'there', name: 'get' })
    await c.run('stop')
    for (const here of [a, b]) await here.event('down', { node: c.id, reason: 'graceful_shutdown' })
    await a.event('monitor', { ref: 'there', reason: 'noconnection' })
    // Nothing of the node keeps the program alive once its input has ended.
    c.process.stdin!.end()
    await c.ended
    expect(c.process.exitCode).toBe(0)
  }, 40_000)
})
