import { describe, expect, it } from 'vitest'
import { createRealm } from '../../mesh/identity/realm.ts'
import type { Mesh } from '../../mesh/mesh.ts'
import { startMesh } from '../../mesh/mesh.ts'
import { currentProcess } from '../../runtime/index.ts'
import type { Clock } from '../../runtime/index.ts'
import { Cluster, codeOf, linkTo, membersOf, peersOf } from './cluster.ts'

const seed = (n: number) => `10.0.0.${n}:4433`

describe('joining', () => {
  it('ML11 a chain of seeds ends in a full mesh: C knows only B and reaches A', async () => {
    await using cluster = new Cluster()
    const a = await cluster.start('a', 1)
    const b = await cluster.start('b', 2, { seeds: [seed(1)] })
    const c = await cluster.start('c', 3, { seeds: [seed(2)] })
    await cluster.clock.advance(1_000)
    expect([a, b, c].map(peersOf)).toEqual(['b c', 'a c', 'a b'])
    expect([a, b, c].map(membersOf)).toEqual(['b up, c up', 'a up, c up', 'a up, b up'])
    expect(cluster.events.filter((line) => line.includes('down'))).toEqual([])
    expect(a.stats().refused).toEqual({})
  })

  it('NX-D14 a node started before its seed joins when the seed comes', async () => {
    await using cluster = new Cluster()
    const b = await cluster.start('b', 2, { seeds: [seed(1)] })
    await cluster.clock.advance(60_000)
    expect(peersOf(b)).toBe('')
    const a = await cluster.start('a', 1)
    await cluster.clock.advance(30_000 + 5_000)
    expect([a, b].map(peersOf)).toEqual(['b', 'a'])
  })

  it('D7 the node itself among its seeds and two addresses of one node do no harm', async () => {
    await using cluster = new Cluster()
    const lookup = async () => ['10.0.0.1']
    const seeds = [seed(1), seed(2), 'a@seed.example:4433']
    const a = await cluster.start('a', 1, { seeds, lookup })
    const b = await cluster.start('b', 2, { seeds, lookup })
    await cluster.clock.advance(60_000)
    expect([a, b].map(peersOf)).toEqual(['b', 'a'])
    expect(cluster.events.filter((line) => line.includes('down'))).toEqual([])
  })

  it('a name that cannot be looked up is tried again', async () => {
    await using cluster = new Cluster()
    let answer: readonly string[] | Error = new Error('SERVFAIL')
    const lookup = async () => {
      if (answer instanceof Error) throw answer
      return answer
    }
    const a = await cluster.start('a', 1)
    const b = await cluster.start('b', 2, { seeds: ['seed.example'], lookup })
    await cluster.clock.advance(2_000)
    expect(b.stats().refused).toHaveProperty('ERR_DIAL_LOOKUP')
    answer = []
    await cluster.clock.advance(10_000)
    expect(peersOf(b)).toBe('')
    answer = ['10.0.0.1']
    await cluster.clock.advance(30_000)
    expect([a, b].map(peersOf)).toEqual(['b', 'a'])
  })

  it('addSeed joins at run time', async () => {
    await using cluster = new Cluster()
    const a = await cluster.start('a', 1)
    const b = await cluster.start('b', 2)
    b.addSeed(a.nodeId)
    await cluster.clock.advance(1_000)
    expect(peersOf(a)).toBe('b')
  })

  it.each(Array.from({ length: 20 }, (_, i) => i + 1))(
    'NX-D4 D8 five nodes that dial each other at once: one link per pair, no down (seed %i)',
    async (number) => {
      await using cluster = new Cluster(number, { latencyMs: 1, jitterMs: 30 })
      const numbers = [1, 2, 3, 4, 5]
      const meshes = await Promise.all(
        numbers.map((n) =>
          cluster.start(`n${n}`, n, { seeds: numbers.filter((m) => m !== n).map(seed) }),
        ),
      )
      await cluster.clock.advance(20_000)
      for (const mesh of meshes) expect(mesh.links()).toHaveLength(4)
      expect(cluster.events.filter((line) => line.includes('down'))).toEqual([])
      expect(cluster.events).toHaveLength(20)
      for (const mesh of meshes) expect(mesh.stats()).toMatchObject({ handshakes: 0, dials: 0 })
      // Both sides of a pair agree on who dialled: it is the same connection.
      for (const mesh of meshes) {
        for (const link of mesh.links()) {
          const other = meshes.find((m) => m.key.hex === link.peer.key.hex)
          expect(other?.linkTo(mesh.key.hex)?.initiator).toBe(!link.initiator)
        }
      }
    },
  )

  it('the same seed gives the same run', async () => {
    const run = async () => {
      await using cluster = new Cluster(7, { latencyMs: 1, jitterMs: 30 })
      const numbers = [1, 2, 3, 4]
      await Promise.all(
        numbers.map((n) => cluster.start(`n${n}`, n, { seeds: numbers.slice(0, n - 1).map(seed) })),
      )
      await cluster.clock.advance(15_000)
      return [...cluster.events]
    }
    const first = await run()
    expect(first).toHaveLength(12)
    expect(await run()).toEqual(first)
  })
})

