import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createHash } from 'node:crypto'
import { SwimCore } from '../../../../mesh/membership/swim/core.ts'
import type { SwimEvent, SwimInput, SwimMember } from '../../../../mesh/membership/swim/machine.ts'
import { Rank, type SwimDatagram, type Update } from '../../../../mesh/membership/swim/message.ts'
import { coreOptions, fakeSizes, Recorder, statementOf, type Effect } from './fake-world.ts'

const SEED = 4_010
const SETTINGS = { tombstoneMs: 20_000, membersMax: 6, relaysMax: 3, syncsMax: 3 }

const id = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g')
const anyId = fc.oneof({ weight: 6, arbitrary: id }, { weight: 1, arbitrary: fc.constant('z') })

const update: fc.Arbitrary<Update> = fc.oneof(
  fc
    .record({
      id,
      generation: fc.integer({ min: 1, max: 2 }),
      counter: fc.integer({ min: 0, max: 3 }),
      left: fc.boolean(),
      forged: fc.nat(9).map((n) => n === 0),
    })
    .map(({ id: subject, forged, ...fields }): Update => {
      const statement = statementOf(subject, fields)
      return { type: 'statement', statement: forged ? { ...statement, proof: '' } : statement }
    }),
  fc.record({
    type: fc.constantFrom('suspect' as const, 'dead' as const),
    id: anyId,
    generation: fc.integer({ min: 1, max: 2 }),
    counter: fc.integer({ min: 0, max: 3 }),
    accuser: anyId,
  }),
)
const updates = fc.array(update, { maxLength: 4 })
const sequence = fc.integer({ min: 1, max: 30 })

const message: fc.Arbitrary<SwimDatagram> = fc.oneof(
  fc.record({
    type: fc.constantFrom('ping' as const, 'ack' as const, 'nack' as const),
    sequence,
    updates,
  }),
  fc.record({ type: fc.constant('gossip' as const), updates }),
  fc.record({ type: fc.constant('ping_req' as const), sequence, target: anyId, updates }),
)

