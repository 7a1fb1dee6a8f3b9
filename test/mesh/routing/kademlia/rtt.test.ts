import { describe, expect, it } from 'vitest'
import { RttTracker } from '../../../../mesh/routing/kademlia/rtt.ts'
import { routingSettings } from '../../../../mesh/routing/kademlia/settings.ts'

const SETTINGS = routingSettings()

describe('when an answer is late', () => {
  it('K25 is the ceiling before anything is known', () => {
    expect(new RttTracker(SETTINGS).softTimeoutMs('a')).toBe(500)
  })

  it('K25 is twice the slow answers of that peer', () => {
    const tracker = new RttTracker(SETTINGS)
    for (const rttMs of [40, 50, 45]) tracker.record('a', rttMs)
    tracker.record('b', 200)
    expect(tracker.softTimeoutMs('a')).toBe(99)
    expect(tracker.softTimeoutMs('b')).toBe(400)
  })

  it('K25 is twice the 95th percentile over all for a peer that never answered', () => {
    const tracker = new RttTracker(SETTINGS)
    for (let i = 1; i <= 60; i++) tracker.record(`p${i}`, i)
    expect(tracker.slowMs('new')).toBe(57)
    expect(tracker.softTimeoutMs('new')).toBe(114)
  })

  it('K25 follows when the network becomes faster or slower', () => {
    const tracker = new RttTracker(SETTINGS)
    for (let i = 0; i < 100; i++) tracker.record('a', 30)
    expect(tracker.softTimeoutMs('new')).toBe(60)
    for (let i = 0; i < 100; i++) tracker.record('a', 100)
    expect(tracker.softTimeoutMs('new')).toBe(200)
    for (let i = 0; i < 100; i++) tracker.record('a', 20)
    expect(tracker.softTimeoutMs('a')).toBe(40)
  })

  it('has a floor and a ceiling', () => {
    const tracker = new RttTracker(SETTINGS)
    tracker.record('fast', 1)
    tracker.record('slow', 1_900)
    tracker.record('back in time', -5)
    expect(tracker.softTimeoutMs('fast')).toBe(20)
    expect(tracker.softTimeoutMs('slow')).toBe(500)
    expect(tracker.softTimeoutMs('back in time')).toBe(20)
  })

  it('forgets a peer', () => {
    const tracker = new RttTracker(SETTINGS)
    tracker.record('a', 10)
    for (let i = 0; i < 64; i++) tracker.record('b', 100)
    tracker.forget('a')
    expect(tracker.softTimeoutMs('a')).toBe(200)
  })

  it('remembers a bounded number of peers, those that answered last', () => {
    const tracker = new RttTracker(SETTINGS)
    for (let i = 0; i < 1_024; i++) tracker.record(`p${i}`, 10)
    tracker.record('p0', 10)
    expect(tracker.size).toBe(1_024)
    tracker.record('one more', 90)
    expect(tracker.size).toBe(1_024)
    for (let i = 0; i < 64; i++) tracker.record('one more', 90)
    expect(tracker.slowMs('p0')).toBe(10)
    expect(tracker.slowMs('p1')).toBe(90)
  })
})
