import { describe, expect, it } from 'vitest'
import { FilterMap } from '../../../mesh/topics/filter-map.ts'
import { FilterTrie } from '../../../mesh/topics/filter-trie.ts'
import { checkFilter, matchesFilter, TOPIC_LIMITS } from '../../../mesh/topics/topic.ts'

function mapOf(...filters: readonly string[]): FilterMap<string> {
  const map = new FilterMap<string>()
  for (const filter of filters) map.add(filter, filter)
  return map
}

function matched<Value extends string | number | object>(
  map: FilterMap<Value>,
  topic: string,
): Value[] {
  const values: Value[] = []
  map.match(topic, (value) => values.push(value))
  return values
}

describe('a filter map', () => {
  it('holds a value once under one filter, and under many', () => {
    const map = new FilterMap<string>()
    for (const filter of ['a.b', 'a.*']) {
      expect(map.add(filter, 'x')).toBe(true)
      expect(map.add(filter, 'x')).toBe(false)
      expect(map.add(filter, 'y')).toBe(true)
      expect(map.add(filter, 'y')).toBe(false)
    }
    expect(map.size).toBe(4)
    expect(matched(map, 'a.b')).toEqual(['x', 'y', 'x', 'y'])
    expect(map.delete('a.*', 'x')).toBe(true)
    expect(map.delete('a.*', 'x')).toBe(false)
    expect(matched(map, 'a.c')).toEqual(['y'])
    expect(matched(map, 'a.b')).toEqual(['x', 'y', 'y'])
  })

  it('says what is under one filter', () => {
    const map = new FilterMap<string>()
    for (const filter of ['a.b', 'a.*', '**']) {
      expect(map.has(filter)).toBe(false)
      expect([map.count(filter), ...map.valuesOf(filter)]).toEqual([0])
      map.add(filter, 'x')
      expect([map.count(filter), ...map.valuesOf(filter)]).toEqual([1, 'x'])
      map.add(filter, 'y')
      map.add(filter, 'z')
      expect([map.count(filter), ...map.valuesOf(filter)]).toEqual([3, 'x', 'y', 'z'])
      expect(map.has(filter)).toBe(true)
      expect([map.has(filter, 'y'), map.has(filter, 'w')]).toEqual([true, false])
    }
    expect(Array.from(map.filters()).sort()).toEqual(['**', 'a.*', 'a.b'])
    expect(map.stats()).toMatchObject({ exact: 1, wildcard: 2, nodes: 3 })
  })

  it('knows nothing of filters that only begin like others', () => {
    const map = mapOf('a.*.c.**')
    for (const filter of ['a.*', 'a.*.c', '**', 'a.*.c.**.d', 'b.*']) {
      expect(map.has(filter)).toBe(false)
      expect(map.delete(filter, 'a.*.c.**')).toBe(false)
    }
    expect(map.size).toBe(1)
  })

  it('forgets all at once', () => {
    const map = mapOf('a', 'a.*', '**')
    matched(map, 'a.b')
    map.clear()
    expect([map.size, ...matched(map, 'a.b')]).toEqual([0])
    expect(map.stats()).toMatchObject({ exact: 0, wildcard: 0, nodes: 0, cached: 0 })
    map.add('a.*', 'new')
    expect(matched(map, 'a.b')).toEqual(['new'])
  })

  it('PS1 visits a filter once that fits in several ways', () => {
    const map = mapOf('**.b.**', '**.*.**', '*.**.*', 'a.**.b.**.b')
    expect(matched(map, 'a.b.b.b').sort()).toEqual(['**.*.**', '**.b.**', '*.**.*', 'a.**.b.**.b'])
  })

  it('PS1 takes what is not canonical as it is', () => {
    const map = new FilterMap<string>()
    map.add('a.**.**', 'x')
    expect(matched(map, 'a')).toEqual(['x'])
    expect(matched(map, 'a.b.c')).toEqual(['x'])
    map.delete('a.**.**', 'x')
    expect(map.stats().nodes).toBe(0)
  })

  it('PS20 visitors take away and add, themselves among others', () => {
    const map = new FilterMap<string>()
    for (const filter of ['a.b', 'a.*', '**']) {
      for (const name of ['1', '2', '3']) map.add(filter, `${filter} ${name}`)
    }
    const visited: string[] = []
    map.match('a.b', (value, filter) => {
      visited.push(value)
      map.delete(filter, value)
      map.delete(filter, `${filter} 3`)
      map.add('a.b', `added by ${value}`)
    })
    expect(visited).toEqual(['a.b 1', 'a.b 2', '** 1', '** 2', 'a.* 1', 'a.* 2'])
    expect(matched(map, 'a.b')).toEqual(visited.map((value) => `added by ${value}`))
  })

  it('PS20 a visitor that adds one more each time does not go on for ever', () => {
    const map = new FilterMap<number>()
    for (const filter of ['a.b', 'a.*']) for (const value of [0, 1]) map.add(filter, value)
    let next = 2
    map.match('a.b', (_value, filter) => void map.add(filter, next++))
    expect(next).toBe(6)
    expect(map.size).toBe(8)
  })

  it('PS20 visitors match other topics, and one that throws does not spoil the map', () => {
    const map = mapOf('a.*', '*.b', '**', 'c.d')
    const seen: string[] = []
    expect(() =>
      map.match('a.b', (value) => {
        seen.push(`${value}: ${matched(map, 'c.d').join(' ')}`)
        if (seen.length === 2) throw new Error('enough')
      }),
    ).toThrow('enough')
    expect(seen.map((line) => line.split(': ')[1])).toEqual(['c.d **', 'c.d **'])
    expect(matched(map, 'a.b').sort()).toEqual(['**', '*.b', 'a.*'])
  })

  it('PS2 holds no node when everything was taken away', () => {
    const filters = ['a.*', 'a.*.b', 'a.**', '**', '**.c.*', 'x.y.z.*', 'x.y.*', 'x.w.*', '*']
    const map = mapOf(...filters)
    expect(map.stats().nodes).toBe(15)
    for (const filter of filters) expect(map.delete(filter, filter)).toBe(true)
    expect(map.stats()).toMatchObject({ exact: 0, wildcard: 0, nodes: 0 })
    expect(map.size).toBe(0)
  })
})

