import { describe, expect, it } from 'vitest'
import type { KeyBook } from '../../../mesh/courier/key-book.ts'
import type { Parcel } from '../../../mesh/courier/parcel.ts'
import { RelayWay } from '../../../mesh/courier/relay-way.ts'
import type { Seals } from '../../../mesh/courier/seal.ts'
import { courierSettings } from '../../../mesh/courier/settings.ts'
import { Waiting } from '../../../mesh/courier/waiting.ts'
import { RouteError } from '../../../mesh/routing/greedy/errors.ts'
import { WireType } from '../../../mesh/wire/messages.ts'
import { frameOf } from './courier-world.ts'

const NODE = 'ab'.repeat(32)
const HELPER = 'cd'.repeat(32)
const OTHER = 'ef'.repeat(32)

/** A way whose envelopes, and whose questions for a key, end when the test says so. */
function scene() {
  const waiting = new Waiting(courierSettings('test', {}))
  const envelopes: {
    readonly via: string | undefined
    readonly firstHop: (node: string) => void
    end(error?: RouteError): Promise<void>
  }[] = []
  const questions: ((key: Uint8Array | undefined) => void)[] = []
  const said: string[] = []
  const state = { key: new Uint8Array(32) as Uint8Array | undefined, nowMs: 0 }
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  const way = new RelayWay({
    ...{ settings: courierSettings('test', {}), payloadBytesMax: 65_536, isEdge: false, waiting },
    seals: { seal: () => new Uint8Array(8) } as unknown as Seals,
    keys: {
      known: () => state.key,
      find: (_node: string, _at: unknown, found: (key: Uint8Array | undefined) => void) =>
        void questions.push(found),
    } as unknown as KeyBook,
    send: (_type, _destination, _payload, { via, firstHop = () => {} }) =>
      new Promise((resolve, reject) => {
        const end = (error?: RouteError): Promise<void> => {
          if (error === undefined) resolve('id')
          else reject(error)
          return settled()
        }
        envelopes.push({ via: via?.hex, firstHop, end })
      }),
    home: () => undefined,
    helpers: () => [HELPER],
    keysAt: () => undefined,
    now: () => state.nowMs,
    relayed: () => {},
    lose: (_parcel, code) => void said.push(`lost ${code}`),
    broken: () => void said.push('broken'),
    rested: () => void said.push('rested'),
    guard: (work) => work(),
  })
  const parcel: Parcel = {
    ...{ number: 1, to: NODE, lane: 'rpc', frame: frameOf('hello', WireType.call) },
    ...{ via: undefined, expiresMs: 10_000, lost: undefined },
  }
  waiting.add(parcel)
  way.move(NODE)
  return { way, envelopes, questions, said, state }
}

const NONE = new RouteError('ERR_ROUTE_NONE', 'given up')

describe('messages that come back while the key of their node is not known any more', () => {
  it('MG10 are sent again when it is found', async () => {
    const { way, envelopes, questions, said, state } = scene()
    state.key = undefined
    await envelopes[0]!.end(NONE)
    expect([envelopes.length, questions.length, way.isBusy(NODE)]).toEqual([1, 1, true])
    state.key = new Uint8Array(32)
    questions[0]!(state.key)
    expect(envelopes.map(({ via }) => via)).toEqual([undefined, HELPER])
    await envelopes[1]!.end()
    expect([said, way.isBusy(NODE), way.bytesOf(NODE)]).toEqual([['rested'], false, 0])
  })

  it('MG10 are lost when it is not, and keep nothing else back', async () => {
    const { way, envelopes, questions, said, state } = scene()
    state.key = undefined
    await envelopes[0]!.end(NONE)
    questions[0]!(undefined)
    expect(said).toEqual(['lost ERR_COURIER_UNREACHABLE', 'broken'])
    expect([way.isBusy(NODE), way.bytesOf(NODE)]).toEqual([false, 0])
  })
})

describe('what is under way when the link of its first hop breaks', () => {
  it.each([
    { hops: [], lost: OTHER, waits: true, what: 'that has not gone anywhere yet' },
    { hops: [OTHER], lost: HELPER, waits: true, what: 'that went by another link' },
    { hops: [OTHER, HELPER], lost: OTHER, waits: true, what: 'that came back and went by another' },
    { hops: [OTHER], lost: OTHER, waits: false, what: 'that went by that link' },
    { hops: [OTHER, HELPER], lost: HELPER, waits: false, what: 'that went by that link at last' },
  ])('MG10 others wait: $waits, for one $what', async ({ hops, lost, waits }) => {
    const { way, envelopes, said } = scene()
    for (const hop of hops) envelopes[0]!.firstHop(hop)
    way.unlinked(lost)
    expect([way.isBusy(NODE), said]).toEqual([waits, waits ? [] : ['rested']])
    // What became of it is told once all the same, and again means nothing.
    way.unlinked(lost)
    await envelopes[0]!.end(new RouteError('ERR_ROUTE_TIMEOUT', 'nothing came back'))
    expect([way.isBusy(NODE), said.filter((what) => what !== 'rested')]).toEqual([
      ...[false, ['lost ERR_COURIER_TIMEOUT']],
    ])
  })
})

describe('what is under way and of which nothing is heard', () => {
  it('MG10 others wait for envelopeWaitMs, no longer, and its end counts as ever', async () => {
    const { way, envelopes, said, state } = scene()
    const { envelopeWaitMs } = courierSettings('test', {})
    envelopes[0]!.firstHop(OTHER)
    expect(way.nextDueMs).toBe(envelopeWaitMs)
    way.tick((state.nowMs = envelopeWaitMs - 1))
    expect([way.isBusy(NODE), said]).toEqual([true, []])
    way.tick((state.nowMs = envelopeWaitMs))
    expect([way.isBusy(NODE), said, way.nextDueMs]).toEqual([false, ['rested'], Infinity])
    way.unlinked(OTHER)
    await envelopes[0]!.end(NONE)
    // Nobody had it: it goes by another node, and others wait for that.
    expect([envelopes.map(({ via }) => via), way.isBusy(NODE)]).toEqual([[undefined, HELPER], true])
    await envelopes[1]!.end()
    expect([said, way.isBusy(NODE), way.nextDueMs]).toEqual([['rested', 'rested'], false, Infinity])
  })
})
