/** Tables: owners, heirs, access, names, counters, patterns, limits; what belongs to no model. */
import { describe, expect, it } from 'vitest'
import { hashKey } from '../../../runtime/table/table-key.ts'
import { createWorld, idle, inProcess, observe, reasonsOf } from '../world.ts'
import type {
  AnyTable,
  OrderedTable,
  Pid,
  SetTable,
  System,
  Table,
  TableKey,
  TableOptions,
} from '../../../runtime/index.ts'

const set = (system: System, options: Partial<TableOptions> = {}): SetTable =>
  system.tables.create({ owner: 'system', ...options } as { owner: 'system' })
const ordered = (system: System): OrderedTable<TableKey, number> =>
  system.tables.create({ type: 'ordered_set', owner: 'system' })
const bag = (system: System, type: 'bag' | 'duplicate_bag'): Table<string, unknown> =>
  system.tables.create({ type, owner: 'system' })

const code = (fn: () => unknown): unknown => {
  try {
    fn()
    return undefined
  } catch (error) {
    return (error as { code?: unknown }).code
  }
}

describe('owners', () => {
  it('a table belongs to the process that makes it, and ends with it', async () => {
    const { clock, system } = createWorld()
    let table: AnyTable | undefined
    const owner = system.spawn(async (context) => {
      table = system.tables.create({ name: 't' })
      table.insert('a', 1)
      await context.receive()
    })
    await clock.settle()
    expect(table?.info()).toMatchObject({ name: 't', owner, type: 'set', access: 'protected' })
    expect(system.tables.whereis('t')).toBe(table)
    expect(table?.lookup('a')).toEqual([1])
    system.exit(owner, 'kill')
    expect(table?.exists).toBe(false)
    expect(table?.size).toBe(0)
    expect(system.tables.whereis('t')).toBeUndefined()
    expect(system.tables.all()).toEqual([])
    for (const use of [
      () => table?.lookup('a'),
      () => table?.insert('a', 1),
      () => table?.info(),
      () => table?.drop(),
      () => table?.cursor(),
    ]) {
      expect(code(use)).toBe('ERR_TABLE_GONE')
    }
  })

  it('is gone before anybody sees the DOWN or EXIT of its owner', async () => {
    const { clock, system } = createWorld()
    const owner = idle(system)
    const table = set(system, { owner })
    const seen: boolean[] = []
    system.watch(owner, () => seen.push(table.exists))
    system.exit(owner, 'kill')
    await clock.settle()
    expect(seen).toEqual([false])
  })

  it('an open iterator over it throws once it has ended with its owner', () => {
    const { system } = createWorld()
    const owner = idle(system)
    const table = set(system, { owner })
    table.insertAll([
      ['a', 1],
      ['b', 2],
    ])
    const cursor = table.cursor()
    expect(cursor.next().value).toEqual(['a', 1])
    const walk = (): void => {
      for (const _row of table) system.exit(owner, 'kill')
    }
    expect(code(walk)).toBe('ERR_TABLE_GONE')
    expect(code(() => cursor.next())).toBe('ERR_TABLE_GONE')
    expect(code(() => cursor.take(1))).toBe('ERR_TABLE_GONE')
  })

  it('goes to its heir with a message, and on to nobody from there', async () => {
    const { clock, system } = createWorld()
    const heir = observe(system)
    const owner = idle(system)
    const table = set(system, { owner, name: 't', heir: { pid: heir.pid, data: 'mine' } })
    table.insert('a', 1)
    const cursor = table.cursor()
    system.exit(owner, 'boom')
    await clock.settle()
    expect(heir.seen).toEqual([{ type: 'table_transfer', table, from: owner, data: 'mine' }])
    expect(table.info()).toMatchObject({ owner: heir.pid, heir: heir.pid, size: 1 })
    expect(system.tables.whereis('t')).toBe(table)
    expect(cursor.next().value).toEqual(['a', 1])
    system.exit(heir.pid, 'kill')
    expect(table.exists).toBe(false)
  })

  it('the heir is told before it sees the DOWN of the owner', async () => {
    const { clock, system } = createWorld()
    const owner = idle(system)
    const heir = observe(system, { first: (context) => void context.monitor(owner) })
    await clock.settle()
    set(system, { owner, heir: { pid: heir.pid } })
    system.exit(owner, 'kill')
    await clock.settle()
    expect(heir.seen).toMatchObject([{ type: 'table_transfer' }, { type: 'down' }])
  })

  it('a dead heir inherits nothing, also one that dies by the same signal', async () => {
    const { clock, system } = createWorld()
    const owner = idle(system)
    const dead = idle(system)
    system.exit(dead, 'kill')
    const first = set(system, { owner, heir: { pid: dead } })
    const linked = observe(system, { first: (context) => context.link(owner) })
    await clock.settle()
    const second = set(system, { owner: linked.pid, heir: { pid: owner } })
    system.exit(owner, 'boom')
    await clock.settle()
    expect([first.exists, second.exists]).toEqual([false, false])
    expect(system.tables.size).toBe(0)
  })

  it('a full mailbox does not lose the message of a transfer', async () => {
    const { clock, system } = createWorld({ mailboxMessagesMax: 1 })
    const heir = observe(system)
    await clock.settle()
    system.send(heir.pid, 'first')
    system.send(heir.pid, 'dropped')
    const owner = idle(system)
    set(system, { owner, heir: { pid: heir.pid } })
    system.exit(owner, 'kill')
    await clock.settle()
    expect(heir.seen).toMatchObject(['first', { type: 'table_transfer' }])
  })

  it('is given away by its owner only, to a live process that does not own it', async () => {
    const { clock, system } = createWorld()
    const to = observe(system)
    const dead = system.spawn(() => {})
    await clock.settle()
    const codes = await inProcess(system, (context) => {
      const table = system.tables.create({ name: 't' })
      const found = [
        code(() => table.giveAway(context.self)),
        code(() => table.giveAway(dead)),
        code(() => table.giveAway({} as Pid)),
      ]
      table.giveAway(to.pid, 7)
      found.push(code(() => table.giveAway(to.pid)))
      found.push(code(() => table.setHeir(undefined)))
      return [...found, context.self]
    })
    await clock.settle()
    const from = codes.pop()
    expect(codes).toEqual([
      'ERR_ARGUMENT',
      'ERR_NOPROC',
      'ERR_ARGUMENT',
      'ERR_TABLE_ACCESS',
      'ERR_TABLE_ACCESS',
    ])
    expect(to.seen).toMatchObject([{ type: 'table_transfer', from, data: 7 }])
    expect(system.tables.whereis('t')?.exists).toBe(true)
  })

  it('an heir is set and taken back', async () => {
    const { system } = createWorld()
    const heir = observe(system)
    const owner = idle(system)
    const table = set(system, { owner })
    table.setHeir({ pid: heir.pid })
    expect(table.info().heir).toBe(heir.pid)
    table.setHeir(undefined)
    expect(code(() => table.setHeir({ pid: {} as Pid }))).toBe('ERR_ARGUMENT')
    expect(code(() => table.setHeir(null as never))).toBe('ERR_ARGUMENT')
    system.exit(owner, 'kill')
    expect(table.exists).toBe(false)
  })

  it('who makes one where no process is running says whose it is', () => {
    const { system } = createWorld()
    const dead = idle(system)
    system.exit(dead, 'kill')
    expect(code(() => system.tables.create())).toBe('ERR_ARGUMENT')
    expect(code(() => system.tables.create({ owner: dead }))).toBe('ERR_NOPROC')
    expect(system.tables.create({ owner: 'system' }).info().owner).toBe('system')
  })

  it('a process of another system owns nothing here', async () => {
    const { system } = createWorld()
    const other = createWorld()
    const codes = await inProcess(other.system, () => [
      code(() => system.tables.create()),
      code(() => set(system).insert('a', 1)),
    ])
    expect(codes).toEqual(['ERR_ARGUMENT', 'ERR_TABLE_ACCESS'])
    expect(code(() => set(system, { heir: { pid: idle(other.system) } }))).toBe('ERR_ARGUMENT')
  })

  it('a stopped system has no tables and makes none', async () => {
    const { clock, system } = createWorld()
    const table = set(system)
    idle(system)
    const stopped = system.stop()
    await clock.settle()
    await stopped
    expect(table.exists).toBe(false)
    expect(code(() => set(system))).toBe('ERR_SYSTEM_STOPPED')
  })

  it('a hundred thousand tables of short lives leave nothing', async () => {
    const { clock, system } = createWorld()
    for (let i = 0; i < 1000; i++) {
      system.spawn(() => {
        for (let j = 0; j < 100; j++) system.tables.create({ name: `${i}/${j}` }).insert('a', j)
      })
      if (i % 100 === 0) await clock.settle()
    }
    await clock.settle()
    expect(system.stats()).toMatchObject({ tables: 0, processes: 0, processesCrashed: 0 })
    expect(system.tables.whereis('7/7')).toBeUndefined()
  })
})