describe('losing each other', () => {
  const pair = async (cluster: Cluster, more: object = {}): Promise<[Mesh, Mesh]> => {
    const a = await cluster.start('a', 1, more)
    const b = await cluster.start('b', 2, { seeds: [seed(1)], ...more })
    await cluster.clock.advance(1_000)
    expect([a, b].map(peersOf)).toEqual(['b', 'a'])
    cluster.events.length = 0
    return [a, b]
  }

  it('ML1 ML22 ML29 an idle link stays up for an hour', async () => {
    await using cluster = new Cluster()
    const [a, b] = await pair(cluster)
    await cluster.clock.advance(3_600_000)
    expect(cluster.events).toEqual([])
    expect([a, b].map(peersOf)).toEqual(['b', 'a'])
    expect(linkTo(a, 'b').rttMs).toBeGreaterThan(0)
  })

  it('a partition is found within 5 s and healed after it ends', async () => {
    await using cluster = new Cluster()
    const [a, b] = await pair(cluster)
    cluster.network.partition(['10.0.0.1'], ['10.0.0.2'])
    await cluster.clock.advance(5_000)
    expect([...cluster.events].sort()).toEqual([
      'a down b heartbeat_timeout',
      'b down a heartbeat_timeout',
    ])
    // A link that fell silent is a reason to probe; down is who does not answer while suspected.
    expect([a, b].map(membersOf)).toEqual(['b suspect', 'a suspect'])
    await cluster.clock.advance(5_000)
    expect([a, b].map(membersOf)).toEqual(['b down', 'a down'])
    await cluster.clock.advance(120_000)
    expect(cluster.events).toHaveLength(2)
    cluster.network.heal()
    await cluster.clock.advance(40_000)
    expect([a, b].map(membersOf)).toEqual(['b up', 'a up'])
    expect(cluster.events).toHaveLength(4)
  })

  it('a node killed without a word is found within 5 s by all, and by nobody again', async () => {
    await using cluster = new Cluster()
    const [a, b] = await pair(cluster)
    const c = await cluster.start('c', 3, { seeds: [seed(1)] })
    await cluster.clock.advance(1_000)
    cluster.events.length = 0
    cluster.network.kill('10.0.0.2')
    await cluster.clock.advance(5_000)
    expect(cluster.events.filter((line) => !line.startsWith('b ')).sort()).toEqual([
      'a down b heartbeat_timeout',
      'c down b heartbeat_timeout',
    ])
    await cluster.clock.advance(600_000)
    expect(cluster.events.filter((line) => !line.startsWith('b '))).toHaveLength(2)
    expect([a, c].map(membersOf)).toEqual(['b down, c up', 'a up, b down'])
    expect(peersOf(b)).toBe('')
  })

  it('a partition of three against two heals to a full mesh', async () => {
    await using cluster = new Cluster(3, { latencyMs: 2, jitterMs: 3 })
    const meshes: Mesh[] = []
    for (const n of [1, 2, 3, 4, 5]) {
      meshes.push(await cluster.start(`n${n}`, n, n === 1 ? {} : { seeds: [seed(1)] }))
    }
    await cluster.clock.advance(3_000)
    const [left, right] = [
      [1, 2, 3],
      [4, 5],
    ].map((side) => side.map((n) => `10.0.0.${n}`))
    cluster.network.partition(left!, right!)
    await cluster.clock.advance(60_000)
    expect(meshes.map((mesh) => mesh.links().length)).toEqual([2, 2, 2, 1, 1])
    cluster.network.heal()
    await cluster.clock.advance(60_000)
    expect(meshes.map((mesh) => mesh.links().length)).toEqual([4, 4, 4, 4, 4])
  })

  it('a goodbye is graceful_shutdown on both sides, and nobody dials until the node comes back', async () => {
    await using cluster = new Cluster()
    const dataDir = await cluster.dir()
    const a = await cluster.start('a', 1)
    const b = await cluster.start('b', 2, { seeds: [seed(1)], dataDir })
    await cluster.clock.advance(1_000)
    cluster.events.length = 0
    const leaving = b.stop()
    await cluster.clock.advance(10)
    // Known at once; the links go when all had the time to hear it.
    expect(membersOf(a)).toBe('b left')
    expect(cluster.events).toEqual([])
    await cluster.clock.advance(1_500)
    expect(cluster.events).toEqual(['b down a graceful_shutdown', 'a down b graceful_shutdown'])
    await cluster.during(leaving)
    const before = cluster.lines.length
    await cluster.clock.advance(600_000)
    expect(a.stats()).toMatchObject({ dials: 0, handshakes: 0, links: 0 })
    expect(cluster.lines.slice(before)).toEqual([])
    const again = await cluster.start('b', 2, { seeds: [seed(1)], dataDir })
    await cluster.clock.advance(1_000)
    expect(membersOf(a)).toBe('b up')
    expect(again.key.hex).toBe(b.key.hex)
    expect(linkTo(a, 'b').peer.incarnation).toBe(b.identity.incarnation + 1)
  })

  it('a node that stops before it knows that it was accepted has said goodbye all the same', async () => {
    await using cluster = new Cluster(1, { latencyMs: 20 })
    const a = await cluster.start('a', 1)
    const b = await cluster.start('b', 2, { seeds: [seed(1)] })
    while (peersOf(a) === '') await cluster.clock.advance(1)
    expect(peersOf(b)).toBe('')
    await cluster.stop(b)
    await cluster.clock.advance(100)
    expect(cluster.events).toEqual(['a up b', 'a down b graceful_shutdown'])
    // It had said nothing about itself yet.
    expect(membersOf(a)).toBe('')
  })

  it('a seed that said goodbye is found again after its restart', async () => {
    await using cluster = new Cluster()
    const [a, b] = await pair(cluster)
    await cluster.stop(a)
    const again = await cluster.start('a', 1)
    await cluster.clock.advance(35_000)
    expect([again, b].map(peersOf)).toEqual(['b', 'a'])
  })

  it('MG20 NX-D3 a node that crashed and comes back is one down and one up, and then it is quiet', async () => {
    await using cluster = new Cluster()
    const dataDir = await cluster.dir()
    const a = await cluster.start('a', 1)
    const b = await cluster.start('b', 2, { seeds: [seed(1)], dataDir })
    await cluster.clock.advance(1_000)
    const { incarnation } = linkTo(a, 'b').peer
    cluster.events.length = 0
    // As kill -9: nothing is said, nothing is sent any more; the lock of a dead process is free.
    cluster.network.kill('10.0.0.2')
    await b.identity.close()
    const again = await cluster.start('b', 2, { seeds: [seed(1)], dataDir })
    await cluster.clock.advance(1_000)
    expect(cluster.events.filter((line) => line.startsWith('a '))).toEqual([
      'a down b connection_closed',
      'a up b',
    ])
    expect(linkTo(a, 'b').peer.incarnation).toBe(incarnation + 1)
    await cluster.clock.advance(600_000)
    expect(cluster.events.filter((line) => line.startsWith('a down'))).toHaveLength(1)
    expect(peersOf(again)).toBe('a')
  })

  it('H31 an older incarnation of a known node is refused with the reason', async () => {
    await using cluster = new Cluster()
    const [dataDir, old] = [await cluster.dir(), await cluster.dir()]
    const { cp } = await import('node:fs/promises')
    const a = await cluster.start('a', 1)
    await cluster.stop(await cluster.start('b', 2, { dataDir }))
    await cp(dataDir, old, { recursive: true })
    await cluster.stop(await cluster.start('b', 2, { dataDir }))
    const b = await cluster.start('b', 2, { seeds: [seed(1)], dataDir })
    await cluster.clock.advance(1_000)
    expect(b.identity.incarnation).toBe(3)
    cluster.events.length = 0
    const ghost = await cluster.start('ghost', 3, { dataDir: old })
    expect(ghost.identity.incarnation).toBe(2)
    const dial = ghost.connect({ host: '10.0.0.1', port: 4433 })
    await expect(cluster.during(dial)).rejects.toMatchObject({
      code: 'ERR_LINK_REJECTED',
      reason: 'stale_incarnation',
    })
    expect(cluster.events).toEqual([])
    expect(peersOf(a)).toBe('b')
    // The other way round: we dial the ghost, after the real one is gone.
    cluster.network.kill('10.0.0.2')
    await cluster.clock.advance(5_000)
    await expect(cluster.during(a.connect({ host: '10.0.0.3', port: 4433 }))).rejects.toMatchObject(
      { code: 'ERR_LINK_REFUSED', reason: 'stale_incarnation' },
    )
    expect(peersOf(a)).toBe('')
  })

  it('ML40 a lookup that never answers ends with its dial', async () => {
    await using cluster = new Cluster()
    const a = await cluster.start('a', 1, { lookup: () => new Promise(() => {}) })
    const before = [...a.system.processes()].length
    const dial = codeOf(a.connect({ host: 'nowhere.example', port: 4433 }))
    await cluster.clock.advance(1_000)
    expect([...a.system.processes()]).toHaveLength(before + 1)
    await cluster.clock.advance(4_000)
    expect(await dial).toBe('ERR_DIAL_TIMEOUT')
    expect([...a.system.processes()]).toHaveLength(before)
  })

  it('S44 a node down for tombstoneMs is forgotten and not dialled any more but to heal', async () => {
    await using cluster = new Cluster()
    const membership = { tombstoneMs: 60_000, healAddressesMax: 0 }
    const [a, b] = await pair(cluster, { membership })
    const seen: string[] = []
    a.membership.subscribe((event) => void seen.push(event.type))
    cluster.network.partition(['10.0.0.1'], ['10.0.0.2'])
    await cluster.clock.advance(75_000)
    expect(seen).toEqual(['up', 'suspect', 'down', 'forgotten'])
    expect(membersOf(a)).toBe('')
    await cluster.clock.advance(60_000)
    expect(a.stats().dials).toBe(0)
    expect(membersOf(b)).toBe('')
  })

  it('disconnect says goodbye to one node only', async () => {
    await using cluster = new Cluster()
    const [a, b] = await pair(cluster)
    const c = await cluster.start('c', 3, { seeds: [seed(1)] })
    await cluster.clock.advance(1_000)
    cluster.events.length = 0
    await cluster.during(a.disconnect(c.key.hex))
    expect(cluster.events).toEqual(['a down c graceful_shutdown', 'c down a graceful_shutdown'])
    expect([a, b].map(peersOf)).toEqual(['b', 'a c'])
  })
})

