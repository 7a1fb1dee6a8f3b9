import { beforeEach, describe, expect, it } from 'vitest'
import type { System } from '../../../runtime/index.ts'
import {
  contract,
  implement,
  noreply,
  reply,
  type Contract,
  type SchemaResult,
  type Server,
  type StandardSchema,
} from '../../../behaviours/index.ts'
import { world, type World } from '../world.ts'

interface NumbersApi {
  call: { add(by: number): number; addLater(by: number): number; broken(by: number): number }
  cast: { set(to: number): void }
}

const schemaOf = <T>(
  validate: (value: unknown) => SchemaResult<T> | Promise<SchemaResult<T>>,
): StandardSchema<unknown, T> => ({ '~standard': { version: 1, vendor: 'test', validate } })

/** Takes numbers and numerals. */
const numeral = (value: unknown): SchemaResult<number> => {
  if (typeof value === 'number') return { value }
  if (typeof value === 'string' && value !== '') return { value: Number(value) }
  return { issues: [{ message: 'not a number', path: ['by', { key: 0 }] }, { message: 'at all' }] }
}

const NumbersContract: Contract<NumbersApi> = contract('numbers/1', {
  call: {
    add: schemaOf(numeral),
    addLater: schemaOf(async (value) => {
      await Promise.resolve()
      return numeral(value)
    }),
    broken: schemaOf<number>(() => {
      throw new Error('oops')
    }),
  },
  cast: { set: schemaOf(numeral) },
})

const Numbers: Server<NumbersApi> = implement<NumbersApi, void, number>(NumbersContract, {
  init: () => 0,
  call: {
    add: (n, by) => reply(n + by, n + by),
    addLater: (n, by) => reply(n + by, n + by),
    broken: (n) => reply(n, n),
  },
  cast: { set: (_n, to) => noreply(to) },
})

let w: World
let system: System
beforeEach(() => {
  w = world()
  system = w.system
})

describe('the check at the server’s door', () => {
  it.each(['add', 'addLater'] as const)(
    '%s: a refused input is answered with its issues, and the server does not notice',
    async (name) => {
      const ref = await Numbers.start(undefined, { system })
      await ref.call.add(1)
      await expect(ref.call[name]({} as never)).rejects.toMatchObject({
        code: 'ERR_CALL_INPUT',
        contract: 'numbers/1',
        request: name,
        issues: ['by.0: not a number', 'at all'],
      })
      expect(await ref.call.add(1)).toBe(2)
    },
  )

  it('the handler gets what the schema made of the input', async () => {
    const ref = await Numbers.start(undefined, { system })
    expect(await ref.call.add('5' as never)).toBe(5)
    expect(await ref.call.addLater('6' as never)).toBe(11)
  })

  it('a schema that throws refuses the input and crashes nobody', async () => {
    const ref = await Numbers.start(undefined, { system })
    await expect(ref.call.broken(1)).rejects.toMatchObject({
      code: 'ERR_CALL_INPUT',
      issues: ['the schema threw: oops'],
    })
    expect(await ref.call.add(1)).toBe(1)
  })

  it.each<[string, () => unknown, string]>([
    ['a promise of another library', () => ({ then: refuse }), 'no'],
    ['nothing', () => undefined, 'the schema threw: '],
    ['nothing, later', async () => undefined, 'the schema threw: '],
    ['a result without a value', () => ({}), 'the schema gave no result: {}'],
    ['something else', () => 5, 'the schema threw: '],
    ['issues that are none', async () => ({ issues: 'x' }), 'the schema threw: '],
    ['a path that is none', async () => ({ issues: [{ message: 'm', path: [null] }] }), 'the '],
    ['what has no text', () => raise(Object.create(null)), 'the schema threw: [Object: null'],
    ['what has no text, later', async () => raise(Object.create(null)), 'the schema threw: ['],
    ['a book', () => ({ issues: [{ message: 'no'.repeat(100_000) }] }), 'no'],
  ])(
    'a schema that gives %s refuses the input and crashes nobody',
    async (_what, validate, issue) => {
      const declared = contract<{ call: { add(by: number): number }; cast: {} }>('odd/1', {
        call: { add: schemaOf(validate as () => SchemaResult<number>) },
        cast: {},
      })
      const server = implement(declared, {
        init: () => 0,
        call: { add: (n: number) => reply(n, n) },
        cast: {},
      })
      const ref = await server.start(undefined, { system })
      const refused: unknown = await ref.call.add(1).catch((thrown: unknown) => thrown)
      expect(refused).toMatchObject({ code: 'ERR_CALL_INPUT' })
      const { issues } = refused as { issues: string[] }
      expect(issues).toEqual([expect.stringContaining(issue)])
      expect(issues[0]!.length).toBeLessThanOrEqual(256)
      expect(system.isAlive(ref.pid)).toBe(true)
    },
  )

  it('a refused cast is dropped with a warning', async () => {
    const ref = await Numbers.start(undefined, { system })
    ref.cast.set(3)
    ref.cast.set({} as never)
    expect(await ref.call.add(0)).toBe(3)
    expect(w.lines).toMatchObject([
      { level: 'warn', fields: { cast: 'set', issues: ['by.0: not a number', 'at all'] } },
    ])
  })

  it('an asynchronous schema keeps the order of messages', async () => {
    const ref = await Numbers.start(undefined, { system })
    const first = ref.call.addLater(1)
    ref.cast.set(10)
    expect(await first).toBe(1)
    expect(await ref.call.add(0)).toBe(10)
  })

  it('keeps 16 issues of a refusal, not all that a hostile input could cause', async () => {
    const many = (count: number): StandardSchema<unknown, number> =>
      schemaOf(() => ({ issues: Array.from({ length: count }, () => ({ message: 'no' })) }))
    const counts: number[] = []
    for (const count of [16, 17]) {
      const declared = contract<{ call: { add(by: number): number }; cast: {} }>('many/1', {
        call: { add: many(count) },
        cast: {},
      })
      const server = implement(declared, {
        init: () => 0,
        call: { add: (n: number) => reply(n, n) },
        cast: {},
      })
      const ref = await server.start(undefined, { system })
      const error: unknown = await ref.call.add(1).catch((thrown: unknown) => thrown)
      counts.push((error as { issues: string[] }).issues.length)
    }
    expect(counts).toEqual([16, 16])
  })
})

function refuse(settle: (result: unknown) => void): void {
  settle({ issues: [{ message: 'no' }] })
}

function raise(value: unknown): never {
  throw value
}
