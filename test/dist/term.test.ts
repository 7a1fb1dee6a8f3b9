import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bareRef, contract, isRef, type Contract, type Ref } from '../../behaviours/index.ts'
import { ContractTable } from '../../dist/contract-table.ts'
import { RemoteError } from '../../dist/errors.ts'
import { termExtensions, TermType, type TermContext } from '../../dist/term.ts'
import { Codec, UnsendableError, VALUE_LIMITS } from '../../mesh/index.ts'
import {
  CallExitError,
  createSystem,
  homeOf,
  isPid,
  MonitorRefValue,
  pidEquals,
  type System,
} from '../../runtime/index.ts'

const [A, B, C] = ['a', 'b', 'c'].map((digit) => digit.repeat(64)) as [string, string, string]

interface CounterApi {
  call: { get(): number }
  cast: {}
}
const CounterContract: Contract<CounterApi> = contract('counter/1', {
  call: { get: true },
  cast: {},
})

/** Two ends of one connection. The system of `b` was given to its node, so it has another name. */
function pair(options: { errorStacks?: boolean } = {}): {
  readonly a: TermContext
  readonly b: TermContext
  readonly pass: (value: unknown) => unknown
  readonly back: (value: unknown) => unknown
} {
  const contracts = new ContractTable()
  contracts.learn(CounterContract)
  const { errorStacks = true } = options
  const end = (
    system: System,
    [ownKeyHex, ownIncarnation]: [string, number],
    [peerKeyHex, peerIncarnation]: [string, number],
  ): TermContext => ({
    ...{ system, ownKeyHex, ownIncarnation, peerKeyHex, peerIncarnation, contracts, errorStacks },
  })
  const a = end(createSystem({ node: A, incarnation: 7 }), [A, 7], [B, 2 ** 41])
  const b = end(createSystem({ node: 'local-b' }), [B, 2 ** 41], [A, 7])
  const codec = new Codec<TermContext>({ limits: VALUE_LIMITS, extensions: termExtensions })
  return {
    a,
    b,
    pass: (value) => codec.decode(codec.encode(value, a), b),
    back: (value) => codec.decode(codec.encode(value, b), a),
  }
}

describe('pids', () => {
  it('of the sender arrive as those of the peer, whatever its system is called', () => {
    const { a, b, pass, back } = pair()
    const ofA = a.system.spawn(() => new Promise(() => {}))
    const ofB = b.system.spawn(() => new Promise(() => {}))
    expect(pass(ofA)).toMatchObject({ node: A, id: ofA.id, incarnation: 7 })
    expect(back(ofB)).toMatchObject({ node: B, id: ofB.id, incarnation: 2 ** 41 })
  })

  it('of the receiver come back as its own', () => {
    const { a, b, pass, back } = pair()
    const ofA = a.system.spawn(() => new Promise(() => {}))
    const ofB = b.system.spawn(() => new Promise(() => {}))
    const homeA = back(pass(ofA))
    const homeB = pass(back(ofB))
    expect(homeA).toBe(ofA)
    expect(homeB).toBe(ofB)
    expect(homeOf(ofB)).toBe(b.system)
  })

  it('of a third node keep key, number and incarnation', () => {
    const { a, b, pass } = pair()
    const ofC = a.system.pidFor(C, 2 ** 52, 2 ** 53 - 1)
    const there = pass({ deep: [ofC] }) as { deep: [typeof ofC] }
    expect(pidEquals(there.deep[0], ofC)).toBe(true)
    expect(homeOf(there.deep[0])).toBe(b.system)
  })

  it('X-18 of an earlier start of the receiver are not its own', () => {
    const { a, b, pass } = pair()
    const ofB = b.system.spawn(() => new Promise(() => {}))
    const old = pass(a.system.pidFor(B, ofB.id, 2 ** 41 - 1))
    expect(isPid(old) && b.system.isAlive(old)).toBe(false)
    expect(old).toMatchObject({ node: B, incarnation: 2 ** 41 - 1 })
  })

  it('of the receiver are its own also when a third node wrote their key out', () => {
    const { a, b } = pair()
    const ofB = b.system.spawn(() => new Promise(() => {}))
    const bytes = Buffer.alloc(49)
    bytes.writeUInt8(2, 0)
    bytes.writeDoubleBE(ofB.id, 1)
    bytes.writeDoubleBE(b.ownIncarnation, 9)
    bytes.write(B, 17, 'hex')
    const encode = (): unknown => new Uint8Array(bytes)
    const extension = { type: TermType.pid, matches: () => true, encode, decode: () => 0 }
    const sent = new Codec<TermContext>({ extensions: [extension] }).encode(new Error('x'), a)
    const codec = new Codec<TermContext>({ limits: VALUE_LIMITS, extensions: termExtensions })
    expect(codec.decode(sent, b)).toBe(ofB)
  })

  it('of a system without a node are refused', () => {
    const { pass } = pair()
    const stranger = createSystem().spawn(() => {})
    expect(() => pass({ x: stranger })).toThrow(
      expect.objectContaining({ code: 'ERR_VALUE_UNSENDABLE', path: 'x' }),
    )
  })
})

