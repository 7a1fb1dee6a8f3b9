import { describe, expect, it } from 'vitest'
import { Admission } from '../../../mesh/gateway/admission.ts'
import type { Room } from '../../../mesh/gateway/admission.ts'

const SETTINGS = { clientsMax: 2, connectsPerAddressPerSecond: 1, connectsPerSecond: 2 }

function room(keys: readonly string[], makeRoom: () => boolean = () => false): Room {
  return { taken: () => keys.length, has: (key) => keys.includes(key), makeRoom }
}

describe('admission', () => {
  it('lets in as many as there may be, and one more only when another one makes room', () => {
    const admission = new Admission({ ...SETTINGS, connectsPerAddressPerSecond: 100 })
    expect(admission.judge('b', 'h', room(['a']), 0)).toBeUndefined()
    expect(admission.judge('c', 'h', room(['a', 'b']), 0)).toBe('too_many_clients')
    expect(
      admission.judge(
        'c',
        'h',
        room(['a', 'b'], () => true),
        0,
      ),
    ).toBeUndefined()
  })

  it('gives whoever comes again its own place', () => {
    const admission = new Admission(SETTINGS)
    expect(admission.judge('a', 'h', room(['a', 'b']), 0)).toBeUndefined()
  })

  it('lets in ten times the rate at once from one address, and then the rate', () => {
    const admission = new Admission({ ...SETTINGS, connectsPerSecond: 100 })
    const from = (host: string, nowMs: number) => admission.judge('a', host, room([]), nowMs)
    const at = Array.from({ length: 11 }, () => from('h', 0))
    expect(at.filter((reason) => reason === undefined)).toHaveLength(10)
    expect(at.at(-1)).toBe('rate_limited')
    expect(from('i', 0)).toBeUndefined()
    expect(from('h', 1_000)).toBeUndefined()
    expect(from('h', 1_000)).toBe('rate_limited')
  })

  it('lets in ten times the rate at once from all addresses together', () => {
    const admission = new Admission(SETTINGS)
    const reasons = Array.from({ length: 21 }, (_, i) => admission.judge('a', `h${i}`, room([]), 0))
    expect(reasons.filter((reason) => reason === undefined)).toHaveLength(20)
    expect(reasons.at(-1)).toBe('rate_limited')
  })
})