describe('access', () => {
  const attempt = (table: SetTable): unknown[] => [
    code(() => table.lookup('a')),
    code(() => table.insert('a', 2)),
    code(() => table.giveAway({} as Pid)),
    code(() => table.info()),
  ]

  it.each([
    ['public', [undefined, undefined, 'ERR_TABLE_ACCESS', undefined]],
    ['protected', [undefined, 'ERR_TABLE_ACCESS', 'ERR_TABLE_ACCESS', undefined]],
    ['private', ['ERR_TABLE_ACCESS', 'ERR_TABLE_ACCESS', 'ERR_TABLE_ACCESS', undefined]],
  ] as const)('%s, as another process sees it', async (access, expected) => {
    const { system } = createWorld()
    const table = set(system, { owner: idle(system), access })
    expect(await inProcess(system, () => attempt(table))).toEqual(expected)
  })

  it('everything but giving it to nonsense is open to the owner', async () => {
    const { system } = createWorld()
    const seen = await inProcess(system, () => attempt(system.tables.create({ access: 'private' })))
    expect(seen).toEqual([undefined, undefined, 'ERR_ARGUMENT', undefined])
  })

  it('where no process is known to be running, all is allowed', () => {
    const { system } = createWorld()
    const table = set(system, { owner: idle(system), access: 'private' })
    table.insert('a', 1)
    expect(table.get('a')).toBe(1)
  })

  it('a cursor is checked at every step, against who takes it', async () => {
    const { system } = createWorld()
    const table = set(system, { owner: idle(system), access: 'private' })
    table.insert('a', 1)
    const cursor = table.cursor()
    expect(await inProcess(system, () => code(() => cursor.next()))).toBe('ERR_TABLE_ACCESS')
    expect(cursor.next().value).toEqual(['a', 1])
  })
})