describe('refs', () => {
  it('of a known contract arrive usable, of an unknown one bare', () => {
    const { a, pass } = pair()
    const pid = a.system.spawn(() => new Promise(() => {}))
    const known = pass(CounterContract.at(pid)) as Ref<CounterApi>
    expect(typeof known.call.get).toBe('function')
    expect(known.pid).toMatchObject({ node: A, id: pid.id })
    const unknown = pass(bareRef(pid, 'other/1')) as Ref<unknown>
    expect([isRef(unknown), unknown.contract]).toEqual([true, 'other/1'])
    const nameless = pass(bareRef(pid)) as Ref<unknown>
    expect([isRef(nameless), nameless.contract]).toEqual([true, undefined])
  })
})

describe('monitor references', () => {
  it('keep their node, ours stay ours', () => {
    const { a, pass, back } = pair()
    const there = pass(new MonitorRefValue(A, 9))
    expect(there).toEqual(new MonitorRefValue(A, 9))
    expect(back(there)).toEqual(new MonitorRefValue(a.system.node, 9))
    expect(pass(new MonitorRefValue(B, 3))).toEqual(new MonitorRefValue('local-b', 3))
  })
})

describe('errors', () => {
  it('arrive with name, message, code, fields, cause and the marked stack', () => {
    const { a, pass } = pair()
    const cause = new TypeError('inner')
    const error = Object.assign(new RangeError('outer', { cause }), {
      code: 'ERR_MINE',
      limit: 7,
      who: a.system.spawn(() => new Promise(() => {})),
      errors: [new Error('one'), 'two'],
    })
    const there = pass(error) as RemoteError & Record<string, unknown>
    expect(there).toBeInstanceOf(RemoteError)
    expect(there).toMatchObject({
      ...{ name: 'RangeError', message: 'outer', code: 'ERR_MINE', limit: 7, remoteNode: A },
      who: { node: A },
    })
    expect(there.cause).toMatchObject({ name: 'TypeError', message: 'inner', code: 'ERR_REMOTE' })
    expect(there['errors']).toMatchObject([{ message: 'one' }, 'two'])
    expect(there.stack).toContain('term.test.ts')
    expect(there.stack).toContain(`[on node ${A.slice(0, 14)}]`)
    expect(there.remoteStack).toContain('term.test.ts')
    expect(String(there)).toBe('RangeError: outer')
  })

  it('go on to a third node as the error they were', () => {
    const { pass, back } = pair()
    const there = back(pass(new Error('far'))) as RemoteError
    expect([there.remoteNode, there.message]).toEqual([A, 'far'])
    expect(there.stack?.match(/on node/g)).toHaveLength(1)
  })

  it('leave out what does not travel instead of failing', () => {
    const { pass } = pair()
    class Own {
      readonly x = 1
    }
    const error: Error & { self?: unknown } = Object.assign(new Error('e'), {
      fn: () => 1,
      own: new Own(),
      big: 'x'.repeat(100_000),
    })
    error.self = error
    error.cause = error
    const there = pass(error) as unknown as Record<string, unknown>
    expect(there['message']).toBe('e')
    expect('fn' in there).toBe(false)
    expect(there['own']).toBe('Own { x: 1 }')
    expect(String(there['big']).length).toBeLessThan(10_000)
    expect(there['self']).toMatchObject({ message: 'e' })
  })

  it('are sent as far as they can be read', () => {
    const throwing = (): never => {
      throw new Error('a bad getter')
    }
    const error = Object.defineProperties(new Error('e'), {
      field: { enumerable: true, get: throwing },
      code: { get: throwing },
      stack: { get: throwing },
      cause: { get: throwing },
      name: { get: throwing },
      odd: { enumerable: true, value: { [Symbol.for('nodejs.util.inspect.custom')]: throwing } },
    })
    const there = pair().pass(error) as RemoteError & Record<string, unknown>
    expect(there).toMatchObject({ message: 'e', name: '(unreadable)', code: 'ERR_REMOTE' })
    expect([there['field'], there['odd']]).toEqual([undefined, '(unreadable)'])
  })

  it('carry no stack when the node does not send them', () => {
    const there = pair({ errorStacks: false }).pass(new Error('e')) as RemoteError
    expect(there.remoteStack).toBeUndefined()
    expect(there.stack).not.toContain('term.test.ts')
  })

  it('never set what an error must keep for itself', () => {
    const { a, b } = pair()
    const codec = new Codec<TermContext>({ limits: VALUE_LIMITS, extensions: termExtensions })
    const hostile = { type: TermType.error, matches: () => true, decode: () => 0 }
    const fields = {
      message: 'm',
      constructor: 1,
      then: 2,
      toString: 3,
      stack: 's',
      code: 'c',
      ok: 4,
    }
    const encode = (): unknown => ({ name: 'Error', message: 'real', code: null, fields })
    const sender = new Codec<TermContext>({ extensions: [{ ...hostile, encode }] })
    const there = codec.decode(sender.encode(new Error('x'), a), b) as RemoteError
    expect(
      Object.keys(there)
        .filter((key) => Object.hasOwn(fields, key))
        .sort(),
    ).toEqual(['code', 'ok'])
    expect([there.message, there.code, String(there)]).toEqual([
      'real',
      'ERR_REMOTE',
      'Error: real',
    ])
  })

  it('keep the fields of runtime errors, a failed call with its server for one', () => {
    const { a, pass } = pair()
    const server = a.system.spawn(() => new Promise(() => {}))
    const there = pass(new CallExitError({ server, request: 'add' }, new Error('boom')))
    expect(there).toMatchObject({
      ...{ name: 'CallExitError', code: 'ERR_CALL_EXIT', request: 'add' },
      reason: { message: 'boom' },
      server: { node: A, id: server.id },
    })
  })
})

