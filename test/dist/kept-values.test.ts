/** What a process received is its own: memory that carried it is used again for what comes after it. */
import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import type { FoveaNode } from '../../dist/index.ts'
import { probe, startWorld } from './support/world.ts'

const BYTES = 104_000
const ROUNDS = 3

/** Each kind of value that could be a view of what was received, no two alike. */
function valuesOf(round: number): readonly object[] {
  const bytes = new Uint8Array(BYTES).fill(round + 1)
  return [
    { round, bytes },
    { round, inside: [new Map([['bytes', bytes]]), new Set([bytes.subarray(7)])] },
    { round, numbers: new Float64Array(BYTES / 8).fill(round + 0.5) },
    { round, buffer: bytes.buffer, text: String.fromCharCode(97 + round).repeat(BYTES) },
  ]
}

const hashOf = (value: unknown): string => {
  const hash = createHash('sha1')
  const add = (part: unknown): void => {
    if (part instanceof ArrayBuffer) hash.update(new Uint8Array(part))
    else if (ArrayBuffer.isView(part))
      hash.update(new Uint8Array(part.buffer, part.byteOffset, part.byteLength))
    else if (part instanceof Map || part instanceof Set || Array.isArray(part))
      for (const each of part) add(each)
    else if (typeof part === 'object' && part !== null) add(Object.entries(part))
    else hash.update(String(part))
  }
  add(value)
  return hash.digest('hex')
}

it('X-01 large values stay what they were for who keeps them, and passes them on, while others come', async () => {
  const world = await startWorld(3)
  const [a, b, c] = world.nodes as [FoveaNode, FoveaNode, FoveaNode]
  const [kept, passed] = [probe(b), probe(c)]
  const toB = a.system.pidFor(b.key.hex, kept.pid.id, kept.pid.incarnation)
  const toC = b.system.pidFor(c.key.hex, passed.pid.id, passed.pid.incarnation)
  const sent: string[] = []
  let passedOn = 0
  for (let round = 0; round < ROUNDS; round++) {
    for (const value of valuesOf(round)) {
      sent.push(hashOf(value))
      a.system.send(toB, value)
    }
    await world.clock.advance(200)
    for (const value of kept.seen.slice(passedOn)) b.system.send(toC, value)
    passedOn = kept.seen.length
  }
  await world.clock.advance(500)
  expect(kept.seen.map(hashOf)).toEqual(sent)
  expect(passed.seen.map(hashOf)).toEqual(sent)
  await world.stop()
})