describe('names', () => {
  it('are unique in a system and free with the table', () => {
    const { system } = createWorld()
    const table = set(system, { name: 't' })
    expect(code(() => set(system, { name: 't' }))).toBe('ERR_TABLE_NAME_TAKEN')
    expect(set(createWorld().system, { name: 't' }).exists).toBe(true)
    table.drop()
    expect(set(system, { name: 't' })).toBe(system.tables.whereis('t'))
  })

  it('tables and processes have names of their own', () => {
    const { system } = createWorld()
    const pid = idle(system, { name: 't' })
    set(system, { name: 't' })
    expect(system.whereis('t')).toBe(pid)
  })
})

describe('keys and values', () => {
  it('no two keys of different types or values are one', () => {
    const { system } = createWorld()
    const keys: TableKey[] = [
      1,
      1n,
      '1',
      true,
      'true',
      [1],
      ['1'],
      [1n],
      [[1]],
      [],
      [[]],
      '\u0000[n1;',
      ['a', 'b'],
      ['ab'],
      ['a,b'],
      [1, 2],
      [12],
    ]
    for (const table of [set(system), ordered(system)]) {
      for (const [i, key] of keys.entries()) table.insert(key, i)
      expect(table.size).toBe(keys.length)
      for (const [i, key] of keys.entries()) expect(table.get(key)).toBe(i)
    }
    expect(new Set(keys.map(hashKey)).size).toBe(keys.length)
  })

  it('the order of an ordered_set is that of the documentation', () => {
    const { system } = createWorld()
    const order: TableKey[] = [
      -Infinity,
      -1,
      0,
      0.5,
      1,
      1n,
      2,
      10n,
      Infinity,
      false,
      true,
      [],
      [1],
      [1, 0],
      [1, 'a'],
      ['a'],
      '',
      '10',
      '9',
      'a',
      'aa',
      'b',
    ]
    const table = ordered(system)
    for (const key of [...order].reverse()) table.insert(key, 0)
    expect(table.select().map(([key]) => key)).toEqual(order)
    expect(table.select(undefined, { reverse: true }).map(([key]) => key)).toEqual(
      [...order].reverse(),
    )
  })

  it('-0 is 0, NaN and everything else is no key', () => {
    const { system } = createWorld()
    for (const table of [set(system), ordered(system)]) {
      table.insert(-0, 1)
      table.insert([-0], 2)
      expect(table.lookup(0)).toEqual([1])
      expect(table.lookup([0])).toEqual([2])
      expect(Object.is(table.select()[0]![0], 0)).toBe(true)
      const cycle: unknown[] = []
      cycle.push(cycle)
      const holes: number[] = []
      holes[3] = 1
      for (const bad of [
        NaN,
        [NaN],
        undefined,
        null,
        {},
        Symbol('x'),
        new Date(),
        () => 1,
        cycle,
        holes,
      ]) {
        expect(code(() => table.insert(bad as TableKey, 1))).toBe('ERR_ARGUMENT')
        expect(code(() => table.lookup(bad as TableKey))).toBe('ERR_ARGUMENT')
        expect(code(() => table.insertAll([[bad as TableKey, 1]]))).toBe('ERR_ARGUMENT')
      }
      expect(table.size).toBe(2)
    }
  })

  it('a key has at most 256 elements, 8 deep', () => {
    const { system } = createWorld()
    const table = set(system)
    const wide = (n: number): TableKey => Array.from({ length: n }, (_, i) => i)
    const deep = (n: number): TableKey => (n === 0 ? 'x' : [deep(n - 1)])
    table.insert(wide(256), 1)
    table.insert(deep(8), 2)
    expect(code(() => table.insert(wide(257), 1))).toBe('ERR_ARGUMENT')
    expect(code(() => table.insert(deep(9), 1))).toBe('ERR_ARGUMENT')
  })

  it('an array as a key is copied, a value is passed by reference', () => {
    const { system } = createWorld()
    const table = set(system)
    const key = ['a', [1]]
    const value = { n: 1 }
    table.insert(key, value)
    key[0] = 'b'
    expect(table.get(['a', [1]])).toBe(value)
    const [[kept]] = table.select() as [readonly [TableKey, unknown]]
    expect(Object.isFrozen(kept)).toBe(true)
    expect(Object.isFrozen((kept as TableKey[])[1])).toBe(true)
  })

  it('entries are pairs in something that can be iterated', () => {
    const { system } = createWorld()
    const table = set(system)
    for (const bad of [null, 5, { a: 1 }, ['ab'], [['a']], [['a', 1, 2]]]) {
      expect(code(() => table.insertAll(bad as never))).toBe('ERR_ARGUMENT')
      expect(code(() => table.insertAllNew(bad as never))).toBe('ERR_ARGUMENT')
    }
    expect(table.size).toBe(0)
  })

  it('entries that end the table while they are read go nowhere', () => {
    const { system } = createWorld()
    const table = set(system)
    const entries = function* (): Generator<[string, number]> {
      yield ['a', 1]
      table.drop()
    }
    expect(code(() => table.insertAll(entries()))).toBe('ERR_TABLE_GONE')
    expect(table.size).toBe(0)
  })

  it('undefined is a value like any other', () => {
    const { system } = createWorld()
    const table = set(system)
    table.insert('a', undefined)
    expect(table.member('a')).toBe(true)
    expect(table.get('a', 'none')).toBeUndefined()
    expect(table.get('b', 'none')).toBe('none')
    expect(table.selectCount({ value: undefined })).toBe(1)
    expect(table.take('a')).toEqual([undefined])
  })

  it('a bag holds each value once, a duplicate_bag as often as it was put in', () => {
    const { system } = createWorld()
    const once = bag(system, 'bag')
    const often = bag(system, 'duplicate_bag')
    for (const table of [once, often]) for (const v of [1, 2, 1, NaN, NaN]) table.insert('a', v)
    expect(once.lookup('a')).toEqual([1, 2, NaN])
    expect(often.lookup('a')).toEqual([1, 2, 1, NaN, NaN])
    expect(often.deleteObject('a', 1)).toBe(true)
    expect(often.deleteObject('a', 1)).toBe(false)
    expect(often.size).toBe(3)
    expect([once.delete('a'), once.size, once.member('a')]).toEqual([true, 0, false])
  })
})