describe('who is refused', () => {
  it('MG19 ML43 H4 a node of another realm: the dialler is told so, nothing crosses', async () => {
    await using cluster = new Cluster()
    const a = await cluster.start('a', 1)
    const stranger = await cluster.start('x', 2, {
      realm: createRealm('com.example.test'),
      seeds: [seed(1)],
    })
    await expect(
      cluster.during(stranger.connect({ host: '10.0.0.1', port: 4433 })),
    ).rejects.toMatchObject({ code: 'ERR_LINK_REALM_MISMATCH', reason: 'realm_mismatch' })
    await cluster.clock.advance(60_000)
    expect([a, stranger].map(membersOf)).toEqual(['', ''])
    expect(cluster.events).toEqual([])
    // D14: a lasting failure is repeated at the longest pause only.
    expect(stranger.stats().refused['ERR_LINK_REALM_MISMATCH']).toBeLessThan(6)
  })

  it('H3 H40 a node whose wall clock is a day ahead is refused by name of the rule, on both sides', async () => {
    await using cluster = new Cluster()
    const { clock } = cluster
    const ahead: Clock = {
      virtual: true,
      now: () => clock.now(),
      wallNow: () => clock.wallNow() + 86_400_000,
      setTimer: (delayMs, fn) => clock.setTimer(delayMs, fn),
      nextTurn: (fn) => clock.nextTurn(fn),
      microtask: (fn) => clock.microtask(fn),
    }
    const a = await cluster.start('a', 1)
    const b = await cluster.start('b', 2, { clock: ahead })
    await expect(cluster.during(b.connect(a.address))).rejects.toMatchObject({
      code: 'ERR_LINK_REJECTED',
      reason: 'certificate_refused',
      message: expect.stringContaining('ERR_CERTIFICATE_NOT_YET_VALID') as string,
    })
    await expect(cluster.during(a.connect(b.address))).rejects.toMatchObject({
      code: 'ERR_TRANSPORT_PEER_KEY',
      cause: { code: 'ERR_CERTIFICATE_NOT_YET_VALID' },
    })
    expect(a.stats().refused['ERR_CERTIFICATE_NOT_YET_VALID']).toBe(2)
  })

  it('a link beyond linksMax is rejected with too_many_links, and ours with ERR_LINK_LIMIT', async () => {
    await using cluster = new Cluster()
    const a = await cluster.start('a', 1, { linksMax: 2 })
    await cluster.start('b', 2, { seeds: [seed(1)] })
    await cluster.clock.advance(1_000)
    const c = await cluster.start('c', 3, {})
    await cluster.during(c.connect({ host: '10.0.0.1', port: 4433 }))
    expect(a.links()).toHaveLength(2)
    const d = await cluster.start('d', 4, {})
    await expect(cluster.during(d.connect({ host: '10.0.0.1', port: 4433 }))).rejects.toMatchObject(
      {
        code: 'ERR_LINK_REJECTED',
        reason: 'too_many_links',
      },
    )
    const ours = a.connect({ host: '10.0.0.4', port: 4433 })
    expect(await codeOf(cluster.during(ours))).toBe('ERR_LINK_LIMIT')
    expect(a.links()).toHaveLength(2)
  })

  it('dialling itself is ERR_LINK_SELF, a dead port ERR_DIAL_TIMEOUT, another key ERR_TRANSPORT_PEER_KEY', async () => {
    await using cluster = new Cluster()
    const a = await cluster.start('a', 1)
    const b = await cluster.start('b', 2)
    const dial = (n: number, key?: Mesh['key']) =>
      codeOf(
        cluster.during(
          a.connect({ host: `10.0.0.${n}`, port: 4433, ...(key === undefined ? {} : { key }) }),
        ),
      )
    expect(await dial(1)).toBe('ERR_LINK_SELF')
    expect(await dial(9)).toMatch(/^ERR_(DIAL|TRANSPORT)_TIMEOUT$/)
    expect(await dial(2, a.key)).toBe('ERR_TRANSPORT_PEER_KEY')
    expect(await dial(2, b.key)).toBe('resolved')
  })
})

