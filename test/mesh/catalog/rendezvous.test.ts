import { describe, expect, it } from 'vitest'
import type { CatalogKind } from '../../../mesh/catalog/catalog.ts'
import type { Found } from '../../../mesh/catalog/lookups.ts'
import { PLACE_BELOW, PLACE_EXACT } from '../../../mesh/catalog/place.ts'
import { Rendezvous } from '../../../mesh/catalog/rendezvous.ts'
import { catalogSettings } from '../../../mesh/catalog/settings.ts'
import type { CatalogOptions } from '../../../mesh/catalog/settings.ts'

/** One rendezvous whose surroundings the test plays. */
class Play {
  nowMs = 1_000
  readonly log: string[] = []
  readonly synced = new Set<string>()
  readonly gone = new Set<string>()
  complete = false
  members: { node: string; host: string; port: number }[] = []
  known = false
  /** Where it was looked whether the DHT is narrow; undefined when it is found at once that it is not. */
  checks: string[] | undefined
  readonly rendezvous: Rendezvous
  #id = 0

  constructor(options: CatalogOptions = {}, hasDht = true) {
    this.rendezvous = new Rendezvous(
      {
        settings: catalogSettings({ seekMembersMax: 0, ...options }),
        chance: () => 0.5,
        hasDht,
        view: {
          self: 'me',
          isComplete: () => this.complete,
          isSynced: (node) => this.synced.has(node),
          isGone: (node) => this.gone.has(node),
          unsynced: (max) => {
            return this.members.length > 0 && this.members.length <= max ? this.members : undefined
          },
          isKnown: () => this.known,
        },
      },
      {
        lookup: (key) => void this.log.push(`lookup ${short(key)}`),
        provide: (key, bits) => void this.log.push(`provide ${short(key)} ${bits}`),
        withdraw: (key) => void this.log.push(`withdraw ${short(key)}`),
        check: (key) => {
          if (this.checks === undefined) this.rendezvous.checked(this.nowMs, false)
          else this.checks.push(short(key))
        },
        link: (node, { host }) => void this.log.push(`link ${node} ${host}`),
        sought: (id) => void this.log.push(`sought ${id}`),
        refused: (code) => void this.log.push(code),
      },
    )
    this.rendezvous.begin(this.nowMs)
  }

