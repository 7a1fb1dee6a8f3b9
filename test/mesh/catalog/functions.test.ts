import { describe, expect, it } from 'vitest'
import type { CatalogChange } from '../../../mesh/catalog/catalog.ts'
import { CATALOG_ERRORS } from '../../../mesh/catalog/errors.ts'
import { CatalogFunctions, tellHandlers } from '../../../mesh/catalog/functions.ts'
import { catalogMemory } from '../../../mesh/catalog/memory.ts'
import type { CatalogMemory, RunningCatalog } from '../../../mesh/catalog/memory.ts'
import { CATALOG_DEFAULTS, catalogSettings } from '../../../mesh/catalog/settings.ts'
import { codeOf } from '../cluster.ts'

interface Made {
  readonly catalog: CatalogFunctions
  readonly memory: CatalogMemory
  readonly log: string[]
  /** Ends the seeks that go on. */
  readonly done: (() => void)[]
}

function make(isRunning = true): Made {
  const memory = catalogMemory()
  const settings = catalogSettings({ entriesPerNodeMax: 2, detailBytesMax: 16 })
  const log: string[] = []
  const done: (() => void)[] = []
  const running: RunningCatalog = {
    set: (kind, pattern) => void log.push(`set ${kind} ${pattern}`),
    delete: (kind, pattern) => void log.push(`delete ${kind} ${pattern}`),
    isSought: () => true,
    isUnanswered: () => false,
    isDoubtful: () => false,
    follow: () => {},
    unfollow: () => {},
    seek: (_kind, name, timeoutMs, end) => {
      log.push(`seek ${name} ${timeoutMs}`)
      done.push(end)
      return () => void log.push(`stop ${name}`)
    },
    unwanted: (_kind, name, from) => void log.push(`unwanted ${name} ${from}`),
    seeks: 0,
    isTold: true,
  }
  if (isRunning) memory.running = running
  return { catalog: new CatalogFunctions({ memory, settings }), memory, log, done }
}

const code = (run: () => void): unknown => {
  try {
    run()
    return undefined
  } catch (error) {
    return (error as { code?: unknown }).code
  }
}

describe('what a node wants and offers', () => {
  it('is checked, kept in canonical form, and told when it has changed', () => {
    const { catalog, memory, log } = make()
    catalog.set('topic', 'a.#', { n: 1 })
    catalog.set('topic', 'a.**', { n: 1 })
    expect(log).toEqual(['set topic a.**'])
    expect(Array.from(memory.own.topic)).toEqual([['a.**', { n: 1 }]])
    catalog.delete('topic', 'never.said')
    catalog.delete('topic', 'a.#')
    expect(log).toEqual(['set topic a.**', 'delete topic a.**'])
    expect(code(() => catalog.set('topic', 'a..b'))).toBe('ERR_FILTER_INVALID')
  })

  it('is at most entriesPerNodeMax entries of each kind, not one more', () => {
    const { catalog } = make()
    catalog.set('topic', 'a')
    catalog.set('topic', 'b')
    catalog.set('procedure', 'c')
    expect(code(() => catalog.set('topic', 'c'))).toBe('ERR_CATALOG_OWN_MAX')
    expect(code(() => catalog.set('topic', 'b', { n: 1 }))).toBe(undefined)
    expect(catalog.stats().own).toBe(3)
  })

  it('ML24 has a flat detail of at most detailBytesMax bytes, not one more', () => {
    const { catalog } = make()
    const detailCode = (detail: unknown): unknown =>
      code(() => catalog.set('topic', 'a', detail as Record<string, number>))
    expect(detailCode({ t: 'x'.repeat(10) })).toBe(undefined)
    expect(detailCode({ t: 'x'.repeat(11) })).toBe('ERR_CATALOG_DETAIL')
    for (const bad of [{ n: NaN }, { n: [1] }, { n: null }, [1], new Map(), 5]) {
      expect(detailCode(bad)).toBe('ERR_CATALOG_DETAIL')
    }
  })

  it('waits in memory while the process is away', async () => {
    const { catalog, memory } = make(false)
    catalog.set('topic', 'a')
    expect(memory.own.topic.has('a')).toBe(true)
    expect(catalog.isSought('topic', 'a')).toBe(false)
    expect(catalog.lookup('topic', 'a')).toEqual([])
    await expect(catalog.seek('topic', 'a')).resolves.toBe(undefined)
  })
})

describe('a seek', () => {
  it('is one for all who seek the same name, and ends for all', async () => {
    const { catalog, log, done } = make()
    const both = [catalog.seek('topic', 'a'), catalog.seek('topic', 'a')]
    void catalog.seek('topic', 'a', { timeoutMs: 50 })
    expect(log).toEqual(['seek a 2000', 'seek a 50'])
    done[0]!()
    await expect(Promise.all(both)).resolves.toEqual([undefined, undefined])
  })

  it('rejects for its signal alone, and stops when nobody waits any more', async () => {
    const { catalog, log } = make()
    const [one, two] = [new AbortController(), new AbortController()]
    const first = codeOf(catalog.seek('topic', 'a', { signal: one.signal }))
    const second = codeOf(catalog.seek('topic', 'a', { signal: two.signal }))
    one.abort()
    expect(await first).toBe('ERR_CATALOG_ABORTED')
    expect(log).toEqual(['seek a 2000'])
    two.abort()
    expect(await second).toBe('ERR_CATALOG_ABORTED')
    expect(log).toEqual(['seek a 2000', 'stop a'])
    const late = codeOf(catalog.seek('topic', 'a', { signal: one.signal }))
    expect(await late).toBe('ERR_CATALOG_ABORTED')
  })
})

describe('handlers of changes', () => {
  it('are each called for themselves, also when one throws', () => {
    const { catalog, memory } = make()
    const seen: string[] = []
    const handler = (change: CatalogChange): void => void seen.push(change.type)
    const off = catalog.onChange('topic', handler)
    catalog.onChange('topic', () => {
      throw new Error('handler')
    })
    catalog.onChange('topic', handler)
    const entry = {
      kind: 'topic',
      pattern: 'a',
      node: 'n',
      via: undefined,
      detail: {},
      sinceMs: 1,
    } as const
    const failed: unknown[] = []
    const tell = (): void =>
      tellHandlers(memory.handlers.topic, { type: 'added', entry }, (error) => failed.push(error))
    tell()
    expect(seen).toEqual(['added', 'added'])
    expect(failed).toHaveLength(1)
    off()
    tell()
    expect(seen).toHaveLength(3)
  })
})

describe('settings', () => {
  it('have defaults, and are refused by name when they are unknown or out of range', () => {
    expect(catalogSettings()).toEqual(CATALOG_DEFAULTS)
    expect(catalogSettings({ batchMs: 0 }).batchMs).toBe(0)
    expect(() => catalogSettings({ batchMs: -1 })).toThrow("option 'batchMs' must be")
    expect(() => catalogSettings({ frameBytesMax: 65_536 })).toThrow(
      "option 'frameBytesMax' must be",
    )
    expect(() => catalogSettings({ nothing: 1 } as never)).toThrow("unknown option 'nothing'")
  })

  it('name every limit in the catalogue of codes', () => {
    const texts = Object.values(CATALOG_ERRORS)
      .map(({ when, action }) => `${when} ${action}`)
      .join()
    const limits = [
      ...['entriesPerNodeMax', 'entriesMax', 'detailBytesMax', 'soughtMax', 'linkQueueMax'],
      ...['edgeSeeksPerSecondMax', 'edgeSeeksMax'],
    ]
    for (const limit of limits) expect(texts).toContain(limit)
  })
})