describe('parts that fail', () => {
  const trio = async (cluster: Cluster): Promise<Mesh[]> => {
    const a = await cluster.start('a', 1)
    const b = await cluster.start('b', 2, { seeds: [seed(1)] })
    const c = await cluster.start('c', 3, { seeds: [seed(1)] })
    await cluster.clock.advance(1_000)
    expect([a, b, c].map(peersOf)).toEqual(['b c', 'a c', 'a b'])
    cluster.events.length = 0
    return [a, b, c]
  }
  const kill = (mesh: Mesh, label: RegExp) => {
    const found = [...mesh.system.processes()].filter((process) => label.test(process.label))
    expect(found.length).toBeGreaterThan(0)
    mesh.system.exit(found[0]!.pid, 'kill')
  }

  it('ML36 a link process that is killed closes its link only, and the mesh dials again', async () => {
    await using cluster = new Cluster()
    const [a, b, c] = (await trio(cluster)) as [Mesh, Mesh, Mesh]
    kill(a, /fovea\.link/)
    await cluster.clock.advance(5_000)
    const downs = cluster.events.filter((line) => line.startsWith('a down'))
    expect(downs).toHaveLength(1)
    expect([a, b, c].map(peersOf)).toEqual(['b c', 'a c', 'a b'])
  })

  it('what handlers of links throw or reject with is counted, and no link or process is the worse for it', async () => {
    await using cluster = new Cluster()
    const a = await cluster.start('a', 1)
    const within: (string | undefined)[] = []
    a.onLink(() => {
      throw new Error('broken')
    })
    const late = async (): Promise<void> => {
      await new Promise<void>((resolve) => void cluster.clock.setTimer(300, () => resolve()))
      throw new Error('broken later')
    }
    a.onLink(late as () => unknown as () => void)
    a.onLink(({ type }) => void within.push(`${type} ${currentProcess()?.label ?? 'nobody'}`))
    const b = await cluster.start('b', 2, { seeds: [seed(1)] })
    await cluster.clock.advance(1_000)
    expect(peersOf(a)).toBe('b')
    expect(a.stats().refused['ERR_LINK_HANDLER']).toBe(2)
    await cluster.during(b.disconnect(a.key.hex))
    await cluster.clock.advance(500)
    expect(within.slice(0, 2)).toEqual(['up nobody', 'down nobody'])
    expect(a.stats().refused['ERR_LINK_HANDLER']).toBe(2 * within.length)
  })

  it.each(['endpoint', 'membership', 'discovery', 'identity'])(
    'a killed %s process is started again, and so is everything after it',
    async (part) => {
      await using cluster = new Cluster()
      const [a, b, c] = (await trio(cluster)) as [Mesh, Mesh, Mesh]
      kill(a, new RegExp(`fovea\\.${part}`))
      await cluster.clock.advance(20_000)
      expect([a, b, c].map(peersOf)).toEqual(['b c', 'a c', 'a b'])
      expect([a, b, c].map(membersOf)).toEqual(['b up, c up', 'a up, c up', 'a up, b up'])
      expect(a.address).toEqual({ host: '10.0.0.1', port: 4433 })
      const downs = cluster.events.filter((line) => line.startsWith('a down'))
      expect(downs).toHaveLength(part === 'endpoint' || part === 'identity' ? 2 : 0)
      const d = await cluster.start('d', 4, { seeds: [seed(1)] })
      await cluster.clock.advance(1_000)
      expect(peersOf(d)).toBe('a b c')
    },
  )

  it('a mesh whose parts fail again and again gives up, says so and leaves nothing', async () => {
    await using cluster = new Cluster()
    const a = await cluster.start('a', 1)
    let reason: unknown
    void a.ended.then((given) => (reason = given))
    for (let i = 0; i < 11; i++) {
      kill(a, /fovea\.discovery/)
      await cluster.clock.advance(10)
    }
    await cluster.clock.advance(1_000)
    expect(reason).toBe('shutdown')
    expect(cluster.lines.some(({ text }) => text.includes('gave up'))).toBe(true)
    expect(await codeOf(a.connect({ host: '10.0.0.2', port: 4433 }))).toBe('ERR_MESH_STOPPED')
    expect(cluster.clock.timerCount).toBe(0)
  })
})

