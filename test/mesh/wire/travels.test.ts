import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { UnsendableError } from '../../../mesh/wire/errors.ts'
import { MESSAGE_LIMITS, VALUE_LIMITS } from '../../../mesh/wire/limits.ts'
import { checkTravels, WireForm } from '../../../mesh/wire/travels.ts'
import { travelling } from './values.ts'

class Account {
  readonly balance = 1
}

class Pile<T> extends Array<T> {}

/** Reason and path of the refusal. */
function refusal(value: unknown, root = 'input', limits = VALUE_LIMITS): string {
  try {
    checkTravels(value, { root, limits })
  } catch (error) {
    if (error instanceof UnsendableError) return `${error.reason} ${error.path}`
    throw error
  }
  return 'travels'
}

const f = () => 1

describe('checkTravels', () => {
  it.each<[string, unknown, string]>([
    ['a function', f, 'function input'],
    [
      'a function deep inside',
      { items: [1, 2, 3, { callback: f }] },
      'function input.items[3].callback',
    ],
    ['a class', { kind: Account }, 'function input.kind'],
    ['a symbol', [Symbol('s')], 'symbol input[0]'],
    ['a symbol as a key', { a: { [Symbol('s')]: 1 } }, 'symbol_key input.a'],
    ['a class instance', { account: new Account() }, 'class_instance input.account'],
    ['a subclass of Array', { pile: new Pile() }, 'class_instance input.pile'],
    ['a subclass of Map', [new (class extends Map {})()], 'class_instance input[0]'],
    ['a RegExp', { re: /x/ }, 'class_instance input.re'],
    ['an Error', { error: new Error('x') }, 'class_instance input.error'],
    ['a Promise', Promise.resolve(1), 'class_instance input'],
    ['a WeakMap', new WeakMap(), 'class_instance input'],
    ['a boxed number', Object(1), 'class_instance input'],
    ['a URL', { at: new URL('http://x') }, 'class_instance input.at'],
    ['a bigint of 65 bit', { n: 2n ** 64n }, 'bigint input.n'],
    ['a negative bigint of 65 bit', [-(2n ** 63n) - 1n], 'bigint input[0]'],
    ['an own key __proto__', JSON.parse('{"a":{"__proto__":1}}'), 'key input.a.__proto__'],
    ['a key with a lone surrogate', { '\ud800': 1 }, 'key input["\\ud800"]'],
    ['a Map value', { cache: new Map([['a b', f]]) }, 'function input.cache.get("a b")'],
    ['a Map value under an object', new Map([[{}, f]]), 'function input.values()[0]'],
    [
      'a Map key',
      new Map<unknown, number>([
        ['a', 1],
        [f, 2],
      ]),
      'function input.keys()[1]',
    ],
    ['a Set value', { all: new Set<unknown>([1, f]) }, 'function input.all.values()[1]'],
    [
      'keys that are no identifiers',
      { 'a-b': { '0': { '': f } } },
      'function input["a-b"]["0"][""]',
    ],
    [
      'a getter that gives a function',
      {
        get late() {
          return f
        },
      },
      'function input.late',
    ],
    [
      'a getter that throws',
      {
        list: [
          0,
          {
            get late() {
              throw new Error('a bad getter')
            },
          },
        ],
      },
      'reading input.list[1].late',
    ],
    ['a very long key', { ['k'.repeat(100)]: f }, `function input.${'k'.repeat(40)}…`],
  ])('refuses %s with its path', (_, value, expected) => {
    expect(refusal(value)).toBe(expected)
  })

  it('names the place of what throws for whatever is asked of it, with the error as cause', () => {
    const cause = new Error('asked')
    const trap = (): never => {
      throw cause
    }
    const value = { inside: [new Proxy({}, { getPrototypeOf: trap, ownKeys: trap, get: trap })] }
    expect(refusal(value)).toBe('reading input.inside[0]')
    expect(() => checkTravels(value)).toThrow(expect.objectContaining({ cause }))
  })

  it('finds a cycle and names the reference that closes it', () => {
    const a: Record<string, unknown> = { b: { c: [0] } }
    ;(a['b'] as { c: unknown[] }).c.push(a)
    expect(refusal(a)).toBe('cycle input.b.c[1]')
    const map = new Map<string, unknown>()
    map.set('self', { map })
    expect(refusal({ map })).toBe('cycle input.map.get("self").map')
    const set = new Set<unknown>()
    set.add([set])
    expect(refusal(set)).toBe('cycle input.values()[0][0]')
    const list: unknown[] = []
    list.push(list)
    expect(refusal(list, '')).toBe('cycle [0]')
  })

  it('takes a reference that occurs often, and one from an elder to a younger', () => {
    const shared = { deep: { deeper: [1] } }
    expect(refusal([shared, shared, { again: shared.deep }])).toBe('travels')
  })

  it('a fan of shared references does not multiply without an end', () => {
    let fan: unknown = ['x'.repeat(1000)]
    for (let i = 0; i < 30; i++) fan = [fan, fan]
    expect(refusal(fan)).toMatch(/^bytes input(\[1\]|\[0\])+$/)
    let light: unknown = 0
    for (let i = 0; i < 40; i++) light = [light, light]
    expect(refusal(light, 'input', MESSAGE_LIMITS)).toMatch(/^depth /)
    let wide: unknown = 0
    for (let i = 0; i < 20; i++) wide = [wide, wide]
    expect(refusal(wide, 'input', MESSAGE_LIMITS)).toMatch(/^elements /)
  })

  it('holds the limits exactly', () => {
    const nest = (depth: number): unknown => (depth === 0 ? 0 : [nest(depth - 1)])
    const keys = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, 0]))
    const { depthMax, elementsMax, mapKeysMax, bytesMax } = MESSAGE_LIMITS
    const check = (value: unknown) => refusal(value, '', MESSAGE_LIMITS).split(' ')[0]
    expect(check(nest(depthMax))).toBe('travels')
    expect(check(nest(depthMax + 1))).toBe('depth')
    expect(check(Array.from({ length: elementsMax - 1 }, () => 0))).toBe('travels')
    expect(check(Array.from({ length: elementsMax }, () => 0))).toBe('elements')
    expect(check(new Set(Array.from({ length: elementsMax - 2 }, (_, i) => i)))).toBe('travels')
    expect(check(new Set(Array.from({ length: elementsMax - 1 }, (_, i) => i)))).toBe('elements')
    expect(check(keys(mapKeysMax))).toBe('travels')
    expect(check(keys(mapKeysMax + 1))).toBe('map_keys')
    expect(check(new Uint8Array(bytesMax))).toBe('travels')
    expect(check(new Uint8Array(bytesMax + 1))).toBe('bytes')
    expect(check(new Array(4_000_000_000))).toBe('elements')
  })

  it('says what to do, without the value', () => {
    const check = () => checkTravels({ password: f }, { root: 'input' })
    expect(check).toThrow(
      'input.password can not be sent: functions do not travel; send a pid or a ref',
    )
    expect(() => checkTravels(new Account())).toThrow(
      'the value can not be sent: it is a class instance; send plain data (Account)',
    )
  })

  it('takes every value that travels', () => {
    fc.assert(
      fc.property(travelling, (value) => {
        expect(refusal(value)).toBe('travels')
      }),
    )
  })

  it('never throws anything but an UnsendableError for values without getters', () => {
    const anything = fc.anything({
      withBigInt: true,
      withBoxedValues: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withNullPrototype: true,
      withSparseArray: true,
      withTypedArray: true,
    })
    fc.assert(
      fc.property(anything, (value) => {
        expect(refusal(value)).toBeTypeOf('string')
      }),
    )
  })
})

describe('WireForm', () => {
  it('gives the value itself when msgpackr can write it as it is', () => {
    const form = new WireForm(VALUE_LIMITS, [])
    const value = {
      a: [1, 'x', { b: null }],
      n: Number.NaN,
      bytes: new Uint8Array(3),
      d: new Date(),
    }
    expect(form.of(value)).toBe(value)
  })

  it('copies only the way to what must be replaced', () => {
    const form = new WireForm(VALUE_LIMITS, [])
    const value = { kept: { a: 1 }, changed: [{ z: -0 }, { y: 1 }] }
    const wire = form.of(value) as typeof value
    expect(wire).not.toBe(value)
    expect(wire.kept).toBe(value.kept)
    expect(wire.changed[1]).toBe(value.changed[1])
    expect(Object.is(value.changed[0]?.z, -0)).toBe(true)
  })

  it('works on after a refusal', () => {
    const form = new WireForm(VALUE_LIMITS, [])
    expect(() => form.of([[[f]]])).toThrow(UnsendableError)
    const value = { a: 1 }
    expect(form.of(value)).toBe(value)
    expect(() => form.of({ b: f })).toThrow('b can not be sent')
  })
})
