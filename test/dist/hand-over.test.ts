/**
 * Links come and go between two nodes that can always speak through others: in schedules drawn by seed, a link is lost only while nobody
 * speaks on it; in half of them what goes through others comes in another order now and then. So nothing may be lost, doubled, out of
 * order, broken or waiting for ever, and no node be down, whatever gives way to what, and when.
 *
 * In harsh ones links are lost at any time, and what goes through others may be, without a word. Then much is `noconnection`; but
 * nothing is doubled, out of order or waiting for ever, what is said on a link that stands is taken, and when all is calm
 * the two speak on the link, whatever they have come through.
 */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Ref } from '../../behaviours/index.ts'
import { createSimClock, type MonitorRef, type Pid, type SimClock } from '../../runtime/index.ts'
import { BookContract, bookOf, type BookApi } from './support/book.ts'
import { Gates, type Side } from './support/gates.ts'

/** `npm run test:soak` runs more of them. */
const MODEL_RUNS = Number(process.env['FOVEA_MODEL_RUNS'] ?? 200)
const HARSH_RUNS = Math.min(20_000, Math.ceil(MODEL_RUNS / 20))
const RUNS = Math.min(20_000, 4 * MODEL_RUNS - 4 * HARSH_RUNS)
const SEED = Number(process.env['FOVEA_HAND_OVER_SEED'] ?? 1)

const NOTHING = new Uint8Array(0)

interface Speech {
  readonly side: Side
  readonly owner: Pid
  readonly far: Ref<BookApi>
  readonly noted: number[]
  readonly monitors: MonitorRef[]
  readonly signals: string[]
  waiting: number
  last: number
}

async function during<T>(clock: SimClock, promise: Promise<T>): Promise<T> {
  await clock.settle()
  await clock.advance(1)
  return promise
}

async function speech(clock: SimClock, side: Side): Promise<Speech> {
  const noted: number[] = []
  const Book = bookOf((number) => void noted.push(number))
  const { pid } = await during(clock, Book.start(undefined, { system: side.other.system }))
  const signals: string[] = []
  const owner = side.system.spawn(async (ctx) => {
    ctx.trapExit(true)
    for (;;) {
      const item = (await ctx.receive(undefined, { timeoutMs: Infinity })) as { reason?: unknown }
      signals.push(String(item.reason))
    }
  })
  const far = BookContract.at(side.system.pidFor(side.other.keyHex, pid.id, pid.incarnation))
  return { side, owner, far, noted, monitors: [], signals, waiting: 0, last: 0 }
}

const WHATS = [
  ...(['cast', 'cast', 'cast', 'call', 'call', 'monitor', 'demonitor', 'demonitor'] as const),
  ...([
    'link',
    'unlink',
    'unlink',
    'wait',
    'up',
    'up',
    'up',
    'break',
    'break',
    'rest',
    'rest',
  ] as const),
]
interface Command {
  readonly what: (typeof WHATS)[number]
  readonly by: 0 | 1
  readonly ms: number
}

/** How often each thing happened that this is about. */
const happened = { sessions: 0, links: 0, breaks: 0 }

/** Two sides that speak. */
interface Play {
  readonly clock: SimClock
  readonly gates: Gates
  readonly speeches: readonly [Speech, Speech]
  readonly problems: string[]
  readonly isHarsh: boolean
}

const HARSH = { dialHoldOffMs: 200, dialTimeoutMs: 300 }

async function begin(seed: number, isHarsh: boolean): Promise<Play> {
  const clock = createSimClock()
  const isOvertaken = seed % 2 === 1
  const gates = new Gates(clock, seed, { isOvertaken, ...(isHarsh ? HARSH : {}) })
  if (isHarsh) gates.lossChance = [0, 0.05, 0.3][seed % 3]!
  const [a, b] = gates.sides
  const speeches = [await speech(clock, a), await speech(clock, b)] as const
  const problems: string[] = []
  for (const { gate } of gates.sides) {
    gate.onRelay(({ type }) => {
      if (type === 'up') happened.sessions++
      else if (!isHarsh) problems.push('a node that lives is down')
    })
  }
  return { clock, gates, speeches, problems, isHarsh }
}