describe('starting and stopping', () => {
  it('stop is idempotent, tells ended, and leaves no timer behind', async () => {
    await using cluster = new Cluster()
    const a = await cluster.start('a', 1)
    const b = await cluster.start('b', 2, { seeds: [seed(1), seed(9)] })
    await cluster.clock.advance(2_000)
    await cluster.during(Promise.all([a.stop(), b.stop(), a.stop()]))
    expect(await a.ended).toBe('shutdown')
    expect(cluster.clock.timerCount).toBe(0)
    expect([...a.system.processes()]).toEqual([])
    expect(() => a.addSeed('10.0.0.1:1')).toThrow(
      expect.objectContaining({ code: 'ERR_MESH_STOPPED' }),
    )
    expect(await codeOf(a.connect({ host: '10.0.0.2', port: 4433 }))).toBe('ERR_MESH_STOPPED')
  })

  it('a dial under way ends when the mesh stops', async () => {
    await using cluster = new Cluster()
    const a = await cluster.start('a', 1)
    const dial = codeOf(a.connect({ host: '10.0.0.9', port: 4433 }))
    await cluster.clock.advance(100)
    await cluster.stop(a)
    expect(await dial).toBe('ERR_DIAL_ABORTED')
    expect(cluster.clock.timerCount).toBe(0)
  })

  it('without options what is missing first is told', async () => {
    await expect(startMesh(undefined as never)).rejects.toMatchObject({
      code: 'ERR_REALM_REQUIRED',
    })
  })

  it('a port that is taken rejects the start with the code of the transport', async () => {
    await using cluster = new Cluster()
    const dataDir = await cluster.dir()
    await cluster.start('a', 1)
    const start = startMesh(cluster.options('b', 1, { dataDir }))
    expect(await codeOf(cluster.during(start))).toBe('ERR_TRANSPORT_PORT_BUSY')
    // The lock of the data directory is free again.
    await cluster.start('b', 2, { dataDir })
  })

  it('runs in a system of the user and leaves it running', async () => {
    await using cluster = new Cluster()
    const { createSystem } = await import('../../runtime/index.ts')
    const { clock, entropy } = cluster
    const system = createSystem({ clock, entropy })
    const a = await cluster.start('a', 1, { system })
    expect(a.system).toBe(system)
    await cluster.stop(a)
    expect(system.stopping).toBe(false)
    expect([...system.processes()]).toEqual([])
    await system.stop()
  })

  it('frames reach the handler of their type, in order, on both lanes', async () => {
    await using cluster = new Cluster()
    const { encodeFrame } = await import('../../mesh/wire/frame.ts')
    const a = await cluster.start('a', 1)
    const b = await cluster.start('b', 2, { seeds: [seed(1)] })
    const got: string[] = []
    const off = b.handleFrames(0xa0, 0xbf, (link, type, payload) => {
      got.push(`${link.peer.name} ${type.toString(16)} ${payload.join('.')}`)
    })
    await cluster.clock.advance(1_000)
    const link = linkTo(a, 'b')
    for (const n of [1, 2, 3]) {
      expect(link.send('dist', encodeFrame(0xa0, Uint8Array.of(n)))).toBe(true)
    }
    link.send('control', encodeFrame(0xa1, new Uint8Array(0)))
    await cluster.clock.advance(100)
    expect(got.filter((line) => line.includes('a0'))).toEqual(['a a0 1', 'a a0 2', 'a a0 3'])
    expect(got).toContain('a a1 ')
    off()
    link.send('dist', encodeFrame(0xa0, Uint8Array.of(4)))
    await cluster.clock.advance(100)
    expect(got).toHaveLength(4)
    expect(b.stats().refused).toEqual({ ERR_LINK_FRAME_UNHANDLED: 1 })
    expect(peersOf(b)).toBe('a')
  })

  it('what was sent before a goodbye is handled before the down event', async () => {
    await using cluster = new Cluster(5, { latencyMs: 1, jitterMs: 20 })
    const { encodeFrame } = await import('../../mesh/wire/frame.ts')
    const a = await cluster.start('a', 1)
    const b = await cluster.start('b', 2, { seeds: [seed(1)] })
    await cluster.clock.advance(1_000)
    const got: string[] = []
    a.handleFrames(0xa0, 0xa0, (_link, _type, payload) => void got.push(`frame ${payload[0]!}`))
    a.onLink((event) => void got.push(event.type))
    const link = linkTo(b, 'a')
    for (let n = 0; n < 50; n++) link.send('dist', encodeFrame(0xa0, Uint8Array.of(n)))
    await cluster.stop(b)
    expect(got).toEqual([...Array.from({ length: 50 }, (_, n) => `frame ${n}`), 'down'])
  })
})
