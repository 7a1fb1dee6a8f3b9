import { describe, expect, it } from 'vitest'
import { Claims } from '../../../dist/discovery/claims.ts'

const at = (last: number) => ({ host: `10.0.0.${last}`, port: 4433 })

describe('Claims', () => {
  it('D2 an address is gone with the last who said that it is there', () => {
    const claims = new Claims()
    expect(claims.claim('old', at(1))).toEqual({ seen: [at(1)], gone: [] })
    expect(claims.claim('new', at(1))).toEqual({ seen: [], gone: [] })
    expect(claims.claim('new', at(1))).toEqual({ seen: [], gone: [] })
    expect(claims.release('old')).toEqual({ seen: [], gone: [] })
    expect(claims.release('old')).toEqual({ seen: [], gone: [] })
    expect(claims.release('new')).toEqual({ seen: [], gone: [at(1)] })
    expect(claims.claim('old', at(1))).toEqual({ seen: [at(1)], gone: [] })
  })

  it('who is elsewhere is not where it was', () => {
    const claims = new Claims()
    claims.claim('a', at(1))
    claims.claim('b', at(2))
    expect(claims.claim('a', at(2))).toEqual({ seen: [], gone: [at(1)] })
    expect(claims.claim('b', at(3))).toEqual({ seen: [at(3)], gone: [] })
  })
})