describe('many filters that went', () => {
  it('PS2 leave no room behind that those who stay would pay for, and those are found', () => {
    const trie = new FilterTrie<string>()
    const name = (i: number): string => `site${i % 100}.*.machine${i}`
    const found = (topic: string): string[] => {
      const filters: { readonly filter: string }[] = []
      trie.collect(topic, filters as never)
      return filters.map(({ filter }) => filter)
    }
    for (let i = 0; i < 5_000; i++) trie.add(name(i), `${i}`)
    expect(trie.nodes).toBe(100 + 100 + 5_000)
    const rows = trie.rows
    expect(rows).toBeLessThan(5_200 * 1.6)
    for (let i = 10; i < 5_000; i++) trie.delete(name(i), `${i}`)
    expect([trie.filters, trie.nodes]).toEqual([10, 30])
    expect(trie.rows).toBeLessThan(rows / 20)
    for (let i = 0; i < 20; i++) {
      expect(found(`site${i}.line.machine${i}`)).toEqual(i < 10 ? [name(i)] : [])
      expect(trie.find(name(i))).toBe(i < 10 ? `${i}` : undefined)
    }
    for (let i = 0; i < 10; i++) trie.delete(name(i), `${i}`)
    expect([trie.filters, trie.nodes, Array.from(trie.holders()).length]).toEqual([0, 0, 0])
  })

  it('PS20 a filter that comes in the place of one that was taken away during a match is not visited for it', () => {
    const map = mapOf('a.*', '*.b', '**')
    const visited: string[] = []
    map.match('a.b', (_value, filter) => {
      visited.push(filter)
      for (const each of ['a.*', '*.b', '**']) map.delete(each, each)
      for (const each of ['x.*', '*.y', 'z.**']) map.add(each, each)
    })
    expect(visited).toEqual(['**'])
    expect(matched(map, 'x.y')).toEqual(['x.*', '*.y'])
  })
})