describe('selection', () => {
  const people = (system: System): SetTable<string, { age: number; at: { city: string } }> => {
    const table = system.tables.create<string, { age: number; at: { city: string } }>({
      owner: 'system',
    })
    table.insert('ann', { age: 30, at: { city: 'Bern' } })
    table.insert('bob', { age: 20, at: { city: 'Bonn' } })
    table.insert('cyd', { age: 40, at: { city: 'Bern' } })
    return table
  }
  const keys = (rows: readonly (readonly [string, unknown])[]): string[] => rows.map(([k]) => k)

  it('by predicate, by pattern, by a pattern with tests in it', () => {
    const { system } = createWorld()
    const table = people(system)
    expect(keys(table.select((person, key) => person.age > 25 && key !== 'cyd'))).toEqual(['ann'])
    expect(keys(table.select({ value: { at: { city: 'Bern' } } }))).toEqual(['ann', 'cyd'])
    expect(keys(table.select({ value: { age: (age) => age < 35 } }))).toEqual(['ann', 'bob'])
    expect(keys(table.select({ key: (key) => key > 'b', value: { age: 20 } }))).toEqual(['bob'])
    expect(keys(table.select({ key: 'bob' }))).toEqual(['bob'])
    expect(keys(table.select({ key: 'bob', value: { age: 21 } }))).toEqual([])
    expect(keys(table.select({ key: 'dan' }))).toEqual([])
    expect(keys(table.select({}))).toEqual(['ann', 'bob', 'cyd'])
    expect(table.selectCount({ value: { at: { city: 'Bern' } } })).toBe(2)
    expect(table.selectDelete({ value: { at: { city: 'Bern' } } })).toBe(2)
    expect(table.foldl((sum, { age }, key) => `${sum}${key}${age}`, '')).toBe('bob20')
  })

  it('what a pattern does not mean', () => {
    const { system } = createWorld()
    const table = set(system)
    const when = new Date(0)
    table.insertAll([
      ['date', when],
      ['list', [1, 2]],
      ['null', null],
      ['object', { a: { b: 1 }, c: 1 }],
    ])
    const found = (value: unknown): TableKey[] => table.select({ value }).map(([k]) => k)
    expect(found(when)).toEqual(['date'])
    expect(found(new Date(0))).toEqual([])
    expect(found([1, 2])).toEqual(['list'])
    expect(found([1])).toEqual([])
    expect(found([1, (n: unknown) => n === 2])).toEqual(['list'])
    expect(found(null)).toEqual(['null'])
    expect(found({ a: {} })).toEqual(['object'])
    expect(found({ constructor: Object })).toEqual([])
    const endless: unknown[] = []
    endless.push(endless)
    for (const bad of [null, 1, [], 'x', { keys: 1 }, new Map(), { key: endless }]) {
      expect(code(() => table.select(bad as never))).toBe('ERR_ARGUMENT')
    }
  })

  it('keys that are arrays match element by element', () => {
    const { system } = createWorld()
    const table = system.tables.create<readonly [string, number], string>({ owner: 'system' })
    table.insert(['a', 1], 'x')
    table.insert(['a', 2], 'y')
    table.insert(['b', 1], 'z')
    expect(table.select({ key: ['a', () => true] }).map(([, v]) => v)).toEqual(['x', 'y'])
    expect(table.select({ key: ['b', 1] }).map(([, v]) => v)).toEqual(['z'])
  })

  it('goes on from where it stopped, whatever happened meanwhile', () => {
    const { system } = createWorld()
    const table = ordered(system)
    for (let i = 0; i < 10; i++) table.insert(i, i * i)
    const cursor = table.cursor((v) => v % 2 === 0)
    expect(cursor.take(2)).toEqual([
      [0, 0],
      [2, 4],
    ])
    table.delete(2)
    table.delete(4)
    table.insert(5.5, 0)
    expect(cursor.take(1)).toEqual([[6, 36]])
    table.deleteAll()
    table.insert(8, 0)
    expect(cursor.take(5)).toEqual([])
    table.insert(9, 0)
    expect(cursor.take(5)).toEqual([]) // an end is an end
    expect(code(() => cursor.take(-1))).toBe('ERR_OPTION_INVALID')
  })

  it('a loop that inserts what it finds comes to an end', () => {
    const { system } = createWorld()
    for (const table of [set(system), ordered(system)]) {
      table.insert(0, 0)
      for (const [key] of table) {
        table.insert((key as number) + 1, 0)
        table.delete(key)
        table.insert(key, 0)
      }
      expect(table.size).toBe(2)
    }
  })

  it('bounds, order and limit', () => {
    const { system } = createWorld()
    const table = ordered(system)
    for (let i = 0; i < 10; i++) table.insert(i, i)
    const found = (options: object): unknown[] => table.select(undefined, options).map(([k]) => k)
    expect(found({ gte: 7 })).toEqual([7, 8, 9])
    expect(found({ gt: 7 })).toEqual([8, 9])
    expect(found({ lt: 2 })).toEqual([0, 1])
    expect(found({ lte: 2, gt: 0 })).toEqual([1, 2])
    expect(found({ lte: 2.5, reverse: true })).toEqual([2, 1, 0])
    expect(found({ reverse: true, limit: 2 })).toEqual([9, 8])
    expect(found({ gt: 5, lt: 5 })).toEqual([])
    expect(found({ limit: 0 })).toEqual([])
    expect(table.select({ key: 5 }, { gt: 5 })).toEqual([])
    expect(table.select({ key: 5 }, { gte: 5, lte: 5 })).toEqual([[5, 5]])
    expect(table.selectDelete(undefined, { gte: 5, limit: 2 })).toBe(2)
    expect(found({ gte: 4 })).toEqual([4, 7, 8, 9])
    expect(code(() => table.select(undefined, { gt: NaN }))).toBe('ERR_OPTION_INVALID')
    expect(code(() => table.select(undefined, { from: 1 } as object))).toBe('ERR_OPTION_UNKNOWN')
  })

  it('two bounds of one side contradict each other', () => {
    const { system } = createWorld()
    const table = ordered(system)
    for (const options of [
      { gt: 1, gte: 5 },
      { lt: 8, lte: 3 },
    ]) {
      expect(code(() => table.select(undefined, options))).toBe('ERR_OPTION_INVALID')
    }
  })

  it('selectDelete with a limit takes out so many objects, also equal ones', () => {
    const { system } = createWorld()
    const table = bag(system, 'duplicate_bag')
    for (const value of ['x', 'y', 'x', 'x']) table.insert('a', value)
    expect(table.selectDelete((value) => value === 'x', { limit: 2 })).toBe(2)
    expect(table.lookup('a')).toEqual(['y', 'x'])
    expect(table.size).toBe(2)
  })

  it('a test that throws or changes the table does not confuse selectDelete', () => {
    const { system } = createWorld()
    for (const table of [set(system), bag(system, 'bag'), bag(system, 'duplicate_bag')]) {
      table.insertAll([
        ['a', 1],
        ['b', 1],
      ])
      const failing = (_value: unknown, key: TableKey): boolean => {
        if (key === 'b') throw new RangeError('b')
        return true
      }
      expect(() => table.selectDelete(failing)).toThrow('b')
      expect(table.size).toBe(2)
      const growing = (_value: unknown, key: TableKey): boolean => {
        table.insert(`${String(key)}${String(key)}`, 2)
        return table.delete('b') || true
      }
      expect(table.selectDelete(growing)).toBe(1)
      expect(table.select()).toEqual([['aa', 2]])
    }
  })

  it('many values of one key go as quickly as many keys', () => {
    const { system } = createWorld()
    const table = bag(system, 'duplicate_bag')
    for (let i = 0; i < 100_000; i++) table.insert('a', i)
    expect(table.selectDelete((value) => (value as number) % 2 === 0)).toBe(50_000)
    expect(table.selectCount()).toBe(50_000)
  })

  it('what a type does not have is refused', () => {
    const { system } = createWorld()
    const unordered = set(system) as OrderedTable
    const several = bag(system, 'bag') as unknown as OrderedTable
    for (const use of [
      () => unordered.first(),
      () => unordered.last(),
      () => unordered.next(1),
      () => unordered.prev(1),
      () => unordered.select(undefined, { gt: 1 }),
      () => unordered.select(undefined, { reverse: true }),
      () => several.get('a'),
      () => several.updateCounter('a', 1, 0),
    ]) {
      expect(code(use)).toBe('ERR_TABLE_TYPE')
    }
    expect(unordered.select(undefined, { limit: 1 })).toEqual([])
  })
})