/** Something that both kinds of schedules do. */
function say({ gates, problems, isHarsh }: Play, what: Command['what'], talk: Speech): void {
  const { side, owner, far, monitors } = talk
  const { system, link } = side
  switch (what) {
    case 'cast': {
      const isTaken = !isHarsh || (link?.isUp === true && !link.isAsking)
      if (!far.cast.note({ number: ++talk.last, rest: NOTHING }) && isTaken)
        problems.push(`cast ${talk.last} is refused`)
      return
    }
    case 'call':
      talk.waiting++
      void far.call.note(++talk.last, { timeoutMs: Infinity }).then(
        () => void talk.waiting--,
        (error: unknown) => {
          talk.waiting--
          if (!isHarsh) problems.push(String(error))
        },
      )
      return
    case 'monitor':
      return void monitors.push(system.monitor(owner, far.pid))
    case 'demonitor':
      if (monitors.length > 0) system.demonitor(monitors.shift()!)
      return
    case 'link':
      // It would end the book with the first loss.
      return isHarsh ? undefined : system.link(owner, far.pid)
    case 'unlink':
      return system.unlink(owner, far.pid)
    case 'up':
      return gates.up(side)
    case 'break':
      if (!isHarsh && gates.isSpokenOn()) return
      happened.breaks++
      return gates.break(side)
    case 'rest':
      return gates.rest(side)
    case 'wait':
  }
}

/** What is wrong in the end. */
async function run(
  commands: readonly Command[],
  seed: number,
  isHarsh = false,
): Promise<readonly string[]> {
  const play = await begin(seed, isHarsh)
  const { clock, gates, speeches, problems } = play
  for (const { what, by, ms } of commands) {
    say(play, what, speeches[by])
    await clock.advance(ms)
  }
  for (const talk of speeches) {
    for (const _ of [...talk.monitors]) say(play, 'demonitor', talk)
    say(play, 'unlink', talk)
  }
  await (isHarsh ? calm(play) : goOn(play))
  for (const { side, waiting } of speeches) {
    if (waiting > 0) problems.push(`${waiting} calls wait`)
    const { gate, link, other } = side
    if (link === undefined || gate.peer(other.keyHex)?.link !== (link as unknown))
      problems.push('the link is not taken')
    if ([...gate.peers()].length !== 1) problems.push('more than one channel')
  }
  happened.links += gates.links
  for (const { gate, system } of gates.sides) {
    gate.close()
    await during(clock, system.stop())
  }
  return problems
}

/** Everything that was said is there, and nothing has broken. */
async function goOn(play: Play): Promise<void> {
  const { clock, gates, speeches, problems } = play
  // A session that was needed until now asks when it pings; one beside which a link comes up, at once.
  await clock.advance(1_200)
  for (const { noted, last } of speeches) {
    if (noted.length !== last) problems.push(`${noted.length} of ${last} came by themselves`)
  }
  gates.up(gates.sides[0])
  await clock.advance(200)
  for (const talk of speeches) say(play, 'call', talk)
  await clock.advance(200)
  for (const { side, noted, last, signals } of speeches) {
    const all = Array.from({ length: last }, (_, i) => i + 1)
    if (noted.join() !== all.join())
      problems.push(`${noted.join()} of ${last} at ${side.keyHex[0]}`)
    if (signals.length > 0) problems.push(`signals ${signals.join()}`)
    if (side.lost.length > 0) problems.push(`lost ${side.lost.join()}`)
  }
}

/** What is said from now on is there, and nothing came twice or out of order. */
async function calm(play: Play): Promise<void> {
  const { clock, gates, speeches, problems } = play
  gates.lossChance = 0
  // A session that one side has lost is over for the other after its silence, and a dial held off after its time.
  for (const ms of [300, 4_000, 300]) {
    gates.up(gates.sides[0])
    await clock.advance(ms)
  }
  const before = speeches.map(({ last }) => last)
  for (const talk of speeches) for (const what of ['cast', 'call'] as const) say(play, what, talk)
  await clock.advance(300)
  speeches.forEach(({ noted, last }, i) => {
    const isInOrder = noted.every((number, at) => at === 0 || number > noted[at - 1]!)
    const isThere = noted.slice(-2).join() === `${before[i]! + 1},${last}`
    if (!isInOrder || !isThere) problems.push(`${noted.join()} of ${before[i]} and 2`)
  })
}