describe('the cache of results', () => {
  /** Every one of `topics` in turn, `times` in all. */
  function ask(map: FilterMap<string>, topics: number, times: number): void {
    for (let i = 0; i < times; i++) map.match(`a.${i % topics}`, () => {})
  }

  it('stays while more than half of the lookups hit, and is bounded', () => {
    const map = new FilterMap<string>({ cacheEntriesMax: 64 })
    map.add('a.*', 'x')
    ask(map, 10, 20_000)
    expect(map.stats().cached).toBe(10)
    ask(map, 1_000, 200)
    expect(map.stats().cached).toBeLessThanOrEqual(128)
  })

  it('rests when they do not, longer each time, and comes back when it pays', () => {
    const map = new FilterMap<string>({ cacheEntriesMax: 64 })
    map.add('a.*', 'x')
    ask(map, 100_000, 4_096)
    expect(map.stats().cached).toBeUndefined()
    let trials = 0
    for (let i = 0; i < 60; i++) {
      ask(map, 100_000, 2_048)
      if (map.stats().cached !== undefined) trials += 1
    }
    expect(trials).toBeGreaterThan(0)
    expect(trials).toBeLessThan(20)
    ask(map, 10, 2_048 * 70)
    expect(map.stats().cached).toBe(10)
  })

  it('knows of every filter that comes and goes', () => {
    const map = mapOf('a.*')
    for (let i = 0; i < 3; i++) expect(matched(map, 'a.b')).toEqual(['a.*'])
    map.add('**', '**')
    for (let i = 0; i < 3; i++) expect(matched(map, 'a.b').sort()).toEqual(['**', 'a.*'])
    map.add('**', 'second')
    expect(matched(map, 'a.b').sort()).toEqual(['**', 'a.*', 'second'])
    map.add('a.b', 'exact')
    expect(matched(map, 'a.b').sort()).toEqual(['**', 'a.*', 'exact', 'second'])
    map.delete('a.*', 'a.*')
    expect(matched(map, 'a.b').sort()).toEqual(['**', 'exact', 'second'])
  })

  it('is none when nothing may be remembered', () => {
    const map = new FilterMap<string>({ cacheEntriesMax: 0 })
    map.add('a.*', 'x')
    ask(map, 1, 10_000)
    expect(map.stats().cached).toBeUndefined()
    expect(matched(map, 'a.b')).toEqual(['x'])
  })

  it('does not keep results that are long', () => {
    const map = new FilterMap<string>()
    const filters = Array.from({ length: 9 }, (_, bits) => bits)
    for (let bits = 0; bits < 512; bits++) {
      map.add(filters.map((bit) => ((bits >> bit) & 1 ? '*' : 'a')).join('.'), `${bits}`)
    }
    const topic = filters.map(() => 'a').join('.')
    expect(matched(map, topic)).toHaveLength(512)
    expect(map.stats().cached).toBe(0)
  })
})

describe('H30 hostile filters', () => {
  const { segmentsMax, deepWildcardsMax } = TOPIC_LIMITS

  it('H30 ** many times over in one filter takes no exponential time', () => {
    const filter = checkFilter(`${Array(deepWildcardsMax).fill('**.a').join('.')}.b`)
    const topic = Array(segmentsMax).fill('a').join('.')
    const map = mapOf(filter)
    for (let i = 0; i < 100; i++) {
      expect(matched(map, topic)).toEqual([])
      expect(matchesFilter(filter, topic)).toBe(false)
    }
    expect(matched(map, `a.${topic.slice(2, -1)}b`)).toEqual([filter])
  })

  it('H30 nor does a trie of filters that were not checked', () => {
    const trie = new FilterTrie<string>()
    trie.add(Array(2_000).fill('**.a').join('.'), 'x')
    trie.add(Array(2_000).fill('**').join('.'), 'y')
    const found: { readonly filter: string }[] = []
    trie.collect(Array(200).fill('a').join('.'), found as never)
    expect(found).toHaveLength(1)
    expect(matchesFilter(Array(2_000).fill('**.a').join('.'), Array(200).fill('a').join('.'))).toBe(
      false,
    )
    for (const [segment, value] of [
      ['**.a', 'x'],
      ['**', 'y'],
    ] as const) {
      expect(trie.delete(Array(2_000).fill(segment).join('.'), value)).toBe(true)
    }
    expect(trie.nodes).toBe(0)
  })
})