describe('counters', () => {
  it('count up and down, from an initial value', () => {
    const { system } = createWorld()
    const table = system.tables.create<string, number>({ owner: 'system' })
    expect(table.updateCounter('a', 5, 0)).toBe(5)
    expect(table.updateCounter('a', -2)).toBe(3)
    expect(table.updateCounter('a', { increment: 0 })).toBe(3)
    expect(code(() => table.updateCounter('b', 1))).toBe('ERR_TABLE_COUNTER')
    expect(table.member('b')).toBe(false)
  })

  it('several steps on fields happen together, and not on the old object', () => {
    const { system } = createWorld()
    const table = system.tables.create<string, { hits: number; left: number }>({ owner: 'system' })
    const first = { hits: 0, left: 3 }
    table.insert('a', first)
    const steps = [
      { field: 'hits', increment: 1 },
      { field: 'left', increment: -2 },
      { field: 'hits', increment: 10 },
    ]
    expect(table.updateCounter('a', steps)).toEqual([1, 1, 11])
    expect(table.get('a')).toEqual({ hits: 11, left: 1 })
    expect(first).toEqual({ hits: 0, left: 3 })
    const failing = [...steps, { field: 'none', increment: 1 }]
    expect(code(() => table.updateCounter('a', failing))).toBe('ERR_TABLE_COUNTER')
    expect(table.get('a')).toEqual({ hits: 11, left: 1 })
    expect(table.updateCounter('a', [])).toEqual([])
  })

  it('past its threshold a counter becomes what was said, in both directions', () => {
    const { system } = createWorld()
    const table = system.tables.create<string, number>({ owner: 'system' })
    table.insert('a', 8)
    const up = { increment: 1, threshold: 9, setValue: 0 }
    expect([1, 2, 3].map(() => table.updateCounter('a', up))).toEqual([9, 0, 1])
    const down = { increment: -2, threshold: 0, setValue: 100 }
    expect([1, 2].map(() => table.updateCounter('a', down))).toEqual([100, 98])
    expect(table.updateCounter('a', { increment: 5, threshold: 99 })).toBe(99)
    expect(code(() => table.updateCounter('a', { increment: 1, setValue: 1 }))).toBe(
      'ERR_TABLE_COUNTER',
    )
  })

  it('bigints and elements of lists count too, anything else does not', () => {
    const { system } = createWorld()
    const table = set(system)
    table.insertAll([
      ['big', 2n ** 64n],
      ['list', [1, 2]],
      ['max', Number.MAX_SAFE_INTEGER],
      ['half', 0.5],
      ['text', '1'],
      ['date', new Date(0)],
      ['inherited', Object.create({ n: 1 })],
    ])
    expect(table.updateCounter('big', 1n)).toBe(2n ** 64n + 1n)
    expect(table.updateCounter('list', { field: 1, increment: 1 })).toBe(3)
    expect(table.get('list')).toEqual([1, 3])
    expect(table.updateCounter('max', { increment: 1, threshold: 10, setValue: 0 })).toBe(0)
    table.insert('max', Number.MAX_SAFE_INTEGER)
    const refused: readonly [string, unknown][] = [
      ['big', 1],
      ['max', 1],
      ['max', 1n],
      ['max', NaN],
      ['max', 0.5],
      ['half', 1],
      ['text', 1],
      ['date', { field: 'time', increment: 1 }],
      ['inherited', { field: 'n', increment: 1 }],
      ['max', { increment: 1, threshold: 0.5 }],
      ['max', {}],
    ]
    for (const [key, step] of refused) {
      expect(
        code(() => table.updateCounter(key, step as number)),
        key,
      ).toBe('ERR_TABLE_COUNTER')
    }
    expect(code(() => table.updateCounter('list', { field: 'length', increment: -9 }))).toBe(
      'ERR_TABLE_COUNTER',
    )
    for (const bad of ['x', null, { increment: 1, treshold: 9 }]) {
      expect(code(() => table.updateCounter('max', bad as never))).toBe('ERR_ARGUMENT')
    }
  })

  it('the message shows the part that is wrong', () => {
    const { system } = createWorld()
    const table = set(system)
    table.insertAll([
      ['n', 1],
      ['nothing', undefined],
    ])
    expect(() => table.updateCounter('n', {} as never)).toThrow('received undefined')
    expect(() => table.updateCounter('n', { increment: 1, threshold: 'x' } as never)).toThrow("'x'")
    expect(() => table.updateCounter('nothing', 1)).toThrow('received undefined')
    expect(() => table.updateCounter('none', 1)).toThrow('no such key')
  })
})

