/** Whole mesh nodes on a simulated network: who knows what of whom, and when. */
import { cp, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { simulatedSignatures } from '../../../mesh/identity/simulated-signatures.ts'
import type { Mesh } from '../../../mesh/mesh.ts'
import type { MeshOptions } from '../../../mesh/options.ts'
import { Cluster, membersOf } from '../cluster.ts'
import { allKnowAll, named, seenBy, watch } from './histories.ts'

const seed = (n: number) => `10.0.0.${n}:4433`

async function startAll(cluster: Cluster, count: number, more: MeshOptions = {}): Promise<Mesh[]> {
  const meshes: Mesh[] = []
  for (let n = 1; n <= count; n++) {
    const seeds = n === 1 ? [] : [seed(n - 1)]
    meshes.push(await cluster.start(`n${n}`, n, { seeds, ...more }))
  }
  return meshes
}

/** Advances until `done`, at most `limitMs`; gives the time it took. */
async function until(cluster: Cluster, done: () => boolean, limitMs: number): Promise<number> {
  const startMs = cluster.clock.now()
  while (!done() && cluster.clock.now() - startMs < limitMs) await cluster.clock.advance(50)
  expect(done()).toBe(true)
  return cluster.clock.now() - startMs
}

/** As kill -9: nothing is said, nothing is sent any more; the lock of the directory is free. */
async function kill(cluster: Cluster, mesh: Mesh): Promise<void> {
  cluster.network.kill(mesh.address.host)
  await mesh.identity.close()
}

describe('joining', () => {
  it('S34 ML11 ML20 twelve nodes in a chain of seeds know each other within two seconds, without a full mesh of links', async () => {
    await using cluster = new Cluster(1, { latencyMs: 1, jitterMs: 3 })
    const meshes = await startAll(cluster, 12)
    const tookMs = await until(cluster, () => allKnowAll(meshes), 5_000)
    expect(tookMs).toBeLessThanOrEqual(2_000)
    await cluster.clock.advance(10_000)
    expect(allKnowAll(meshes)).toBe(true)
    for (const mesh of meshes) expect(mesh.links().length).toBeGreaterThanOrEqual(4)
  })

  it('S34 a seed that comes after a minute is found, and two islands merge when one knows one of the other', async () => {
    await using cluster = new Cluster()
    const left = [
      await cluster.start('a', 1, { seeds: [seed(9)] }),
      await cluster.start('b', 2, { seeds: [seed(1)] }),
    ]
    const right = [await cluster.start('c', 3), await cluster.start('d', 4, { seeds: [seed(3)] })]
    await cluster.clock.advance(60_000)
    expect([left, right].map(allKnowAll)).toEqual([true, true])
    left[1]!.addSeed(seed(4))
    await until(cluster, () => allKnowAll([...left, ...right]), 2_000)
    const late = await cluster.start('e', 9)
    await until(cluster, () => allKnowAll([...left, ...right, late]), 35_000)
  })

  it('S34 forty nodes that start at the same moment with one seed: the busy seed is asked again', async () => {
    const signatures = simulatedSignatures()
    await using cluster = new Cluster(12, { latencyMs: 1, jitterMs: 3, signatures })
    const seeds = [seed(1)]
    const numbers = Array.from({ length: 40 }, (_, i) => i + 1)
    const membership = { preset: 'lan', syncsMax: 2 } as const
    const more = { seeds, membership }
    const meshes = await Promise.all(numbers.map((n) => cluster.start(`n${n}`, n, more)))
    await until(cluster, () => allKnowAll(meshes), 5_000)
    expect(meshes[0]!.stats().refused['ERR_SWIM_SYNCS_MAX']).toBeGreaterThan(0)
  })

  it('tells every observer one up per member and no more', async () => {
    await using cluster = new Cluster(2, { latencyMs: 2, jitterMs: 10 })
    const meshes: Mesh[] = []
    const seen: string[][] = []
    for (let n = 1; n <= 8; n++) {
      const mesh = await cluster.start(`n${n}`, n, { seeds: n === 1 ? [] : [seed(1)] })
      meshes.push(mesh)
      seen.push(watch(mesh))
    }
    await cluster.clock.advance(30_000)
    for (const [i, events] of seen.entries()) {
      const others = meshes.map((_, n) => `up n${n + 1}`).filter((_, n) => n !== i)
      expect([...events].sort()).toEqual(others)
    }
  })
})

describe('crash, leave and return', () => {
  it('S30 a node that is killed is suspect, then down at all, and the log says on whose word', async () => {
    await using cluster = new Cluster(3, { latencyMs: 1, jitterMs: 2 })
    const meshes = await startAll(cluster, 6)
    await cluster.clock.advance(5_000)
    const [victim, ...rest] = [meshes[2]!, ...meshes.filter((_, i) => i !== 2)] as [Mesh, ...Mesh[]]
    const seen = rest.map((mesh) => watch(mesh, ({ type }) => type !== 'up'))
    await kill(cluster, victim)
    const tookMs = await until(
      cluster,
      () => rest.every((m) => named(m, 'down').length > 0),
      30_000,
    )
    expect(tookMs).toBeLessThan(15_000)
    for (const events of seen) expect(events).toEqual(['suspect n3', 'down n3'])
    const { hex } = victim.key
    const keys = new Set(rest.map(({ key }) => key.hex))
    for (const mesh of rest) {
      const lines = mesh.membership.log().filter(({ id }) => id === hex)
      expect(lines.map(({ type }) => type)).toEqual(['up', 'suspect', 'down'])
      const [, suspect, down] = lines
      expect(keys).toContain(suspect?.accuser)
      expect(suspect?.nodeId).toBe('n3@10.0.0.3:4433')
      expect(down?.atMs).toBeGreaterThan(suspect?.atMs ?? Infinity)
      expect(seenBy(mesh, hex)).toMatchObject({ state: 'down', reason: 'heartbeat_timeout' })
      expect(mesh.linkTo(hex)).toBeUndefined()
    }
    // Somebody found out itself; the others had it from somebody.
    const first = rest.map((m) => m.membership.log().find(({ type }) => type === 'suspect'))
    expect(first.some((line) => line?.from === undefined)).toBe(true)
    expect(first.some((line) => line?.from !== undefined && keys.has(line.from))).toBe(true)
  })

  it('S35 a node that stops has left everywhere, and nobody ever suspects it', async () => {
    await using cluster = new Cluster(4, { latencyMs: 1, jitterMs: 2 })
    const meshes = await startAll(cluster, 8)
    await cluster.clock.advance(5_000)
    const [leaver, ...rest] = [meshes[4]!, ...meshes.filter((_, i) => i !== 4)] as [Mesh, ...Mesh[]]
    const seen = rest.map((mesh) => watch(mesh, ({ type }) => type !== 'up'))
    await cluster.stop(leaver)
    await cluster.clock.advance(1_000)
    for (const events of seen) expect(events).toEqual(['left n5'])
    await cluster.clock.advance(60_000)
    for (const events of seen) expect(events).toEqual(['left n5'])
    expect(seenBy(rest[0]!, leaver.key.hex)).toMatchObject({ reason: 'graceful_shutdown' })
  })

  it.each([
    ['at once', 100, ['update n2']],
    ['after it was declared down', 30_000, ['suspect n2', 'down n2', 'up n2']],
  ])(
    'S36 a node that comes back %s is the next generation for all',
    async (_, pauseMs, expected) => {
      await using cluster = new Cluster(5, { latencyMs: 1, jitterMs: 2 })
      const dataDir = await cluster.dir()
      const meshes: Mesh[] = []
      for (let n = 1; n <= 4; n++) {
        const seeds = n === 1 ? [] : [seed(1)]
        meshes.push(await cluster.start(`n${n}`, n, n === 2 ? { seeds, dataDir } : { seeds }))
      }
      await cluster.clock.advance(5_000)
      const rest = meshes.filter((_mesh, i) => i !== 1)
      const seen = rest.map((mesh) => watch(mesh, ({ member }) => member.nodeId.startsWith('n2')))
      for (const events of seen) events.length = 0
      await kill(cluster, meshes[1]!)
      await cluster.clock.advance(pauseMs)
      const again = await cluster.start('n2', 2, { seeds: [seed(1)], dataDir })
      const generation = again.identity.incarnation
      const isNew = (mesh: Mesh) =>
        seenBy(mesh, again.key.hex).incarnation.generation === generation
      await until(cluster, () => allKnowAll([...rest, again]) && rest.every(isNew), 10_000)
      for (const events of seen)
        expect(events.filter((line) => line !== 'alive n2')).toEqual(expected)
    },
  )

  it('S38 two nodes: the one that is left finds the crash of the other', async () => {
    await using cluster = new Cluster()
    const [a, b] = (await startAll(cluster, 2)) as [Mesh, Mesh]
    await cluster.clock.advance(5_000)
    await kill(cluster, b)
    await until(cluster, () => named(a, 'down').length === 1, 15_000)
  })
})

describe('partitions', () => {
  it('S37 three against three for ten minutes: both sides go on alone, and meet again by themselves', async () => {
    await using cluster = new Cluster(6, { latencyMs: 1, jitterMs: 2 })
    const meshes = await startAll(cluster, 6)
    await cluster.clock.advance(5_000)
    const [left, right] = [meshes.slice(0, 3), meshes.slice(3)]
    const hosts = (side: readonly Mesh[]) => side.map(({ address }) => address.host)
    cluster.network.partition(hosts(left), hosts(right))
    await cluster.clock.advance(600_000)
    for (const side of [left, right]) {
      for (const mesh of side)
        expect([named(mesh, 'up'), named(mesh, 'down')].map((l) => l.length)).toEqual([2, 3])
    }
    cluster.network.heal()
    await until(cluster, () => allKnowAll(meshes), 90_000)
    await cluster.clock.advance(60_000)
    expect(allKnowAll(meshes)).toBe(true)
  })
})

describe('metadata', () => {
  it('of a start and of a change reaches all, as update, and survives its detector', async () => {
    await using cluster = new Cluster(7)
    const meshes = await startAll(cluster, 4)
    const a = await cluster.start('meta', 9, {
      seeds: [seed(1)],
      metadata: { zone: 'a', weight: 2 },
    })
    await until(cluster, () => allKnowAll([...meshes, a]), 5_000)
    const { hex } = a.key
    for (const mesh of meshes) expect(seenBy(mesh, hex).metadata).toEqual({ zone: 'a', weight: 2 })
    const seen = meshes.map((mesh) => watch(mesh, ({ type }) => type === 'update'))
    a.setMetadata({ zone: 'b', ready: true })
    await cluster.clock.advance(2_000)
    for (const mesh of meshes) {
      expect(seenBy(mesh, hex)).toMatchObject({ metadata: { zone: 'b', ready: true } })
    }
    for (const events of seen) expect(events).toEqual(['update meta'])
    killProcess(a, 'membership')
    await cluster.clock.advance(5_000)
    for (const mesh of meshes)
      expect(seenBy(mesh, hex).metadata).toEqual({ zone: 'b', ready: true })
    a.setMetadata({})
    await cluster.clock.advance(2_000)
    for (const mesh of meshes) expect(seenBy(mesh, hex).metadata).toEqual({})
  })

  it('too large or no flat map is refused where it is given, and changes nothing', async () => {
    await using cluster = new Cluster()
    const [a, b] = (await startAll(cluster, 2)) as [Mesh, Mesh]
    await cluster.clock.advance(1_000)
    const { counter } = seenBy(b, a.key.hex).incarnation
    const code = (value: unknown) => {
      try {
        a.setMetadata(value as never)
        return 'taken'
      } catch (error) {
        return (error as { code: unknown }).code
      }
    }
    expect(code({ note: 'x'.repeat(1_048_576) })).toBe('ERR_META_TOO_LARGE')
    expect(code({ note: 'x'.repeat(513) })).toBe('ERR_META_TOO_LARGE')
    expect(code([])).toBe('ERR_META_INVALID')
    await cluster.clock.advance(1_000)
    expect(seenBy(b, a.key.hex).incarnation.counter).toBe(counter)
    const { realm, clock } = cluster
    const start = cluster.start('x', 8, { realm, clock, metadata: { note: 'x'.repeat(513) } })
    await expect(start).rejects.toMatchObject({ code: 'ERR_META_TOO_LARGE' })
  })
})

describe('two nodes with one key', () => {
  it('S36 S43 a copied data directory is seen as a conflict', async () => {
    await using cluster = new Cluster(8)
    const [dataDir, copy] = [await cluster.dir(), await cluster.dir()]
    await cluster.stop(await cluster.start('b', 2, { dataDir }))
    await cp(dataDir, copy, { recursive: true })
    const a = await cluster.start('a', 1)
    const seen = watch(a, ({ type }) => type === 'conflict')
    const b = await cluster.start('b', 2, { seeds: [seed(1)], dataDir })
    const own = watch(b, ({ type }) => type === 'conflict')
    await cluster.clock.advance(2_000)
    const ghost = await cluster.start('ghost', 3, { seeds: [seed(1)], dataDir: copy })
    expect(ghost.key.hex).toBe(b.key.hex)
    await cluster.clock.advance(30_000)
    expect(seen.length + own.length).toBeGreaterThan(0)
    const logged = [a, b]
      .flatMap((m) => m.membership.log())
      .filter(({ type }) => type === 'conflict')
    expect(logged.length).toBeGreaterThan(0)
    // The operator is told by code and place, on a level that nobody turns off.
    const told = cluster.lines.filter(({ code }) => code === 'ERR_SWIM_CONFLICT')
    expect(told.map(({ level }) => level)).toContain('error')
    expect(b.stats().refused['ERR_SWIM_CONFLICT']).toBeGreaterThan(0)
    // The goodbye of the copy is not that of the node.
    await cluster.stop(ghost)
    // Its directory is real: virtual time runs while the new generation is written.
    await until(cluster, () => membersOf(a) === 'b up', 120_000)
    expect(membersOf(a)).toBe('b up')
  })
})

describe('the detector as a process', () => {
  it('S14 killed: subscribers see no gap, no second up and no down, and others a new generation', async () => {
    await using cluster = new Cluster(9, { latencyMs: 1, jitterMs: 2 })
    const meshes = await startAll(cluster, 6)
    await cluster.clock.advance(10_000)
    const a = meshes[0]!
    const before = seenBy(meshes[1]!, a.key.hex).incarnation.generation
    const own = watch(a, ({ type }) => type !== 'up')
    const others = meshes.slice(1).map((mesh) => watch(mesh, ({ type }) => type !== 'up'))
    const downs = cluster.events.filter((line) => line.includes('down')).length
    killProcess(a, 'membership')
    await cluster.clock.advance(60_000)
    expect(own).toEqual([])
    expect(allKnowAll(meshes)).toBe(true)
    for (const events of others) expect(events).toEqual(['update n1'])
    expect(seenBy(meshes[1]!, a.key.hex).incarnation.generation).toBe(before + 1)
    expect(a.membership.log().map(({ type }) => type)).toContain('restarted')
    expect(cluster.events.filter((line) => line.includes('down'))).toHaveLength(downs)
  })

  it('S14 killed while somebody dies: the death is told once, by the new one', async () => {
    await using cluster = new Cluster(10, { latencyMs: 1, jitterMs: 2 })
    const meshes = await startAll(cluster, 5)
    await cluster.clock.advance(10_000)
    const a = meshes[0]!
    const own = watch(a, ({ type }) => type !== 'up')
    await kill(cluster, meshes[3]!)
    killProcess(a, 'membership')
    await cluster.clock.advance(2_000)
    killProcess(a, 'membership')
    await cluster.clock.advance(40_000)
    expect(own.filter((line) => line.startsWith('down'))).toEqual(['down n4'])
    expect(own.at(-1)).toBe('down n4')
    expect(named(a, 'up')).toEqual(['n2', 'n3', 'n5'])
  })

  it('S36 writes its new generation down before it says it', async () => {
    await using cluster = new Cluster(11)
    const dataDir = await cluster.dir()
    const b = await cluster.start('b', 2)
    const a = await cluster.start('a', 1, { dataDir, seeds: [seed(2)] })
    await cluster.clock.advance(2_000)
    killProcess(a, 'membership')
    killProcess(b, 'membership')
    const next = a.identity.incarnation + 1
    // Files are real: no virtual time passes until it is written and the detector knows that.
    const isBack = (): boolean => a.membership.log().some(({ type }) => type === 'restarted')
    while (!isBack()) {
      const said = seenBy(b, a.key.hex).incarnation.generation
      expect(await writtenIn(dataDir)).toBeGreaterThanOrEqual(said)
      await cluster.clock.settle()
    }
    expect(await writtenIn(dataDir)).toBe(next)
    await until(cluster, () => seenBy(b, a.key.hex).incarnation.generation === next, 5_000)
    await cluster.stop(a)
    const again = await cluster.start('a', 1, { dataDir, seeds: [seed(2)] })
    expect(again.identity.incarnation).toBe(a.identity.incarnation + 2)
    await until(cluster, () => named(b, 'up').length === 1, 5_000)
  })
})

async function writtenIn(dataDir: string): Promise<number> {
  const text = await readFile(join(dataDir, 'node.json'), 'utf8')
  return (JSON.parse(text) as { incarnation: number }).incarnation
}

function killProcess(mesh: Mesh, part: string): void {
  const label = new RegExp(`fovea\\.${part}`)
  const found = [...mesh.system.processes()].find((process) => label.test(process.label))
  if (found === undefined) throw new Error(`no process ${part}`)
  mesh.system.exit(found.pid, 'kill')
}
