/**
 * That bytes arrive as they were sent, and stay so while somebody has them: four processes on QUIC, of which the outer two reach
 * each other only through the inner two, of which one is killed now and then. Messages, answers, streams, last values, small ones and
 * such that go in many pieces (`bytes-load.ts`). Twice the same, so that what is kept can be compared. `FOVEA_SOAK_BYTES_MS` says
 * for how long each time.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { afterAll, describe, expect, it } from 'vitest'
import { createRealm, formatRealm, generateNodeKeys } from '../../mesh/index.ts'
import { createRealClock } from '../../runtime/index.ts'
import { Compiled } from '../support/compiled.ts'
import { Children, type Fields, type JsonChild } from '../support/json-child.ts'
import type { BytesOptions } from './bytes-node.ts'

const ROUND_MS = Number(process.env['FOVEA_SOAK_BYTES_MS'] ?? 60_000)
const ROUNDS = 2
/** From one kill of an inner node to the next, and how long it is away. */
const KILL_EVERY_MS = 12_000
const AWAY_MS = 1_500
const WAIT_MS = 120_000
const HOOK_MS = 60_000
const MIB = 1_048_576
const PROGRAM = 'test/soak/bytes-node.ts'
const NAMES = ['inner0', 'inner1', 'outer0', 'outer1'] as const
const INNER = 2

const compiled = new Compiled([PROGRAM])
const children = new Children(compiled.file(PROGRAM), WAIT_MS)
const clock = createRealClock()
let folder = ''

afterAll(async () => {
  await children.end()
  compiled.close()
  if (folder !== '') await rm(folder, { recursive: true, force: true })
}, HOOK_MS)

interface Place {
  readonly name: string
  readonly key: string
  port: number
  starts: number
  child: JsonChild | undefined
}

interface View {
  readonly counts: Readonly<Record<string, number>>
  readonly faults: readonly string[]
  readonly sent: Readonly<Record<string, { readonly epoch: number; readonly n: number }>>
  readonly heard: View['sent']
  readonly held: Readonly<Record<string, number>>
  readonly memory: Readonly<Record<'rss' | 'heapUsed' | 'arrayBuffers', number>>
  readonly known: number
  readonly links: readonly string[]
  readonly cpuMs: number
  readonly processes: number
  readonly relayed: number
}

const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => void clock.setTimer(ms, resolve))

const viewOf = async ({ child }: Place): Promise<View> => (await child!.run('view')) as View

async function makePlaces(): Promise<Place[]> {
  folder = await mkdtemp(join(tmpdir(), 'fovea-bytes-'))
  const realm = formatRealm(createRealm('com.example.soak', { authority: generateNodeKeys() }))
  await writeFile(join(folder, 'realm.json'), realm, { mode: 0o600 })
  return Promise.all(
    NAMES.map(async (name) => {
      const keys = generateNodeKeys()
      await mkdir(join(folder, name), { mode: 0o700 })
      await writeFile(join(folder, name, 'node.key'), keys.privateKeyPem, { mode: 0o600 })
      return { name, key: keys.nodeKey.hex, port: 0, starts: 0, child: undefined }
    }),
  )
}

async function begin(place: Place, places: readonly Place[]): Promise<void> {
  const { name, key, port } = place
  const others = places.filter((each) => each !== place)
  const isOuter = places.indexOf(place) >= INNER
  const inner = places.slice(0, INNER).filter((each) => each !== place && each.child !== undefined)
  place.starts += 1
  const options: BytesOptions = {
    ...{ nodeName: name, port, run: `${name}.${place.starts}`, seed: place.starts },
    seeds: inner.map((each) => `${each.name}@127.0.0.1:${each.port}`),
    realm: join(folder, 'realm.json'),
    dataDir: join(folder, name),
    others: others.map((each) => each.key),
    unreachable: isOuter
      ? places
          .slice(INNER)
          .map((each) => each.key)
          .filter((each) => each !== key)
      : [],
  }
  place.child = children.launch([JSON.stringify(options)])
  place.port = Number((await place.child.event('ready'))['port'])
}