describe('hostile terms', () => {
  const receiver = new Codec<TermContext>({ limits: VALUE_LIMITS, extensions: termExtensions })
  /** A sender that puts `payload` under an extension type of ours. */
  const sent = (type: number, payload: unknown): Uint8Array => {
    const extension = { type, matches: () => true, encode: () => payload, decode: () => 0 }
    return new Codec<TermContext>({ extensions: [extension] }).encode(new Error('x'), pair().a)
  }
  const bytes = (...parts: number[]): Uint8Array => Uint8Array.from(parts)
  const withNumbers = (place: number, ...numbers: number[]): Uint8Array => {
    const view = new DataView(new ArrayBuffer(1 + 8 * numbers.length))
    view.setUint8(0, place)
    numbers.forEach((value, i) => view.setFloat64(1 + 8 * i, value))
    return new Uint8Array(view.buffer)
  }
  it.each([
    ['an empty pid', TermType.pid, bytes()],
    ['a pid of an unknown place', TermType.pid, withNumbers(3, 1)],
    ['a short pid', TermType.pid, bytes(0, 1)],
    ['a long pid', TermType.pid, withNumbers(0, 1, 2)],
    ['a pid that is no number', TermType.pid, withNumbers(0, NaN)],
    ['a negative pid', TermType.pid, withNumbers(0, -1)],
    ['a fractional pid', TermType.pid, withNumbers(0, 1.5)],
    ['a pid above 2^53', TermType.pid, withNumbers(1, 2 ** 53, 1)],
    ['a pid with an infinite incarnation', TermType.pid, withNumbers(1, 1, Infinity)],
    ['a pid that is text', TermType.pid, 'pid'],
    ['a ref that is text', TermType.ref, 'ref'],
    ['a ref without a pid', TermType.ref, [{ node: A, id: 1, incarnation: 7 }, 'counter/1']],
    ['a ref with three parts', TermType.ref, [1, 2, 3]],
    ['a reference without a node', TermType.monitorRef, [7, 1]],
    ['a reference of no key', TermType.monitorRef, ['local', 1]],
    ['a reference that is no number', TermType.monitorRef, [A, '1']],
    ['an error that is null', TermType.error, null],
    ['an error without a name', TermType.error, { message: 'm' }],
    ['an error whose message is a number', TermType.error, { name: 'n', message: 1 }],
  ])('%s is a typed error', (_what, type, payload) => {
    expect(() => receiver.decode(sent(type, payload), pair().b)).toThrow(
      expect.objectContaining({
        code: expect.stringMatching(/^ERR_(DIST_MESSAGE|CODEC_)/) as string,
      }),
    )
  })
})