  seek(name: string, timeoutMs = 2_000, kind: CatalogKind = 'topic'): number {
    this.#id += 1
    this.rendezvous.seek(this.nowMs, this.#id, kind, name, timeoutMs)
    return this.#id
  }

  /** Answers all lookups that are asked for, nobody found but `found` at the places named. */
  answer(found: Readonly<Record<string, readonly Found[]>> = {}): void {
    for (const line of this.take('lookup ')) {
      this.rendezvous.found(this.nowMs, long(line), found[line] ?? [])
    }
  }

  /** Ends all puts and withdrawals that were asked for. */
  put(ok = true): string[] {
    const lines = [...this.take('provide '), ...this.take('withdraw ')]
    for (const line of lines) this.rendezvous.provided(this.nowMs, long(line.split(' ')[0]!), ok)
    return lines
  }

  /** Takes the lines with that beginning out of the log. */
  take(head: string): string[] {
    const taken = this.log.filter((line) => line.startsWith(head))
    const left = this.log.filter((line) => !line.startsWith(head))
    this.log.splice(0, this.log.length, ...left)
    return taken.map((line) => line.slice(head.length))
  }

  advance(ms: number): void {
    const untilMs = this.nowMs + ms
    for (;;) {
      const dueMs = Math.max(this.nowMs, this.rendezvous.nextDeadline())
      if (dueMs > untilMs) break
      this.nowMs = dueMs
      this.rendezvous.tick(dueMs)
    }
    this.nowMs = untilMs
  }
}

function short(key: string): string {
  return key.replace('fovea.catalog/topic/', '').replace('fovea.catalog/', '')
}

function long(key: string): string {
  return key.startsWith('procedure/') ? `fovea.catalog/${key}` : `fovea.catalog/topic/${key}`
}

const somebody = (node: string, bits: number): Found => ({ node, host: `h${node}`, port: 1, bits })

describe('a seek', () => {
  it('is over at once when the entries of all members are known', () => {
    const play = new Play()
    play.complete = true
    const id = play.seek('a.b')
    expect(play.log).toEqual([`sought ${id}`])
    expect(play.rendezvous.isSought(play.nowMs, 'topic', 'a.b')).toBe(true)
  })

  it('looks up the name and every prefix at once, links with whom it finds, and waits until they have told', () => {
    const play = new Play()
    play.seek('a.b')
    expect(play.take('lookup ')).toEqual(['offer/', 'offer/a', 'offer/a.b'])
    const { rendezvous, nowMs } = play
    rendezvous.found(nowMs, long('offer/'), [somebody('x', PLACE_BELOW)])
    rendezvous.found(nowMs, long('offer/a'), [])
    rendezvous.found(nowMs, long('offer/a.b'), [
      somebody('y', PLACE_EXACT),
      somebody('x', PLACE_BELOW),
    ])
    expect(play.take('link ')).toEqual(['x hx', 'y hy'])
    rendezvous.linked(nowMs, 'x')
    rendezvous.settled(nowMs, 'x')
    expect(play.take('sought ')).toEqual([])
    rendezvous.settled(nowMs, 'y')
    expect(play.take('sought ')).toEqual(['1'])
  })

  it('leaves out who is known, who is gone, this node, and who is found there for something else', () => {
    const play = new Play()
    play.synced.add('known')
    play.gone.add('gone')
    play.seek('a.b')
    const others = ['known', 'gone', 'me'].map((node) => somebody(node, PLACE_BELOW))
    play.answer({ 'offer/a': [...others, somebody('exact', PLACE_EXACT)] })
    expect(play.take('link ')).toEqual([])
    expect(play.take('sought ')).toEqual(['1'])
  })

  it('ends with its time, whatever is under way', () => {
    const play = new Play()
    play.seek('a', 700)
    play.advance(699)
    expect(play.take('sought ')).toEqual([])
    play.advance(1)
    expect(play.take('sought ')).toEqual(['1'])
  })

  it('looks up a key once for all that need it, and not again within the interval', () => {
    const play = new Play()
    play.seek('a.b')
    play.seek('a.b')
    play.seek('a.c')
    expect(play.take('lookup ')).toEqual(['offer/', 'offer/a', 'offer/a.b', 'offer/a.c'])
    for (const key of ['', 'a', 'a.b', 'a.c'])
      play.rendezvous.found(play.nowMs, long(`offer/${key}`), [])
    expect(play.take('sought ')).toEqual(['1', '2', '3'])
    play.advance(1_900)
    play.seek('a.b')
    expect(play.take('lookup ')).toEqual([])
    expect(play.take('sought ')).toEqual(['4'])
    play.advance(200)
    play.seek('a.b')
    expect(play.take('lookup ')).toEqual(['offer/', 'offer/a', 'offer/a.b'])
  })

  it('is fresh for seekFreshMs when somebody was found, and shorter when nobody was', () => {
    const play = new Play()
    const isSought = (): boolean => play.rendezvous.isSought(play.nowMs, 'topic', 'a')
    play.seek('a')
    play.answer()
    expect(isSought()).toBe(true)
    play.advance(2_000)
    expect(isSought()).toBe(false)
    play.known = true
    play.seek('a')
    play.answer({ 'offer/a': [somebody('x', PLACE_EXACT)] })
    play.rendezvous.settled(play.nowMs, 'x')
    play.advance(4_999)
    expect(isSought()).toBe(true)
    play.advance(1)
    expect(isSought()).toBe(false)
  })

  it('ML13 is not held up by a lookup that fails or a node that is not there', () => {
    const play = new Play()
    play.seek('a')
    play.take('lookup ')
    play.rendezvous.found(play.nowMs, long('offer/'), undefined)
    play.rendezvous.found(play.nowMs, long('offer/a'), [somebody('dead', PLACE_EXACT)])
    play.rendezvous.settled(play.nowMs, 'dead')
    expect(play.log).toContain('ERR_CATALOG_LOOKUP')
    expect(play.take('sought ')).toEqual(['1'])
  })

  it('waits no longer than syncTimeoutMs for a node that is linked and says nothing', () => {
    const play = new Play({ syncTimeoutMs: 300 })
    play.seek('a')
    play.answer({ 'offer/a': [somebody('mute', PLACE_EXACT)] })
    play.rendezvous.linked(play.nowMs, 'mute')
    play.advance(300)
    play.rendezvous.settled(play.nowMs, 'mute')
    expect(play.take('sought ')).toEqual(['1'])
  })

  it('asks few members themselves, and all of them where there is no DHT', () => {
    const few = new Play({ seekMembersMax: 2 })
    few.members = ['x', 'y'].map((node) => ({ node, host: 'h', port: 1 }))
    few.seek('a')
    expect(few.take('lookup ')).toEqual([])
    expect(few.take('link ')).toEqual(['x h', 'y h'])
    few.members.push({ node: 'z', host: 'h', port: 1 })
    few.seek('b')
    expect(few.take('lookup ')).toEqual(['offer/', 'offer/b'])
    const none = new Play({}, false)
    none.members = Array.from({ length: 9 }, (_, at) => ({ node: `m${at}`, host: 'h', port: 1 }))
    none.seek('a')
    expect(none.take('link ')).toHaveLength(9)
    expect(none.take('provide ')).toEqual([])
  })

  it('says of a DHT that reaches few of whom it hears that nobody found is no answer', () => {
    const play = new Play({ seekIntervalMs: 2_000 })
    play.checks = []
    const { rendezvous } = play
    play.seek('a')
    play.answer()
    // What nobody found is worth is found out with it.
    expect(play.take('sought ')).toEqual([])
    rendezvous.checked(play.nowMs, true)
    expect(play.take('sought ')).toEqual(['1'])
    expect(play.take('ERR_CATALOG_NARROW')).toEqual([''])
    expect(rendezvous.isUnanswered('topic', 'a')).toBe(true)
    expect(rendezvous.isUnanswered('procedure', 'a')).toBe(false)
    // Who asks again at once has to wait, and gets what is found then.
    play.seek('a', 10_000)
    expect([play.take('lookup '), play.take('sought ')]).toEqual([[], []])
    play.advance(2_000)
    play.known = true
    play.answer({ 'offer/a': [somebody('x', PLACE_EXACT)] })
    rendezvous.settled(play.nowMs, 'x')
    expect(play.take('sought ')).toEqual(['2'])
    expect(rendezvous.isUnanswered('topic', 'a')).toBe(false)
    expect(play.take('ERR_CATALOG_NARROW')).toEqual([])
    // It is looked once a minute, while somebody seeks; that it failed changes nothing.
    expect(play.checks).toEqual(['offer/a'])
    play.known = false
    play.advance(60_000)
    for (const isNarrow of [undefined, false]) {
      play.seek('b')
      play.answer()
      rendezvous.checked(play.nowMs, isNarrow)
      expect(rendezvous.isUnanswered('topic', 'b')).toBe(isNarrow === undefined)
      play.advance(60_000)
    }
    expect(play.checks).toEqual(['offer/a', 'offer/b', 'offer/b'])
  })

  it('dials linksParallel nodes at once; linkQueueMax wait, and one more is left out', () => {
    const play = new Play({ linksParallel: 2, linkQueueMax: 3 })
    play.seek('a')
    const all = Array.from({ length: 6 }, (_, at) => somebody(`n${at}`, PLACE_EXACT))
    play.answer({ 'offer/a': all.slice(0, 5) })
    expect(play.take('link ')).toEqual(['n0 hn0', 'n1 hn1'])
    expect(play.take('ERR_CATALOG_LINKS_MAX')).toEqual([])
    play.advance(6_000)
    play.seek('a')
    play.answer({ 'offer/a': all })
    expect(play.take('ERR_CATALOG_LINKS_MAX')).toEqual([''])
    play.rendezvous.settled(play.nowMs, 'n0')
    expect(play.take('link ')).toEqual(['n2 hn2'])
  })

  it('keeps soughtMax names, and lets go of the one that was unused for longest for one more', () => {
    const play = new Play({ soughtMax: 3 })
    for (const name of ['a', 'b', 'c']) play.seek(name)
    expect(play.rendezvous.stats().sought).toBe(3)
    expect(play.log).not.toContain('ERR_CATALOG_SOUGHT_MAX')
    play.seek('a')
    play.seek('d')
    expect(play.log).toContain('ERR_CATALOG_SOUGHT_MAX')
    expect(play.rendezvous.stats().sought).toBe(3)
    play.answer()
    expect(play.rendezvous.isSought(play.nowMs, 'topic', 'b')).toBe(false)
    expect(play.rendezvous.isSought(play.nowMs, 'topic', 'a')).toBe(true)
  })

  it('is repeated in the background while the name is used, and ends with its lease', () => {
    const play = new Play({ refreshMs: 10_000, seekLeaseMs: 40_000 })
    play.seek('a')
    play.answer()
    let refreshed = 0
    for (let seconds = 0; seconds < 30; seconds++) {
      play.advance(1_000)
      play.rendezvous.isSought(play.nowMs, 'topic', 'a')
      if (play.log.includes('lookup offer/a')) refreshed += 1
      play.answer()
      play.put()
    }
    expect(refreshed).toBeGreaterThanOrEqual(2)
    play.advance(45_000)
    play.answer()
    play.put()
    play.advance(10_000)
    play.put()
    expect(play.rendezvous.stats()).toMatchObject({ sought: 0, published: 0 })
  })
})

describe('what a node has', () => {
  it('is published when it has been there for settleMs, and who comes and goes costs nothing', () => {
    const play = new Play()
    play.rendezvous.offer(play.nowMs, 'topic', 'a.b.*')
    play.rendezvous.offer(play.nowMs, 'topic', 'a.b')
    play.rendezvous.offer(play.nowMs, 'procedure', 'short')
    play.advance(400)
    play.rendezvous.unoffer(play.nowMs, 'procedure', 'short')
    expect(play.take('provide ')).toEqual([])
    play.advance(200)
    expect(play.put()).toEqual(['offer/a.b 3'])
    expect(play.rendezvous.stats().published).toBe(1)
  })

  it('is published before this node looks who seeks it, and then it links with those', () => {
    const play = new Play()
    play.rendezvous.offer(play.nowMs, 'topic', 'a.b')
    play.advance(1_000)
    expect(play.take('lookup ')).toEqual([])
    play.put()
    play.answer({
      'seek/a.b': [somebody('exact', PLACE_EXACT | PLACE_BELOW), somebody('below', PLACE_BELOW)],
    })
    expect(play.take('link ')).toEqual(['exact hexact'])
  })

  it('is withdrawn when it is gone', () => {
    const play = new Play()
    play.rendezvous.offer(play.nowMs, 'topic', 'a')
    play.rendezvous.offer(play.nowMs, 'topic', 'a')
    play.advance(1_000)
    play.put()
    play.rendezvous.unoffer(play.nowMs, 'topic', 'a')
    play.advance(1_000)
    expect(play.put()).toEqual([])
    play.rendezvous.unoffer(play.nowMs, 'topic', 'a')
    play.advance(1_000)
    expect(play.put()).toEqual(['offer/a'])
    expect(play.rendezvous.stats().published).toBe(0)
  })

  it('is not published while all members are known, and is as soon as one is not', () => {
    const play = new Play()
    play.complete = true
    play.rendezvous.membersChanged(play.nowMs)
    play.rendezvous.offer(play.nowMs, 'topic', 'a')
    play.advance(5_000)
    expect(play.take('provide ')).toEqual([])
    play.complete = false
    play.rendezvous.membersChanged(play.nowMs)
    play.advance(1_000)
    expect(play.put()).toEqual(['offer/a 1'])
  })

  it('is published at provisionsPerSecond, and tried again ever later', () => {
    const play = new Play({ provisionsPerSecond: 4, provisionsParallel: 64 })
    for (let n = 0; n < 40; n++) play.rendezvous.offer(play.nowMs, 'topic', `n${n}`)
    play.advance(500)
    play.advance(2_000)
    expect(play.put(false).length).toBeLessThanOrEqual(9)
    expect(play.take('ERR_CATALOG_PROVISION').length).toBeGreaterThan(6)
    for (let n = 0; n < 60; n++) {
      play.advance(1_000)
      play.put()
    }
    expect(play.rendezvous.stats().published).toBe(40)
  })

  it('is published under provisionsMax keys, and with one more by prefix', () => {
    const play = new Play({ provisionsMax: 4, provisionsPerSecond: 100 })
    for (let n = 0; n < 4; n++) play.rendezvous.offer(play.nowMs, 'topic', `a.b.${n}`)
    play.advance(1_000)
    expect(play.put()).toHaveLength(4)
    play.rendezvous.offer(play.nowMs, 'topic', 'a.b.4')
    play.advance(2_000)
    expect(play.put().sort()).toEqual(['offer/a.b 2', ...[0, 1, 2, 3].map((n) => `offer/a.b.${n}`)])
    expect(play.rendezvous.stats().published).toBe(1)
  })

  it('is published as well where this node seeks, so that those who come later find it', () => {
    const play = new Play()
    play.seek('a.b')
    play.answer()
    play.advance(1_000)
    expect(play.put().sort()).toEqual(['seek/ 2', 'seek/a 2', 'seek/a.b 3'])
    // And looks once more: somebody may have come in between.
    expect(play.take('lookup ')).toEqual([])
    play.advance(3_500)
    expect(play.take('lookup ')).toEqual(['offer/', 'offer/a', 'offer/a.b'])
  })

  it('was published by a process before: what is still there stays, the rest is withdrawn', () => {
    const play = new Play()
    play.rendezvous.offer(play.nowMs, 'topic', 'a')
    play.rendezvous.adopt(play.nowMs, [long('offer/a'), long('offer/b')])
    play.advance(20_000)
    expect(play.put().sort()).toEqual(['offer/a 1', 'offer/b'])
  })
})