const input: fc.Arbitrary<SwimInput> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ type: fc.constant('datagram' as const), from: id, message }),
  },
  { weight: 8, arbitrary: fc.constant<SwimInput>({ type: 'tick' }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('request' as const),
      from: id,
      replyId: fc.nat(9),
      message: fc.oneof(
        fc.record({ type: fc.constant('probe' as const), updates }),
        id.map((other) => ({
          type: 'sync' as const,
          self: statementOf(other, { counter: 1 }),
          digests: new Uint32Array(128).fill(3),
          join: false,
        })),
        fc.record({
          type: fc.constant('sync_push' as const),
          entries: fc.array(
            fc
              .tuple(id, fc.constantFrom('alive' as const, 'suspect' as const, 'dead' as const))
              .map(([other, status]) => ({
                statement: statementOf(other, { counter: 1 }),
                status,
              })),
            { maxLength: 3 },
          ),
        }),
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('request_failed' as const), requestId: fc.nat(20) }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('peer_gone' as const), id }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('persisted' as const), generation: fc.nat(5) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('set_meta' as const),
      meta: fc.uint8Array({ maxLength: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: id.map((other): SwimInput => {
      return { type: 'join', contacts: [{ id: undefined, host: `host-${other}`, port: 1 }] }
    }),
  },
)

/** An input and how long it waits; a tick goes exactly when it is due, as a driver does it. */
const timed = fc.tuple(input, fc.oneof(fc.nat(400), fc.constant(0)))
const run = fc.array(timed, { minLength: 1, maxLength: 120 })

function fresh(seed: number): SwimCore {
  return new SwimCore(coreOptions('z', { seed, settings: SETTINGS }))
}

/** Drives a core; `step` sees each step and may put another core in its place. */
function drive(
  first: SwimCore,
  inputs: readonly (readonly [SwimInput, number])[],
  step: (core: SwimCore, effects: Effect[], nowMs: number) => SwimCore = (core) => core,
): void {
  let core = first
  let nowMs = 0
  for (const [what, waitMs] of inputs) {
    const dueMs = core.nextDeadline()
    nowMs = what.type === 'tick' && dueMs < Infinity ? Math.max(nowMs, dueMs) : nowMs + waitMs
    const recorder = new Recorder()
    core.step(nowMs, what, recorder)
    core = step(core, recorder.effects, nowMs)
  }
}

const incarnation = (member: SwimMember) => member.generation * 1_000 + member.counter

describe('a core under any inputs', () => {
  it('S4 S6 S8 S9 S10 no record goes back, nobody rises without a newer word, it is always alive', () => {
    fc.assert(
      fc.property(run, fc.nat(), (inputs, seed) => {
        let before = new Map<string, SwimMember>()
        drive(fresh(seed), inputs, (core, effects) => {
          const forgotten = new Set(
            effects.flatMap((effect) =>
              effect.type === 'event' && effect.event.type === 'forgotten'
                ? [effect.event.member.id]
                : [],
            ),
          )
          const after = new Map(core.members().map((member) => [member.id, member]))
          for (const [subject, member] of after) {
            const old = before.get(subject)
            if (old === undefined || forgotten.has(subject)) continue
            expect(incarnation(member)).toBeGreaterThanOrEqual(incarnation(old))
            if (incarnation(member) === incarnation(old)) {
              expect(Rank[member.status]).toBeGreaterThanOrEqual(Rank[old.status])
            }
          }
          expect(after.get('z')).toMatchObject({ status: 'alive' })
          before = after
          return core
        })
      }),
      { seed: SEED, numRuns: 600 },
    )
  })

  it('S14 events of a member are lives: up, then news, then down or left, and match the table', () => {
    fc.assert(
      fc.property(run, fc.nat(), (inputs, seed) => {
        const lives = new Map<string, boolean>()
        const last = new Map<string, SwimEvent>()
        drive(fresh(seed), inputs, (core, effects) => {
          for (const effect of effects) {
            if (effect.type !== 'event' || effect.event.type === 'conflict') continue
            const { type, member } = effect.event
            const living = lives.get(member.id) ?? false
            if (type === 'up' || type === 'forgotten') expect(living).toBe(false)
            else expect(living).toBe(true)
            lives.set(member.id, type !== 'down' && type !== 'left' && type !== 'forgotten')
            last.set(member.id, effect.event)
          }
          for (const [subject, event] of last) {
            const status = core.member(subject)?.status
            if (event.type === 'forgotten') expect(status).toBeUndefined()
            else expect(status).toBe(event.member.status)
          }
          return core
        })
      }),
      { seed: SEED, numRuns: 600 },
    )
  })

  it('S27 S28 S44 datagrams, queues and tables keep their limits', () => {
    fc.assert(
      fc.property(run, fc.nat(), (inputs, seed) => {
        drive(fresh(seed), inputs, (core, effects) => {
          for (const effect of effects) {
            if (effect.type !== 'send') continue
            const { message: sent } = effect
            const bytes = sent.updates.reduce(
              (sum, each) => sum + fakeSizes.updateBytes(each),
              fakeSizes.headerBytes(sent.type),
            )
            expect(bytes).toBeLessThanOrEqual(1_200)
          }
          const members = core.members().length
          expect(members).toBeLessThanOrEqual(SETTINGS.membersMax)
          expect(core.stats().updatesQueued).toBeLessThanOrEqual(members)
          const { relays, exchanges } = core.snapshot()
          expect(relays.relays.length).toBeLessThanOrEqual(SETTINGS.relaysMax)
          expect(exchanges.answered.length).toBeLessThanOrEqual(SETTINGS.syncsMax)
          return core
        })
      }),
      { seed: SEED, numRuns: 300 },
    )
  })

  it('S45 the next deadline is the minimum over all timers after each step', () => {
    fc.assert(
      fc.property(run, fc.nat(), (inputs, seed) => {
        drive(fresh(seed), inputs, (core, _effects, nowMs) => {
          expect(core.nextDeadline()).toBe(bruteForce(core))
          expect(core.nextDeadline()).toBeGreaterThanOrEqual(nowMs - 400 * 120)
          return core
        })
      }),
      { seed: SEED, numRuns: 300 },
    )
  })

  it('S46 one seed makes one trace, also when it is cut by a snapshot at every step', () => {
    const trace = (seed: number, inputs: [SwimInput, number][], cuts: boolean): string => {
      const hash = createHash('sha256')
      drive(fresh(seed), inputs, (core, effects) => {
        hash.update(JSON.stringify(effects))
        hash.update(String(core.nextDeadline()))
        if (!cuts) return core
        // A deep copy: nothing in a snapshot may be alive.
        const snapshot = structuredClone(core.snapshot())
        return SwimCore.restore(coreOptions('z', { seed, settings: SETTINGS }), snapshot)
      })
      return hash.digest('hex')
    }
    fc.assert(
      fc.property(run, fc.nat(), (inputs, seed) => {
        const whole = trace(seed, inputs, false)
        expect(trace(seed, inputs, false)).toBe(whole)
        expect(trace(seed, inputs, true)).toBe(whole)
      }),
      { seed: SEED, numRuns: 200 },
    )
  })
})

/** Every timer there is, from the plain state. */
function bruteForce(core: SwimCore): number {
  const { context, prober, relays, gossiper, exchanges, joiner, healer } = core.snapshot()
  const { roster } = context.table.schedule
  const timers = [
    ...context.suspicions.ends.map(([, atMs]) => atMs),
    ...context.table.tombstones.map(([, atMs]) => atMs),
    ...relays.deadlines.map(([, atMs]) => atMs),
    joiner.nextAtMs,
  ]
  if (prober.probe !== undefined) {
    timers.push(
      prober.probe.helpers === undefined ? prober.probe.timeoutAtMs : prober.probe.endAtMs,
    )
  } else if (roster.size > 0) timers.push(prober.nextAtMs)
  if (roster.size > 0) timers.push(exchanges.nextAtMs)
  if (context.queue.entries.length > 0) timers.push(gossiper.nextAtMs)
  if (healer.dead.length + joiner.contacts.length > 0) timers.push(healer.nextAtMs)
  return Math.min(...timers)
}