describe('limits', () => {
  it('tablesMax, at the limit and one more', () => {
    const { system } = createWorld({ tablesMax: 2 })
    set(system)
    const last = set(system)
    expect(code(() => set(system))).toBe('ERR_TABLES_MAX')
    expect(system.stats().tables).toBe(2)
    last.drop()
    set(system)
  })

  it.each(['set', 'ordered_set'] as const)('tableEntriesMax of a %s', (type) => {
    const { system } = createWorld({ tableEntriesMax: 2 })
    const table = set(system, { type })
    table.insertAll([
      ['a', 1],
      ['b', 1],
    ])
    table.insert('a', 2)
    table.insertAll([
      ['a', 3],
      ['b', 3],
      ['a', 4],
    ])
    expect(code(() => table.insert('c', 1))).toBe('ERR_TABLE_ENTRIES_MAX')
    expect(code(() => table.insertNew('c', 1))).toBe('ERR_TABLE_ENTRIES_MAX')
    expect(code(() => table.updateCounter('c', 1, 0))).toBe('ERR_TABLE_ENTRIES_MAX')
    const rows = [
      ['b', 9],
      ['c', 9],
    ] as const
    expect(code(() => table.insertAll(rows))).toBe('ERR_TABLE_ENTRIES_MAX')
    expect(code(() => table.insertAllNew([['c', 9]]))).toBe('ERR_TABLE_ENTRIES_MAX')
    expect(table.select()).toEqual([
      ['a', 4],
      ['b', 3],
    ])
    expect(system.stats().tableInsertsRefused).toBe(5)
  })

  it.each(['bag', 'duplicate_bag'] as const)('entriesMax of a %s counts its objects', (type) => {
    const { system } = createWorld()
    const table: Table<string, number> = system.tables.create({
      type,
      owner: 'system',
      entriesMax: 3,
    })
    table.insertAll([
      ['a', 1],
      ['a', 2],
      ['b', 1],
    ])
    expect(code(() => table.insert('a', 3))).toBe('ERR_TABLE_ENTRIES_MAX')
    const again = [
      ['a', 1],
      ['a', 1],
      ['b', 1],
    ] as const
    const refused = type === 'bag' ? undefined : 'ERR_TABLE_ENTRIES_MAX'
    expect(code(() => table.insert('a', 1))).toBe(refused)
    expect(code(() => table.insertAll(again))).toBe(refused)
    table.delete('a')
    expect(
      code(() =>
        table.insertAll([
          ['c', 1],
          ['c', 1],
          ['c', 2],
        ]),
      ),
    ).toBe(refused)
    expect(table.size).toBe(type === 'bag' ? 3 : 1)
  })

  it('options are checked', () => {
    const { system } = createWorld()
    for (const [options, expected] of [
      [{ type: 'list' }, 'ERR_OPTION_INVALID'],
      [{ access: 'open' }, 'ERR_OPTION_INVALID'],
      [{ name: '' }, 'ERR_OPTION_INVALID'],
      [{ entriesMax: 0 }, 'ERR_OPTION_INVALID'],
      [{ entriesMax: 16_000_001 }, 'ERR_OPTION_INVALID'],
      [{ owner: 'me' }, 'ERR_OPTION_INVALID'],
      [{ heir: {} }, 'ERR_OPTION_INVALID'],
      [{ keypos: 1 }, 'ERR_OPTION_UNKNOWN'],
    ] as const) {
      expect(code(() => set(system, options as object))).toBe(expected)
    }
    expect(system.tables.size).toBe(0)
  })
})

describe('a million entries', () => {
  it.each(['set', 'ordered_set'] as const)(
    'in a %s',
    (type) => {
      const { system } = createWorld()
      const table = set(system, { type })
      const size = 1_000_000
      for (let i = 0; i < size; i++) table.insert((i * 7919) % size, i)
      expect(table.size).toBe(size)
      expect(table.get(7919)).toBe(1)
      let walked = 0
      for (const [key] of table) {
        walked++
        if ((key as number) % 2 === 0) table.delete(key)
      }
      expect([walked, table.size]).toEqual([size, size / 2])
      expect(table.selectDelete()).toBe(size / 2)
    },
    60_000,
  )
})

it('the owner of a table sees a crash of its own, not of others', async () => {
  const { clock, system } = createWorld()
  const table = set(system, { owner: idle(system) })
  const writer = system.spawn(() => table.insert('a', 1))
  const reasons = reasonsOf(system, writer)
  await clock.settle()
  expect(reasons).toMatchObject([{ code: 'ERR_TABLE_ACCESS' }])
  expect(table.exists).toBe(true)
})