/** Work, and inner nodes that are killed in turn; then rest. Gives how many were. */
async function round(places: readonly Place[]): Promise<number> {
  const untilMs = clock.now() + ROUND_MS
  await Promise.all(places.map(({ child }) => child!.run('start')))
  let kills = 0
  while (clock.now() + KILL_EVERY_MS < untilMs) {
    await pause(KILL_EVERY_MS)
    const place = places[kills % INNER]!
    kills += 1
    const { child } = place
    child!.process.kill('SIGKILL')
    await child!.ended
    await pause(AWAY_MS)
    await begin(place, places)
    await place.child!.run('start')
  }
  await pause(Math.max(0, untilMs - clock.now()))
  await Promise.all(places.map(({ child }) => child!.run('rest')))
  return kills
}

/** What is held still when all have rested; nothing in the end. */
async function heldBy(places: readonly Place[]): Promise<string[]> {
  const views = await Promise.all(places.map(viewOf))
  return views.flatMap(({ held }, at) =>
    Object.entries(held).flatMap(([what, n]) => (n === 0 ? [] : [`${NAMES[at]!} ${what} ${n}`])),
  )
}

const print = (what: string, views: readonly View[]): void => {
  for (const [at, { counts, memory, relayed, processes, cpuMs }] of views.entries()) {
    const mib = Object.entries(memory).map(
      ([name, bytes]) => `${name} ${(bytes / MIB).toFixed(0)} MiB`,
    )
    process.stdout.write(
      `${what} ${NAMES[at]!}: ${mib.join(', ')}, ${processes} processes, ${relayed} envelopes, ${cpuMs} ms of a processor, ${JSON.stringify(counts)}\n`,
    )
  }
}

describe('bytes between four processes, two of them out of reach of each other', () => {
  it(
    'X-01 R8 PS13 arrive in order, once and as they were sent, stay so, and nothing of them is kept',
    async () => {
      const places = await makePlaces()
      for (const place of places) await begin(place, places)
      const known = async (): Promise<number> =>
        Math.min(...(await Promise.all(places.map(viewOf))).map((view) => view.known))
      await expect.poll(known, { timeout: WAIT_MS, interval: 500 }).toBe(NAMES.length - 1)
      const outer = places.slice(INNER)
      const used: number[][] = []
      for (let at = 0; at < ROUNDS; at++) {
        const kills = await round(places)
        await expect.poll(() => heldBy(places), { timeout: WAIT_MS, interval: 500 }).toEqual([])
        const views = await Promise.all(places.map(viewOf))
        print(`round ${at}, ${kills} killed,`, views)
        expect(views.flatMap(({ faults }) => faults)).toEqual([])
        used.push(views.slice(INNER).map(({ memory }) => memory.heapUsed + memory.arrayBuffers))
      }
      const [left, right] = (await Promise.all(outer.map(viewOf))) as [View, View]
      // Neither ever had a link with the other, and nothing got lost between them as long as their conversation stood.
      expect(left.links).not.toContain(outer[1]!.key)
      expect(right.links).not.toContain(outer[0]!.key)
      for (const [from, to, name] of [
        [left, outer[1]!, 'outer0'],
        [right, outer[0]!, 'outer1'],
      ] as const) {
        const { epoch, n } = from.sent[to.key]!
        const heard = (from === left ? right : left).heard[`${name}.1`]
        expect(heard).toEqual({ epoch, n })
        process.stdout.write(`${name} said ${n} messages in conversation ${epoch}\n`)
        expect(n).toBeGreaterThan(0)
      }
      for (const [at, after] of used[1]!.entries()) {
        expect(after).toBeLessThan(used[0]![at]! * 1.25 + 16 * MIB)
      }
      await Promise.all(places.map(({ child }) => child!.run('stop') as Promise<Fields>))
      await Promise.all(places.map(({ child }) => child!.ended))
      for (const { child } of places) {
        expect([child!.process.exitCode, child!.stderr]).toEqual([0, ''])
      }
    },
    ROUNDS * ROUND_MS + 4 * WAIT_MS,
  )
})
