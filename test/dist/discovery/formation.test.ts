import { describe, expect, it } from 'vitest'
import { Formation } from '../../../dist/discovery/formation.ts'

const make = (requiredContacts: number, stableMarginMs = 5_000) =>
  new Formation({ requiredContacts, stableMarginMs }, 0)

describe('Formation', () => {
  it('is open and formed from the start when nothing is required', () => {
    const formation = make(1)
    expect(formation.isOpen(0)).toBe(true)
    expect(formation.formed).toBe(true)
    expect(formation.nextDueMs()).toBe(Infinity)
  })

  it('D9 opens at the required number of places, and not one below', () => {
    const formation = make(6)
    formation.contacts(5, 0)
    expect(formation.isOpen(1e9)).toBe(false)
    formation.contacts(6, 1e9)
    expect(formation.isOpen(1e9 + 4_999)).toBe(false)
    expect(formation.nextDueMs()).toBe(1e9 + 5_000)
    expect(formation.isOpen(1e9 + 5_000)).toBe(true)
    expect(formation.formed).toBe(false)
  })

  it('D9 begins the margin anew whenever the places change', () => {
    const formation = make(2)
    formation.contacts(2, 0)
    formation.contacts(3, 4_000)
    expect(formation.isOpen(8_999)).toBe(false)
    formation.contacts(1, 8_999)
    expect(formation.isOpen(20_000)).toBe(false)
    formation.contacts(2, 20_000)
    expect(formation.isOpen(25_000)).toBe(true)
  })

  it('D9 is formed once so many nodes are together, whoever dialled, and stays so', () => {
    const formation = make(3)
    formation.together(2)
    expect(formation.formed).toBe(false)
    formation.together(3)
    expect(formation.formed).toBe(true)
    expect(formation.isOpen(0)).toBe(true)
    formation.together(1)
    expect(formation.formed).toBe(true)
  })
})