// A turn, about what a dial in vain or a way through others takes, and what lets a session rest.
const pauses = fc.oneof(fc.nat(5), fc.nat(5), fc.integer({ min: 20, max: 80 }), fc.nat(700))
const sides = fc.constantFrom(0, 1) as fc.Arbitrary<0 | 1>
const any = fc.record({ what: fc.constantFrom(...WHATS), by: sides, ms: pauses })

/** A link that comes, goes and comes while a session asks whether it may end, and somebody speaks. */
const flaps: fc.Arbitrary<readonly Command[]> = fc
  .record({
    words: fc.array(
      fc.record({
        what: fc.constantFrom('cast', 'call', 'monitor', 'link', 'wait') as fc.Arbitrary<
          'cast' | 'call' | 'monitor' | 'link' | 'wait'
        >,
        by: sides,
        ms: fc.nat(12),
      }),
      { minLength: 3, maxLength: 3 },
    ),
    by: sides,
  })
  .map(({ words, by }) => [
    ...([0, 1] as const).flatMap((side) => {
      return (['unlink', 'demonitor'] as const).map((what) => ({ what, by: side, ms: 0 }))
    }),
    ...[
      { what: 'break' as const, by, ms: 700 },
      { what: 'cast' as const, by, ms: 300 },
    ],
    ...[{ what: 'up' as const, by, ms: 4 }, words[0]!, { what: 'break' as const, by, ms: 9 }],
    ...[words[1]!, { what: 'up' as const, by, ms: 4 }, words[2]!],
  ])

const commands: fc.Arbitrary<readonly Command[]> = fc
  .array(
    fc.oneof(
      { arbitrary: any.map((one) => [one] as readonly Command[]), weight: 8 },
      { arbitrary: flaps, weight: 1 },
    ),
    { minLength: 15, maxLength: 60 },
  )
  .map((parts) => parts.flat())

/** Schedules that showed what a rule is for, in as few words as show it: what, by which side, for how long. */
it.each([
  [
    'a session that was refused and asked for again is not accepted',
    12,
    'cast0 20, cast0 20, up0 0, rest0 20',
  ],
  [
    'one that was asked for twice is not refused and accepted',
    810730241,
    'call1 41, up1 5, unlink1 4, rest1 0',
  ],
  [
    'one that both ask for beside a link that goes comes up',
    9,
    'cast0 0, cast1 43, up0 5, rest1 2',
  ],
  [
    'one that was asked for before the former has ended comes behind it',
    730362121,
    'cast1 300, up1 4, cast1 8, break1 9, up1 4, link1 3, rest0 4',
  ],
  [
    'what waits for the end of a session finds another way',
    6,
    'call0 403, up0 2, rest1 1, call1 548',
  ],
  [
    'a link that stays does not bring back a session that ends',
    3,
    'cast0 300, up0 4, monitor0 0, call1 9, rest1 35',
  ],
  [
    'a link that stays takes the place of a session that has ended',
    11,
    'cast1 138, call0 63, call0 3, break0 700, cast0 300, up0 4, link0 0, rest1 52',
  ],
])('%s', async (_what, seed, words) => {
  const plan = words.split(', ').map((word) => {
    const [, what, by, ms] = /^([a-z]+)([01]) (\d+)$/.exec(word) as unknown as string[]
    return { what: what as Command['what'], by: Number(by) as 0 | 1, ms: Number(ms) }
  })
  expect(await run(plan, seed)).toEqual([])
})

it(`${RUNS} schedules of links that come and go beside sessions lose, double and break nothing`, async () => {
  await fc.assert(
    fc.asyncProperty(commands, fc.nat(), async (plan, seed) => {
      expect(await run(plan, seed)).toEqual([])
    }),
    { seed: SEED, numRuns: RUNS },
  )
  const { sessions, links, breaks } = happened
  expect([sessions > RUNS, links > RUNS, breaks > RUNS / 2]).toEqual([true, true, true])
}, 600_000)

it(`${HARSH_RUNS} harsh schedules double and reorder nothing, hold up nobody, and end on the link`, async () => {
  const before = happened.breaks
  await fc.assert(
    fc.asyncProperty(commands, fc.nat(), async (plan, seed) => {
      expect(await run(plan, seed, true)).toEqual([])
    }),
    { seed: SEED, numRuns: HARSH_RUNS },
  )
  expect(happened.breaks - before).toBeGreaterThan(HARSH_RUNS / 2)
}, 600_000)
