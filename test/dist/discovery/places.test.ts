import { describe, expect, it } from 'vitest'
import { Places } from '../../../dist/discovery/places.ts'

describe('Places', () => {
  it('are others when one came or went since the last look, and not when it was said again', () => {
    const places = new Places()
    expect(places.changed()).toBe(false)
    places.add('a')
    places.add('a')
    expect([places.changed(), places.size]).toEqual([true, 1])
    places.add('a')
    places.delete('a')
    places.delete('a')
    expect([places.changed(), places.size]).toEqual([false, 1])
    places.delete('a')
    expect([places.changed(), places.size]).toEqual([true, 0])
  })

  it('are the same when what came went again, or what went came back', () => {
    const places = new Places()
    places.add('a')
    places.changed()
    places.add('b')
    places.delete('b')
    places.delete('a')
    places.add('a')
    expect(places.changed()).toBe(false)
    places.delete('a')
    places.add('b')
    expect([places.changed(), places.size]).toEqual([true, 1])
  })

  it('one that is not there cannot go', () => {
    const places = new Places()
    places.delete('a')
    expect([places.changed(), places.size]).toEqual([false, 0])
  })
})
