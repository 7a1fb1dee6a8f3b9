import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RandomStream } from '../../../mesh/machine/random-stream.ts'
import { openLmdbStore } from '../../../mesh/store/lmdb.ts'
import { openStore } from '../../../mesh/store/open-store.ts'
import type { LmdbDatabase, LmdbModule, LmdbStoreOptions } from '../../../mesh/store/lmdb.ts'
import type { Store } from '../../../mesh/store/store.ts'
import { describeStore } from '../../conformance/store.ts'

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'done',
    (error: unknown) => (error as { code?: string }).code ?? String(error),
  )

describeStore('lmdb', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'fovea-store-'))
  const opened: Store[] = []
  return {
    open: async (limits) => {
      const store = await openLmdbStore(dir, limits)
      opened.push(store)
      return store
    },
    end: async () => {
      await Promise.all(opened.map((store) => store.close()))
      await rm(dir, { recursive: true })
    },
  }
})

describe('a store in a file', () => {
  let root: string
  let dir: string
  let opened: Store[] = []
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'fovea-store-'))
    dir = join(root, 'store')
  })
  afterEach(async () => {
    await Promise.all(opened.map((store) => store.close()))
    opened = []
    await rm(root, { recursive: true })
  })

  async function open(options: LmdbStoreOptions = {}): Promise<Store> {
    const store = await openLmdbStore(dir, options)
    opened.push(store)
    return store
  }

  /** A closed store with many records of all sizes. */
  async function fill(): Promise<string> {
    const store = await open()
    for (let round = 0; round < 3; round++) {
      const writes = Array.from({ length: 100 }, (_, i) => ({
        key: `key/${(i * 37) % 251}`,
        value: new Uint8Array((i * i * 7) % 9_000).fill(i),
      }))
      await store.batch(writes)
    }
    await store.close()
    return join(dir, 'data.mdb')
  }

  it('is in the data directory of its node, for its owner only', async () => {
    await mkdir(join(root, 'data'))
    const store = await openStore(join(root, 'data'))
    opened.push(store)
    await store.put('k', Uint8Array.of(1))
    expect((await stat(join(root, 'data', 'store'))).mode & 0o777).toBe(0o700)
    expect(readdirSync(join(root, 'data', 'store')).sort()).toEqual([
      'data.mdb',
      'lock.1',
      'lock.mdb',
    ])
  })

  it('is in memory for a node without a data directory', async () => {
    const store = await openStore(undefined)
    await store.put('k', Uint8Array.of(1))
    expect(store.stats().entries).toBe(1)
    expect(readdirSync(root)).toEqual([])
  })

  it('leaves no file, mapping or lock behind when it is closed', async () => {
    const store = await open()
    await store.put('k', new Uint8Array(10_000))
    expect(usedFiles(root)).not.toEqual([])
    await store.close()
    expect(usedFiles(root)).toEqual([])
    expect(await codeOf(open())).toBe('done')
  })

  it('says how to get the package where it can not be loaded', async () => {
    const load = () => Promise.reject(new Error("Cannot find package 'lmdb'"))
    const error = await open({ load }).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' })
    expect((error as Error).message).toContain('npm install lmdb')
    expect(readdirSync(root)).toEqual([])
  })

  it('refuses a directory that can not be made', async () => {
    await writeFile(join(root, 'file'), '')
    expect(await codeOf(openLmdbStore(join(root, 'file')))).toBe('ERR_STORE_UNREADABLE')
    expect(await codeOf(openLmdbStore(join(root, 'absent', 'store')))).toBe('ERR_STORE_UNREADABLE')
    expect(await codeOf(openLmdbStore('/proc/fovea-store'))).toBe('ERR_STORE_UNREADABLE')
  })

  it('refuses a directory that is read-only', async () => {
    await mkdir(dir)
    await chmod(dir, 0o555)
    await chmod(root, 0o555)
    // The superuser may write everywhere.
    const wasRoot = process.geteuid?.() === 0
    if (wasRoot) process.seteuid!(65_534)
    try {
      expect(await codeOf(open())).toBe('ERR_STORE_UNREADABLE')
    } finally {
      if (wasRoot) process.seteuid!(0)
      await chmod(root, 0o700)
      await chmod(dir, 0o700)
    }
  })

  it('refuses a format of another version, and leaves the file as it is', async () => {
    const file = await fill()
    const bytes = readFileSync(file)
    const at = bytes.indexOf('fovea-store/1')
    for (let found = at; found >= 0; found = bytes.indexOf('fovea-store/1', found + 1)) {
      bytes.write('fovea-store/9', found)
    }
    await writeFile(file, bytes)
    expect(await codeOf(open())).toBe('ERR_STORE_FORMAT')
    expect(readFileSync(file).equals(bytes)).toBe(true)
  })

  it.each([
    ['zeros', (bytes: Buffer) => bytes.fill(0)],
    ['a text', () => Buffer.from('hello')],
    ['one page', (bytes: Buffer) => bytes.subarray(0, 4_096)],
    ['two pages', (bytes: Buffer) => bytes.subarray(0, 8_192)],
    ['three quarters', (bytes: Buffer) => bytes.subarray(0, (bytes.length >> 14) * 3 * 4_096)],
    ['a first page of noise', (bytes: Buffer) => bytes.fill(7, 0, 4_096)],
    ['noise after the meta pages', (bytes: Buffer) => bytes.fill(0xa5, 8_192)],
  ])('refuses a file of %s', async (_, change) => {
    const file = await fill()
    await writeFile(file, change(readFileSync(file)))
    const before = readFileSync(file)
    expect(await codeOf(open())).toBe('ERR_STORE_CORRUPT')
    expect(readFileSync(file).equals(before)).toBe(true)
    // It is not held: whoever removes the directory starts anew.
    await rm(dir, { recursive: true })
    expect((await open()).stats().entries).toBe(0)
  })

  it('refuses or reads a file that is damaged anywhere, and does not die of it', async () => {
    const file = await fill()
    const good = readFileSync(file)
    const random = new RandomStream(0x5706e, 1)
    const codes = new Map<string, number>()
    for (let run = 0; run < 40; run++) {
      const bytes = Buffer.from(good)
      for (let change = 0; change <= run % 4; change++) {
        // Where the structure is: the heads of pages and what points into them.
        const page = random.below(bytes.length / 4_096) * 4_096
        const at = page + random.below(run % 2 === 0 ? 200 : 4_096)
        bytes[at] = random.below(256)
      }
      await writeFile(file, bytes)
      const code = await codeOf(open().then((store) => store.close()))
      codes.set(code, (codes.get(code) ?? 0) + 1)
    }
    expect([...codes.keys()].sort()).toEqual(['ERR_STORE_CORRUPT', 'done'])
    expect(codes.get('ERR_STORE_CORRUPT')).toBeGreaterThan(8)
  })

  it('takes a file that is empty for a new one', async () => {
    await truncate(await fill(), 0)
    expect((await open()).stats().entries).toBe(0)
  })

  it('says so when the disk refuses a transaction, and goes on', async () => {
    // As the package fails: the reason comes in a promise of its own.
    const commitError = Promise.reject(new Error('No space left on device'))
    commitError.catch(() => {})
    let reason: object = Object.assign(new Error('Commit failed'), { commitError })
    const store = await open({ load: () => failing(() => reason) })
    expect(await codeOf(store.put('k', new Uint8Array(100)))).toBe('ERR_STORE_FULL')
    reason = new Error('Input/output error')
    expect(await codeOf(store.put('k', new Uint8Array(100)))).toBe('ERR_STORE_WRITE')
    expect(store.get('k')).toBeUndefined()
    expect(store.stats()).toMatchObject({ entries: 0, bytes: 0, pending: 0, failed: 2 })
  })

  it('notices a value that was changed', async () => {
    const store = await open()
    await store.put('k', Buffer.from('a value that is found in the file'))
    await store.close()
    const file = join(dir, 'data.mdb')
    const bytes = readFileSync(file)
    bytes.write('A value', bytes.indexOf('a value that'))
    await writeFile(file, bytes)
    expect(await codeOf(open())).toBe('ERR_STORE_CORRUPT')
  })
})

/** The package, but every transaction fails. */
async function failing(reason: () => object): Promise<LmdbModule> {
  const { open } = await import('lmdb')
  return {
    open: (options) => {
      const database = open(options as never) as unknown as LmdbDatabase
      const batch = (): Promise<boolean> => Promise.reject(reason() as Error)
      return Object.assign(Object.create(database) as LmdbDatabase, { batch })
    },
  }
}

/** Open files and memory mappings of this process below `root`. */
function usedFiles(root: string): string[] {
  const links = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return '' // closed since it was listed
    }
  })
  const maps = readFileSync('/proc/self/maps', 'utf8').split('\n')
  return [...links, ...maps].filter((line) => line.includes(root))
}
