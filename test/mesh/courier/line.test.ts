import { describe, expect, it } from 'vitest'
import { Line } from '../../../mesh/courier/line.ts'
import type { Parcel } from '../../../mesh/courier/parcel.ts'
import { Paths } from '../../../mesh/courier/paths.ts'

const parcel = (number: number, via?: string, expiresMs = 100): Parcel => {
  const frame = new Uint8Array(10)
  return { number, to: 'x', lane: 'rpc', frame, via, expiresMs, lost: undefined }
}
const helpers = () => ['p', 'q']

describe('Line', () => {
  it('tries the tables first, then each helper, and then nobody', () => {
    const line = new Line(undefined)
    expect(line.helper).toBeUndefined()
    expect(line.next(undefined, helpers)).toBe(true)
    expect(line.helper).toBe('p')
    expect(line.next('p', helpers)).toBe(true)
    expect(line.helper).toBe('q')
    expect(line.next('q', helpers)).toBe(false)
  })

  it('begins with the helper that worked, and comes to the tables after it', () => {
    const line = new Line('q')
    const tried: (string | undefined)[] = []
    while (line.next(line.helper, helpers)) tried.push(line.helper)
    expect(tried).toEqual([undefined, 'p'])
  })

  it('does not leave a way for an envelope that went another one', () => {
    const line = new Line(undefined)
    line.next(undefined, helpers)
    expect(line.next(undefined, helpers)).toBe(true)
    expect(line.next('q', helpers)).toBe(true)
    expect(line.helper).toBe('p')
  })

  it('sends one envelope until one has arrived, and then as many as it may', () => {
    const line = new Line(undefined)
    expect(line.mayBegin(4)).toBe(true)
    line.small = 1
    expect(line.mayBegin(4)).toBe(false)
    line.arrived('somewhere else')
    expect(line.mayBegin(4)).toBe(false)
    line.arrived(undefined)
    line.small = 3
    expect(line.mayBegin(4)).toBe(true)
    line.pieces = 1
    expect(line.mayBegin(4)).toBe(false)
  })

  it('lets nothing pass before all that came back are here, in their order', () => {
    const line = new Line('p')
    line.small = 1
    line.bringBack([parcel(4), parcel(5)])
    expect(line.mayBegin(4)).toBe(false)
    line.bringBack([parcel(2), parcel(3)])
    line.small = 0
    expect(line.mayBegin(4)).toBe(true)
    expect(line.returned.map(({ number }) => number)).toEqual([2, 3, 4, 5])
    expect([line.isBusy, line.isIdle, line.bytes]).toEqual([true, false, 40])
    expect(line.takeReturned()).toHaveLength(4)
    expect([line.isBusy, line.isIdle, line.bytes]).toEqual([false, true, 0])
  })

  it('does not send by a gateway again that was none', () => {
    const line = new Line(undefined)
    line.bringBack([parcel(1, 'gateway')])
    expect(line.returned[0]!.via).toBeUndefined()
  })

  it('gives up what came back and has no time left', () => {
    const line = new Line(undefined)
    line.bringBack([parcel(1, undefined, 100), parcel(2, undefined, 200)])
    expect(line.takeExpired(99)).toEqual([])
    expect(line.takeExpired(100).map(({ number }) => number)).toEqual([1])
    expect(line.returned.map(({ number }) => number)).toEqual([2])
  })
})

describe('Paths', () => {
  it('says for a while that a node is sent to through others, and when to dial it again', () => {
    const paths = new Paths(1_000)
    expect([paths.isRelayed('a'), paths.isDue('a', 0)]).toEqual([false, true])
    paths.relay('a', 500)
    expect([paths.isRelayed('a'), paths.isDue('a', 1_499)]).toEqual([true, false])
    expect([paths.isRelayed('a'), paths.isDue('a', 1_500)]).toEqual([true, true])
    paths.forget('a')
    expect(paths.isRelayed('a')).toBe(false)
  })

  it('remembers 4,096 nodes and forgets the oldest', () => {
    const paths = new Paths(1_000)
    for (let n = 0; n < 4_096; n++) paths.relay(`${n}`, 0)
    expect(paths.isRelayed('0')).toBe(true)
    paths.relay('one more', 0)
    expect([paths.isRelayed('0'), paths.isRelayed('1')]).toEqual([false, true])
  })
})
