import { describe, expect, it } from 'vitest'
import { Keepalive } from '../../../mesh/link/keepalive.ts'

const options = { intervalMs: 1_000, missesMax: 3, restFactor: 10 }

describe('Keepalive', () => {
  it('ML22 finds a peer that falls silent right after a pong within 4 s', () => {
    const keepalive = new Keepalive(options, 0)
    const first = keepalive.tick(1_000)
    expect(first).toEqual({ type: 'ping', sequence: 1 })
    keepalive.pong(1, 1_002)
    expect(keepalive.tick(2_000).type).toBe('ping')
    expect(keepalive.tick(3_000).type).toBe('ping')
    expect(keepalive.tick(4_000).type).toBe('ping')
    expect(keepalive.tick(5_000)).toEqual({ type: 'dead', misses: 3 })
  })

  it('a peer that never said anything after the handshake is dead after the third miss', () => {
    const keepalive = new Keepalive(options, 0)
    const types = [1, 2, 3, 4].map((s) => keepalive.tick(s * 1_000).type)
    expect(types).toEqual(['ping', 'ping', 'ping', 'dead'])
  })

  it('ML41 any byte is a sign of life: a busy link without pongs stays up', () => {
    const keepalive = new Keepalive(options, 0)
    for (let s = 1; s < 100; s++) {
      keepalive.heard()
      expect(keepalive.tick(s * 1_000).type).toBe('ping')
    }
    expect(keepalive.misses).toBe(0)
  })

  it('one answer after two misses starts the count again', () => {
    const keepalive = new Keepalive(options, 0)
    keepalive.tick(1_000)
    keepalive.tick(2_000)
    keepalive.tick(3_000)
    expect(keepalive.misses).toBe(2)
    keepalive.heard()
    keepalive.tick(4_000)
    expect(keepalive.misses).toBe(0)
    expect(keepalive.tick(5_000).type).toBe('ping')
  })

  it('H40 a late tick of our own judges nobody', () => {
    const keepalive = new Keepalive(options, 0)
    keepalive.tick(1_000)
    keepalive.tick(2_000)
    keepalive.tick(3_000)
    expect(keepalive.misses).toBe(2)
    // Our event loop stood still for 7 s: the pong lies unread in the socket.
    expect(keepalive.tick(10_000).type).toBe('ping')
    expect(keepalive.lateTicks).toBe(1)
    keepalive.heard()
    expect(keepalive.tick(11_000).type).toBe('ping')
    expect(keepalive.misses).toBe(0)
  })

  it('a tick late by exactly one interval still counts', () => {
    const keepalive = new Keepalive(options, 0)
    keepalive.tick(1_000)
    keepalive.tick(3_000)
    expect(keepalive.misses).toBe(1)
    keepalive.tick(5_001)
    expect(keepalive.misses).toBe(1)
  })

  it('measures the round trip of the ping that is open, smoothed, and of no other', () => {
    const keepalive = new Keepalive(options, 0)
    keepalive.tick(1_000)
    keepalive.pong(1, 1_040)
    expect(keepalive.rttMs).toBe(40)
    keepalive.tick(2_000)
    keepalive.pong(1, 2_900)
    expect(keepalive.rttMs).toBe(40)
    keepalive.pong(2, 2_080)
    expect(keepalive.rttMs).toBe(45)
    keepalive.pong(2, 2_999)
    expect(keepalive.rttMs).toBe(45)
  })

  it('H20 answers 32 pings per interval and not the 33rd', () => {
    const keepalive = new Keepalive(options, 0)
    for (let i = 0; i < 32; i++) expect(keepalive.ping(0)).toBe(true)
    expect(keepalive.ping(0)).toBe(false)
    keepalive.tick(1_000)
    expect(keepalive.ping(0)).toBe(true)
  })

  it('pings once in ten intervals while nobody needs the link', () => {
    const keepalive = new Keepalive(options, 0)
    expect(keepalive.dueMs).toBe(1_000)
    keepalive.tick(1_000, false)
    expect([keepalive.resting, keepalive.dueMs]).toEqual([true, 11_000])
    keepalive.pong(1, 1_002)
    expect(keepalive.tick(11_000, false)).toEqual({ type: 'ping', sequence: 2 })
    expect([keepalive.misses, keepalive.lateTicks, keepalive.dueMs]).toEqual([0, 0, 21_000])
  })

  it('wakes up at once: dead within 4 s of the moment when it is needed', () => {
    const keepalive = new Keepalive(options, 0)
    keepalive.tick(1_000, false)
    keepalive.heard()
    keepalive.wakeUp(5_000)
    expect([keepalive.resting, keepalive.dueMs]).toEqual([false, 6_000])
    const types = [6, 7, 8, 9].map((s) => keepalive.tick(s * 1_000, true).type)
    expect(types).toEqual(['ping', 'ping', 'ping', 'dead'])
  })

  it('does not postpone a ping that is nearly due when it wakes up', () => {
    const keepalive = new Keepalive(options, 0)
    keepalive.tick(1_000, false)
    keepalive.wakeUp(10_700)
    expect(keepalive.dueMs).toBe(11_000)
    keepalive.wakeUp(10_800)
    expect(keepalive.dueMs).toBe(11_000)
  })

  it('stays awake while an answer is missing, needed or not', () => {
    const keepalive = new Keepalive(options, 0)
    keepalive.tick(1_000, false)
    keepalive.tick(11_000, false)
    expect([keepalive.misses, keepalive.dueMs]).toEqual([1, 12_000])
    keepalive.tick(12_000, false)
    expect(keepalive.tick(13_000, false)).toEqual({ type: 'dead', misses: 3 })
  })

  it('judges nobody by a tick that comes an interval late, at rest as well', () => {
    const keepalive = new Keepalive(options, 0)
    keepalive.tick(1_000, false)
    keepalive.tick(12_001, false)
    expect([keepalive.misses, keepalive.lateTicks]).toEqual([0, 1])
  })

  it('H20 answers as many pings per interval at rest as awake', () => {
    const keepalive = new Keepalive(options, 0)
    keepalive.tick(1_000, false)
    for (let i = 0; i < 320; i++) expect(keepalive.ping(0)).toBe(true)
    expect(keepalive.ping(0)).toBe(false)
  })

  it('the dialled side leaves its pings to the dialler, but for one in ten that measures', () => {
    const keepalive = new Keepalive({ ...options, initiator: false }, 0)
    const types = Array.from({ length: 20 }, (_, index) => {
      keepalive.ping(index * 1_000 + 900)
      return keepalive.tick((index + 1) * 1_000).type
    })
    expect(types.filter((type) => type === 'ping')).toHaveLength(2)
    expect(types.lastIndexOf('ping') - types.indexOf('ping')).toBe(10)
    expect(keepalive.misses).toBe(0)
  })

  it('ML22 the dialled side finds a dialler that falls silent within 4 s of its last ping', () => {
    const keepalive = new Keepalive({ ...options, initiator: false }, 0)
    keepalive.ping(900)
    const types = ['tick at 1,000', 'late', 'miss', 'miss'].map(() => {
      return keepalive.tick(keepalive.dueMs).type
    })
    expect(types).toEqual(['quiet', 'ping', 'ping', 'dead'])
    expect(keepalive.dueMs).toBe(4_150)
  })

  it('the dialled side pings when the next ping of the dialler is late by a quarter of an interval', () => {
    const keepalive = new Keepalive({ ...options, initiator: false }, 0)
    keepalive.ping(900)
    keepalive.tick(1_000)
    expect(keepalive.dueMs).toBe(2_150)
    keepalive.ping(1_900)
    expect(keepalive.tick(2_150).type).toBe('quiet')
    expect(keepalive.dueMs).toBe(3_150)
    expect(keepalive.tick(3_150)).toEqual({ type: 'ping', sequence: 1 })
    expect([keepalive.misses, keepalive.dueMs]).toEqual([1, 4_150])
  })

  it('the dialled side waits a quarter of an interval at least, after a ping of long ago', () => {
    const keepalive = new Keepalive({ ...options, initiator: false }, 0)
    keepalive.ping(100)
    keepalive.tick(1_500)
    expect(keepalive.dueMs).toBe(1_750)
  })

  it('the dialled side pings by itself when bytes come but no pings', () => {
    const keepalive = new Keepalive({ ...options, initiator: false }, 0)
    const types = [1, 2, 3].map((s) => {
      keepalive.heard()
      return keepalive.tick(s * 1_000).type
    })
    expect(types).toEqual(['ping', 'ping', 'ping'])
  })

  it('a link that nobody needs when it is made rests from the beginning, and wakes up', () => {
    const keepalive = new Keepalive(options, 0, false)
    expect([keepalive.resting, keepalive.dueMs]).toEqual([true, 10_000])
    expect(keepalive.wakeUp(2_000)).toBe(3_000)
  })
})