function cyclic(): unknown {
  const inner: Record<string, unknown> = {}
  const outer = { a: [1, inner] }
  inner['back'] = outer
  return outer
}

describe('values', () => {
  const travels = fc.letrec((tie) => ({
    leaf: fc.oneof(
      fc.constantFrom(null, undefined, true, false, NaN, Infinity, -Infinity, 0, -0),
      fc.double(),
      fc.maxSafeInteger(),
      fc.string({ unit: 'binary' }),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
      fc.date(),
      fc.uint8Array(),
      fc.float64Array(),
      fc.int32Array(),
    ),
    node: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      tie('leaf'),
      fc.array(tie('node'), { maxLength: 4 }),
      fc.dictionary(
        fc.string({ unit: 'grapheme' }).filter((key) => key !== '__proto__'),
        tie('node'),
        { maxKeys: 4, noNullPrototype: true },
      ),
      fc.array(fc.tuple(tie('node'), tie('node')), { maxLength: 3 }).map((e) => new Map(e)),
      fc.array(tie('node'), { maxLength: 3 }).map((items) => new Set(items)),
    ),
  })).node

  it('of the table come back as they were', () => {
    const { pass } = pair()
    fc.assert(
      fc.property(travels, (value) => {
        expect(pass({ value })).toEqual({ value })
      }),
      { numRuns: 300 },
    )
    expect.hasAssertions()
  })

  it('that are refused are named by their path, however deep', () => {
    const step = fc.oneof(fc.constantFrom('a', 'b', 'long'), fc.nat(3))
    const refused = fc.constantFrom<(root: unknown) => unknown>(
      () => () => 1,
      () => Symbol('s'),
      () => new (class Own {})(),
      (root) => root,
    )
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), refused, (steps, make) => {
        const root: Record<string, unknown> = {}
        let at: Record<string | number, unknown> = root
        const path = ['top', ...steps]
        path.forEach((name, i) => {
          const next = path[i + 1]
          const child: unknown =
            next === undefined ? make(root) : typeof next === 'number' ? [0, 0, 0, 0] : { other: 1 }
          at[name] = child
          at = child as Record<string | number, unknown>
        })
        const text = path.map((name) => (typeof name === 'number' ? `[${name}]` : `.${name}`))
        expect(() => pair().pass(root)).toThrow(
          expect.objectContaining({ path: text.join('').slice(1) }),
        )
      }),
    )
    expect.hasAssertions()
  })

  it('that occur twice are copied twice', () => {
    const shared = { n: 1 }
    const there = pair().pass([shared, shared]) as [object, object]
    expect(there).toEqual([shared, shared])
    expect(there[0]).not.toBe(there[1])
  })

  it.each([
    ['a function', { items: [() => 1] }, 'items[0]'],
    ['a symbol', { a: { b: Symbol('s') } }, 'a.b'],
    ['a class instance', new Map([['k', new (class Own {})()]]), '.get("k")'],
    ['a big bigint', [2n ** 64n], '[0]'],
    ['a cycle', cyclic(), 'a[1].back'],
  ])('%s is refused with its path', (_what, value, path) => {
    const { pass } = pair()
    expect(() => pass(value)).toThrow(UnsendableError)
    expect(() => pass(value)).toThrow(expect.objectContaining({ path }))
  })
})
