import { describe, expect, it } from 'vitest'
import { FrameRouter } from '../../../mesh/link/frame-router.ts'
import type { Link } from '../../../mesh/link/link.ts'

const link = {} as Link
const payload = new Uint8Array(1)

describe('FrameRouter', () => {
  it('hands each type to its handler, and says when there is none', () => {
    const router = new FrameRouter()
    const seen: unknown[] = []
    router.handle(0xa0, 0xbf, (_link, type, _payload, via) => seen.push(type, via))
    expect(router.dispatch(link, 0xa0, payload, 'dist')).toBe(true)
    expect(router.dispatch(link, 0xbf, payload, 'datagram')).toBe(true)
    expect(router.dispatch(link, 0x9f, payload, 'dist')).toBe(false)
    expect(seen).toEqual([0xa0, 'dist', 0xbf, 'datagram'])
  })

  it('refuses a type that is taken, and changes nothing then', () => {
    const router = new FrameRouter()
    const off = router.handle(0x30, 0x35, () => {})
    expect(() => router.handle(0x2f, 0x30, () => {})).toThrow(
      expect.objectContaining({ code: 'ERR_LINK_HANDLER_TAKEN' }),
    )
    expect(router.dispatch(link, 0x2f, payload, 'dist')).toBe(false)
    off()
    const again = router.handle(0x2f, 0x30, () => {})
    off()
    expect(router.dispatch(link, 0x30, payload, 'dist')).toBe(true)
    again()
    expect(router.dispatch(link, 0x30, payload, 'dist')).toBe(false)
  })

  it.each([
    [0x0f, 0x10],
    [0x20, 0x1f],
    [0xf0, 0x100],
  ])(
    'H6 refuses the range %i to %i: frames of the link itself belong to nobody else',
    (from, to) => {
      expect(() => new FrameRouter().handle(from, to, () => {})).toThrow(RangeError)
    },
  )
})
