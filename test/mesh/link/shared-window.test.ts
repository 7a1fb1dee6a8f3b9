import { describe, expect, it } from 'vitest'
import { SharedWindow } from '../../../mesh/link/shared-window.ts'

const CHUNK = 1_000
const MIN = 4_000
/** Of the way: a turn of either program. */
const STEP_MS = 0.25

/** Sends what the window lets through at that time; gives how many chunks it was. */
function fill(window: SharedWindow, nowMs: number, chunksMax = 1_000, chunk = CHUNK): number {
  let chunks = 0
  while (chunks < chunksMax && window.hasRoom(chunk, nowMs)) {
    window.sent(chunk, nowMs)
    chunks += 1
  }
  return chunks
}

/** A way that brings `perMs` bytes and answers after `wayMs`, for `forMs`. Others share it all the time. */
function run(
  window: SharedWindow,
  way: {
    readonly perMs: number
    readonly wayMs: number
    readonly forMs: number
    readonly chunk?: number
  },
  fromMs = 0,
): { readonly taken: number; readonly endMs: number } {
  const { chunk = CHUNK } = way
  let taken = 0
  let credit = 0
  const answers: { readonly atMs: number; readonly bytes: number }[] = []
  let queued = window.bytesUnderWay
  for (let nowMs = fromMs; nowMs < fromMs + way.forMs; nowMs += STEP_MS) {
    window.shared(nowMs)
    queued += fill(window, nowMs, 1_000, chunk) * chunk
    credit = Math.min(credit + way.perMs * STEP_MS, queued)
    const whole = credit - (credit % chunk)
    credit -= whole
    queued -= whole
    if (whole > 0) answers.push({ atMs: nowMs + way.wayMs, bytes: whole })
    while (answers[0] !== undefined && answers[0].atMs <= nowMs) {
      const { bytes } = answers.shift()!
      if (!window.taken(bytes, nowMs)) throw new Error('more was taken than was sent')
      taken += bytes
    }
  }
  return { taken, endMs: fromMs + way.forMs }
}

describe('SharedWindow', () => {
  it('D3 lets bytesMin under way beside others, and not one chunk more until some are taken', () => {
    const window = new SharedWindow(MIN)
    window.shared(0)
    expect(fill(window, 0)).toBe(4)
    expect(window.bytesUnderWay).toBe(MIN)
    expect(window.hasRoom(1, 0)).toBe(false)
    expect(window.taken(1, 0)).toBe(true)
    expect([window.hasRoom(1, 0), window.hasRoom(2, 0)]).toEqual([true, false])
  })

  it('lets one chunk out when nothing is under way, however large', () => {
    const window = new SharedWindow(10)
    window.shared(0)
    expect(fill(window, 0)).toBe(1)
    window.taken(CHUNK, 1)
    expect(fill(window, 1)).toBe(1)
  })

  it('holds nothing back while nobody else speaks, nor a second after the last word', () => {
    const window = new SharedWindow(MIN)
    expect(fill(window, 0, 100)).toBe(100)
    window.shared(5)
    expect(fill(window, 5)).toBe(0)
    expect(fill(window, 1_004.9)).toBe(0)
    expect(fill(window, 1_005, 100)).toBe(100)
  })

  it('holds nothing back for a word that was the last one long ago', () => {
    const window = new SharedWindow(MIN)
    window.shared(0)
    expect(fill(window, 1_000, 100)).toBe(100)
  })

  it('counts nothing that was never sent', () => {
    const window = new SharedWindow(MIN)
    expect(window.taken(1, 0)).toBe(false)
    window.sent(CHUNK, 0)
    expect([window.taken(CHUNK + 1, 1), window.bytesUnderWay]).toEqual([false, CHUNK])
    expect([window.taken(CHUNK, 1), window.taken(1, 1), window.bytesTaken]).toEqual([
      ...[true, false, CHUNK],
    ])
  })

  it.each([
    { perMs: 100_000, wayMs: 1, settleMs: 200 },
    // It grows by half with each round trip.
    { perMs: 100_000, wayMs: 40, settleMs: 1_500 },
    { perMs: 3_000, wayMs: 1, settleMs: 200 },
    { perMs: 500, wayMs: 20, settleMs: 500 },
  ])('keeps a way of $perMs bytes per ms and $wayMs ms busy with little in front', (way) => {
    const window = new SharedWindow(MIN)
    const { endMs } = run(window, { ...way, forMs: way.settleMs })
    const { taken } = run(window, { ...way, forMs: 500 }, endMs)
    expect(taken).toBeGreaterThan(0.9 * way.perMs * (500 - way.wayMs))
    // What is in front of a message: the window without what is on its way back.
    const inFrontMs = (window.windowBytes - way.perMs * way.wayMs) / way.perMs
    expect(inFrontMs).toBeLessThan(Math.max(MIN / way.perMs, 0.5 * way.wayMs + 4))
  })

  it.each([2_000, 4_000, 16_000])(
    'D3 grows to what a long way takes in chunks of %i bytes, of which bytesMin holds two, one or none',
    (chunk) => {
      const window = new SharedWindow(MIN)
      const way = { perMs: 20_000, wayMs: 40, chunk }
      const { endMs } = run(window, { ...way, forMs: 4_000 })
      const { taken } = run(window, { ...way, forMs: 500 }, endMs)
      expect(taken).toBeGreaterThan(0.9 * way.perMs * (500 - way.wayMs))
    },
  )

  it('lets one chunk more out when all was taken in a round trip, and none when the way was slower', () => {
    const window = new SharedWindow(MIN)
    const size = 2_000
    let nowMs = 0
    const trip = (wayMs: number): number => {
      window.shared(nowMs)
      const chunks = fill(window, nowMs, 1_000, size)
      nowMs += wayMs
      window.taken(window.bytesUnderWay, nowMs)
      return chunks
    }
    // The first tells how long the way is. Half of two chunks is one, less the two milliseconds.
    expect([trip(100), trip(102), trip(102), trip(102)]).toEqual([2, 2, 3, 4])
    trip(400)
    expect(trip(102)).toBe(2)
  })

  it('D3 begins anew at bytesMin when others begin to share the way, whatever was poured before', () => {
    const window = new SharedWindow(MIN)
    const way = { perMs: 100_000, wayMs: 1, forMs: 300 }
    let { endMs: nowMs } = run(window, way)
    expect(window.windowBytes).toBeGreaterThan(100_000)
    window.taken(window.bytesUnderWay, nowMs)
    // Nobody else speaks for a second; who pours has turns of 30 ms.
    nowMs += 1_001
    for (let turns = 0; turns < 10; turns++, nowMs += 30) {
      expect(fill(window, nowMs)).toBe(1_000)
      window.taken(window.bytesUnderWay, nowMs + 30)
    }
    window.shared(nowMs)
    expect(fill(window, nowMs)).toBe(MIN / CHUNK)
    const { endMs } = run(window, way, nowMs)
    const { taken } = run(window, way, endMs)
    expect(taken).toBeGreaterThan(0.9 * 100_000 * 300)
  })

  it('becomes smaller when the way becomes slower, bytesMin at least, and larger again', () => {
    const window = new SharedWindow(MIN)
    let { endMs } = run(window, { perMs: 100_000, wayMs: 2, forMs: 300 })
    const wide = window.windowBytes
    ;({ endMs } = run(window, { perMs: 1_000, wayMs: 2, forMs: 500 }, endMs))
    const narrow = window.windowBytes
    run(window, { perMs: 100_000, wayMs: 2, forMs: 300 }, endMs)
    expect(wide).toBeGreaterThan(200_000)
    expect(narrow).toBeLessThan(20_000)
    expect(narrow).toBeGreaterThanOrEqual(MIN)
    expect(window.windowBytes).toBeGreaterThan(200_000)
  })

  it('is not made smaller by a sender that has little to say', () => {
    const window = new SharedWindow(MIN)
    const { endMs } = run(window, { perMs: 100_000, wayMs: 2, forMs: 300 })
    const wide = window.windowBytes
    for (let nowMs = endMs; nowMs < endMs + 500; nowMs++) {
      window.taken(window.bytesUnderWay, nowMs)
      window.shared(nowMs)
      fill(window, nowMs, 1)
    }
    expect(window.windowBytes).toBeGreaterThanOrEqual(wide)
  })
})
